//! Accepting a workload: its inputs, its class, the policy, the budgets.

use policy::{Action, Question, SiteFacts};
use units::{DataClass, Id, kinds};

use super::{Event, Kind, Spec, array, depend};
use crate::{
    Reject, State, budget, erasure, limits, lineage,
    model::{self, Artefact},
    policy_set, project,
    reject::Refused,
};

/// Decides a submission under a given id.
pub(crate) fn submit(
    state: &State,
    project: Id<kinds::Project>,
    spec: &Spec,
    id: Id<kinds::Workload>,
) -> Result<crate::Event, Reject> {
    erasure::require_open(state, project::get(state, project)?.organisation)?;
    Reject::limit("active workloads", state.index.active.len(), limits::ACTIVE_WORKLOADS_MAX)?;
    spec.check()?;
    check_outputs(state, project, spec)?;
    array::check(state, spec)?;
    depend::check(state, project, &spec.terms.after)?;
    let class = class_of(state, project, spec)?;
    lineage::require_consent(state, spec)?;
    budget::require_open(state, project)?;
    require_some_site(state, project, spec, class)?;
    let id = if spec.terms.array.is_some() { array::array_id(id) } else { id };
    Ok(crate::Event::Workload(Event::Submitted {
        id,
        project,
        spec: Box::new(spec.clone()),
        class,
    }))
}

/// The class of a workload: the highest of what it asks and of its inputs.
fn class_of(state: &State, project: Id<kinds::Project>, spec: &Spec) -> Result<DataClass, Reject> {
    let mut class = spec.class;
    for input in &spec.inputs {
        let (manifest, input_class) = model::resolve(state, input.artefact)?;
        if manifest != input.manifest {
            let message = format!("manifest `{}` is not that of the version named", input.manifest);
            return Err(Reject::invalid("data", message));
        }
        require_readable(state, project, input.artefact, input_class)?;
        class = class.max(input_class);
    }
    Ok(class)
}

/// A project reads its own artefacts, and public or internal ones of its organisation.
fn require_readable(
    state: &State,
    project: Id<kinds::Project>,
    artefact: Artefact,
    class: DataClass,
) -> Result<(), Reject> {
    let owner = model::owner(state, artefact)?;
    let same_organisation =
        project::get(state, owner)?.organisation == project::get(state, project)?.organisation;
    if owner == project || (same_organisation && class <= DataClass::Internal) {
        return Ok(());
    }
    // Artefacts of other tenants do not exist for this one.
    Err(match artefact {
        Artefact::Dataset { id, .. } => Reject::not_found("dataset", id),
        Artefact::Model { id, .. } => Reject::not_found("model", id),
    })
}

fn check_outputs(state: &State, project: Id<kinds::Project>, spec: &Spec) -> Result<(), Reject> {
    if let Some(id) = spec.outputs.model {
        let owner = model::get(state, id)?.project;
        if owner != project {
            return Err(Reject::not_found("model", id));
        }
    }
    if let Some(artefact) = spec.outputs.evaluates {
        model::resolve(state, artefact)?;
        let is_input = spec.inputs.iter().any(|input| input.artefact == artefact);
        if spec.kind != Kind::Eval || !is_input {
            let message = "only a workload of type `eval` with the model version as an input records an evaluation";
            return Err(Reject::invalid("outputs", message));
        }
    }
    Ok(())
}

/// The question to ask the policy about one site.
#[must_use]
pub fn question(
    state: &State,
    project: Id<kinds::Project>,
    spec: &Spec,
    class: DataClass,
    site: SiteFacts,
) -> Question {
    let action = match spec.kind {
        Kind::Service => Action::Serve,
        Kind::Train | Kind::Batch | Kind::Eval | Kind::Finetune | Kind::Dev => Action::Place,
    };
    let organisation = state.projects.get(&project).map(|p| p.organisation.to_string());
    Question {
        action,
        organisation: organisation.unwrap_or_default(),
        project: project.to_string(),
        class,
        residency: spec.residency_countries.clone(),
        site,
    }
}

/// Refuses unless some site is allowed; with no site registered at all, waiting is fine.
fn require_some_site(
    state: &State,
    project: Id<kinds::Project>,
    spec: &Spec,
    class: DataClass,
) -> Result<(), Reject> {
    let policies = policy_set::in_force(state, project)
        .ok_or_else(|| Reject::not_found("project", project))?;
    let mut last = None;
    for site in state.sites.values() {
        let question = question(state, project, spec, class, site.facts());
        let decision = policies.decide(&question);
        if decision.allowed {
            return Ok(());
        }
        last = Some((question, decision));
    }
    let Some((question, decision)) = last else { return Ok(()) };
    let refusal = policy::explain(&question, &decision);
    let workload = spec.name.to_string();
    Err(Reject::ForbiddenByPolicy(Box::new(Refused {
        project,
        workload,
        class,
        decision,
        refusal,
    })))
}
