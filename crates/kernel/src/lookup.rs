//! Finding things by their names.

use units::{Id, Name, kinds};

use crate::State;

impl State {
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
}
