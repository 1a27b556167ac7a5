//! Questions that a state answers by its indices, and the part of it that policy depends on.

use units::{Id, Name, kinds};

use super::State;
use crate::{Subject, budget, workload};

impl State {
    /// What policy depends on and nothing else: to ask what would be after a change.
    #[must_use]
    pub fn policy_view(&self) -> Self {
        let mut view = Self {
            size: self.size,
            last_at: self.last_at,
            organisations: self.organisations.clone(),
            projects: self.projects.clone(),
            policy_sets: self.policy_sets.clone(),
            sites: self.sites.clone(),
            entities: self.entities.clone(),
            storages: self.storages.clone(),
            decisions: self.decisions.clone(),
            ..Self::default()
        };
        view.index.policies.clone_from(&self.index.policies);
        view.index.assessments.clone_from(&self.index.assessments);
        view
    }

    /// The project of `organisation/project`.
    #[must_use]
    pub fn project_by_path(
        &self,
        organisation: &Name,
        project: &Name,
    ) -> Option<Id<kinds::Project>> {
        let organisation = self.index.organisation_names.get(organisation)?;
        self.index.project_names.get(&(*organisation, project.clone())).copied()
    }

    /// An organisation by its name.
    #[must_use]
    pub fn organisation_by_name(&self, name: &Name) -> Option<Id<kinds::Organisation>> {
        self.index.organisation_names.get(name).copied()
    }

    /// A dataset of a project by its name.
    #[must_use]
    pub fn dataset_by_name(
        &self,
        project: Id<kinds::Project>,
        name: &Name,
    ) -> Option<Id<kinds::Dataset>> {
        self.index.dataset_names.get(&(project, name.clone())).copied()
    }

    /// A model of a project by its name.
    #[must_use]
    pub fn model_by_name(
        &self,
        project: Id<kinds::Project>,
        name: &Name,
    ) -> Option<Id<kinds::Model>> {
        self.index.model_names.get(&(project, name.clone())).copied()
    }

    /// An endpoint of a project by its public name.
    #[must_use]
    pub fn endpoint_by_name(
        &self,
        project: Id<kinds::Project>,
        name: &Name,
    ) -> Option<Id<kinds::Endpoint>> {
        self.index.endpoint_names.get(&(project, name.clone())).copied()
    }

    /// What the entries from `seq` on were about, once for each entry; `None` if some of them are no
    /// longer remembered, so that whoever follows must read everything anew.
    pub fn changes_since(&self, seq: u64) -> Option<impl Iterator<Item = Subject> + '_> {
        self.index.changes.since(seq)
    }

    /// Workloads that have not ended, by id.
    pub fn active_workloads(&self) -> impl Iterator<Item = &workload::Workload> {
        self.index.active.iter().filter_map(|id| self.workloads.get(id))
    }

    /// Succeeded workloads whose outputs are to be registered.
    pub fn outputs_pending(&self) -> impl Iterator<Item = &workload::Workload> {
        self.index.outputs_pending.iter().filter_map(|id| self.workloads.get(id))
    }

    /// Budgets of an owner.
    pub fn budgets_of(&self, owner: budget::Owner) -> impl Iterator<Item = &budget::Budget> {
        self.index.budgets.get(&owner).into_iter().flatten().filter_map(|id| self.budgets.get(id))
    }
}
