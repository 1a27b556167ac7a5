//! What was made from what people asked models, and whether it may be used for training. The default
//! is no: only the organisation whose people asked can allow it, and can take that back.

use std::collections::BTreeSet;

use units::{Digest, Id, kinds};

use crate::{
    Event, Reject, State,
    model::Artefact,
    workload::{self, Kind, Spec, StopCause},
};

/// Versions looked at before a lineage counts as captured without being read to its end.
const VISITED_MAX: usize = 100_000;

/// The organisation of a project.
pub(crate) fn organisation(
    state: &State,
    project: Id<kinds::Project>,
) -> Option<Id<kinds::Organisation>> {
    state.projects.get(&project).map(|project| project.organisation)
}

/// The organisation of an artefact.
pub(crate) fn organisation_of(
    state: &State,
    artefact: Artefact,
) -> Option<Id<kinds::Organisation>> {
    let project = match artefact {
        Artefact::Dataset { id, .. } => state.datasets.get(&id)?.project,
        Artefact::Model { id, .. } => state.models.get(&id)?.project,
    };
    organisation(state, project)
}

/// True if work trains a model: it says so, or a model is made from what it leaves.
#[must_use]
pub fn trains(spec: &Spec) -> bool {
    match spec.kind {
        Kind::Train | Kind::Finetune => true,
        Kind::Batch | Kind::Eval | Kind::Dev | Kind::Service => spec.outputs.model.is_some(),
    }
}

/// The captured data that an artefact is, was made from, or has the same content as; each with the
/// organisation whose people asked.
#[must_use]
pub fn captured(state: &State, artefact: Artefact) -> BTreeSet<Id<kinds::Organisation>> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![artefact];
    while let Some(next) = open.pop() {
        if seen.len() >= VISITED_MAX {
            // Too long to read is not known to be free of it.
            found.extend(organisation_of(state, artefact));
            break;
        }
        if !seen.insert(next) {
            continue;
        }
        match next {
            Artefact::Dataset { id, version } => {
                let Some(dataset) = state.datasets.get(&id) else { continue };
                if !dataset.origin.is_given() {
                    found.extend(organisation(state, dataset.project));
                }
                let Some(version) = dataset.version(version) else { continue };
                found.extend(same_content(state, version.manifest));
                open.extend(&version.parents);
            }
            Artefact::Model { id, version } => {
                let version = state.models.get(&id).and_then(|model| model.version(version));
                open.extend(version.into_iter().flat_map(|version| &version.lineage.inputs));
            }
        }
    }
    found
}

/// Captured data that was put again under another name is still captured.
fn same_content(
    state: &State,
    manifest: Digest,
) -> impl Iterator<Item = Id<kinds::Organisation>> + '_ {
    let first = (manifest, Id::from_bytes([0; 16]));
    let same = state.index.captured.range(first..).take_while(move |(other, _)| *other == manifest);
    same.filter_map(|(_, id)| organisation(state, state.datasets.get(id)?.project))
}

/// The first organisation whose people's questions a workload would train on without its consent.
#[must_use]
pub fn forbidden(state: &State, spec: &Spec) -> Option<Id<kinds::Organisation>> {
    if !trains(spec) {
        return None;
    }
    let inputs = spec.inputs.iter().flat_map(|input| captured(state, input.artefact));
    inputs.into_iter().find(|organisation| {
        state.organisations.get(organisation).is_none_or(|o| !o.training_allowed)
    })
}

/// Refuses training on captured data without consent.
pub(crate) fn require_consent(state: &State, spec: &Spec) -> Result<(), Reject> {
    match forbidden(state, spec) {
        None => Ok(()),
        Some(organisation) => {
            let name = state.organisations.get(&organisation).map(|o| o.name.to_string());
            let organisation = name.unwrap_or_else(|| organisation.to_string());
            Err(Reject::TrainingNotAllowed { organisation })
        }
    }
}

/// Stops what trains on an organisation's captured data.
pub(crate) fn stop_training(
    state: &State,
    organisation: Id<kinds::Organisation>,
) -> Vec<crate::Event> {
    let training = state.active_workloads().filter(|workload| {
        let inputs = &workload.spec.inputs;
        trains(&workload.spec)
            && inputs.iter().any(|i| captured(state, i.artefact).contains(&organisation))
    });
    let stops = training
        .filter_map(|workload| workload::stop_one(state, workload.id, StopCause::DataWithdrawn));
    stops.collect()
}

/// The specification of work that an entry submits or places, if it trains; what an auditor reads.
#[must_use]
pub fn training<'a>(state: &'a State, event: &'a Event) -> Option<&'a Spec> {
    let Event::Workload(event) = event else { return None };
    let spec = match event {
        workload::Event::Submitted { spec, .. } => spec,
        workload::Event::Placed { id, .. } | workload::Event::PlacedMany { id, .. } => {
            &state.workloads.get(id)?.spec
        }
        workload::Event::RankChanged { .. }
        | workload::Event::StopRequested { .. }
        | workload::Event::Requeued { .. }
        | workload::Event::Ended { .. }
        | workload::Event::OutputsFailed { .. }
        | workload::Event::PowerLimitSet { .. } => return None,
    };
    trains(spec).then_some(spec)
}
