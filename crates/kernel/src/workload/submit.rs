//! Accepting a workload: its inputs, its class, the policy, the budgets.

use units::{DataClass, Id, kinds};

use super::{Event, Kind, Spec, array, asks, depend, lawful::require_at};
use crate::{
    Ctx, Reject, State, budget, erasure, limits, lineage,
    model::{self, Artefact},
    project,
};

/// Decides a submission under a given id; its events join those of the command so far.
pub(crate) fn submit(
    state: &State,
    (project, spec): (Id<kinds::Project>, &Spec),
    id: Id<kinds::Workload>,
    ctx: &Ctx,
    events: &mut Vec<crate::Event>,
) -> Result<(), Reject> {
    erasure::require_open(state, project::get(state, project)?.organisation)?;
    Reject::limit("active workloads", state.index.active.len(), limits::ACTIVE_WORKLOADS_MAX)?;
    spec.check()?;
    check_outputs(state, project, spec)?;
    array::check(state, spec)?;
    depend::check(state, project, &spec.terms.after)?;
    let class = class_of(state, project, spec)?;
    lineage::require_consent(state, spec)?;
    budget::require_open_for_work(state, (project, ctx.actor), spec, ctx.now)?;
    let id = if spec.terms.array.is_some() { array::array_id(id) } else { id };
    require_some_site(state, (project, id), (spec, class), events)?;
    let spec = Box::new(spec.clone());
    events.push(crate::Event::Workload(Event::Submitted { id, project, spec, class }));
    Ok(())
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

/// Refuses unless some site is allowed; with no site registered at all, waiting is fine. The decision
/// for the first site that is joins the events, unless one is on record.
fn require_some_site(
    state: &State,
    (project, id): (Id<kinds::Project>, Id<kinds::Workload>),
    (spec, class): (&Spec, DataClass),
    events: &mut Vec<crate::Event>,
) -> Result<(), Reject> {
    // A site that is known to be allowed is looked at first: then nothing is asked at all.
    let any = Id::from_parts(0, [0; 10]);
    let known = asks(project, spec, class, any).next();
    let known = known.and_then(|ask| state.decisions.allowed_sites(&ask).next());
    let mut last = None;
    for site in known.iter().chain(state.sites.keys()) {
        let asks = asks(project, spec, class, *site);
        match require_at(state, events, asks, id.into()) {
            Ok(_) => return Ok(()),
            Err(no) => last = Some(no),
        }
    }
    last.map_or(Ok(()), |no| Err(no.refuse(spec.name.to_string())))
}
