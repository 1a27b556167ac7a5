//! Folds endpoint events.

use std::{collections::BTreeMap, sync::Arc};

use units::{DataClass, Id, Name, UnixMicros, kinds};

use super::{Endpoint, Event, Rollout, Stage};
use crate::{Actor, Meta, Stamp, State, limits};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, model, model_version, workloads } => {
            let endpoint = Endpoint {
                model: Some(*model),
                model_version: *model_version,
                workloads: workloads.clone(),
                ..empty((*id, *project, name), stamp)
            };
            insert(state, endpoint);
        }
        Event::Opened { id, project, name, class, routing, opened } => {
            let mut endpoint = Endpoint {
                class: Some(*class),
                backends: routing.backends.clone(),
                canaries: routing.canaries.clone(),
                fallbacks: routing.fallbacks.clone(),
                ..empty((*id, *project, name), stamp)
            };
            endpoint.reopen(*class, opened, stamp.at);
            insert(state, endpoint);
        }
        Event::Routed { id, class, routing, opened } => {
            if let Some(endpoint) = state.endpoints.get_mut(id) {
                endpoint.class = Some(*class);
                endpoint.backends.clone_from(&routing.backends);
                endpoint.canaries.clone_from(&routing.canaries);
                endpoint.fallbacks.clone_from(&routing.fallbacks);
                endpoint.reopen(*class, opened, stamp.at);
                endpoint.meta.touch(stamp);
            }
        }
        Event::Deleted { id } => {
            if let Some(endpoint) = state.endpoints.get_mut(id) {
                endpoint.reopen(DataClass::default(), &[], stamp.at);
                endpoint.deleted_at = Some(stamp.at);
                endpoint.meta.touch(stamp);
                state.index.endpoint_names.remove(&(endpoint.project, endpoint.name.clone()));
            }
        }
        Event::Grown { id, workloads, .. } => {
            charge_creator(state, *id, workloads);
            changed(state, event, stamp);
        }
        Event::Retired { id, .. } => {
            changed(state, event, stamp);
            forget_oldest(state, *id);
        }
        Event::ScalingSet { .. }
        | Event::Resized { .. }
        | Event::Held { .. }
        | Event::DrainStarted { .. }
        | Event::DrainCancelled { .. }
        | Event::UpdateStarted { .. }
        | Event::Promoted { .. }
        | Event::RolledBack { .. }
        | Event::UpdateEnded { .. } => changed(state, event, stamp),
    }
}

fn insert(state: &mut State, endpoint: Endpoint) {
    state.index.endpoint_names.insert((endpoint.project, endpoint.name.clone()), endpoint.id);
    state.endpoints.insert(endpoint.id, endpoint);
}

/// An endpoint with nothing behind it.
fn empty(
    (id, project, name): (Id<kinds::Endpoint>, Id<kinds::Project>, &Name),
    stamp: &Stamp,
) -> Endpoint {
    Endpoint {
        id,
        project,
        name: name.clone(),
        model: None,
        model_version: 0,
        workloads: Vec::new(),
        class: None,
        backends: Vec::new(),
        openings: Vec::new(),
        canaries: Vec::new(),
        fallbacks: Vec::new(),
        deleted_at: None,
        scaling: None,
        replicas: None,
        resized_at: None,
        draining: BTreeMap::new(),
        retired: Vec::new(),
        rollout: None,
        service: None,
        held: None,
        meta: Meta::new(stamp),
    }
}

/// What happens to an endpoint that is there, and concerns nothing else.
fn changed(state: &mut State, event: &Event, stamp: &Stamp) {
    let Some(endpoint) = state.endpoints.get_mut(&event.id()) else { return };
    endpoint.meta.touch(stamp);
    match event {
        Event::Created { .. }
        | Event::Opened { .. }
        | Event::Routed { .. }
        | Event::Deleted { .. } => {}
        Event::ScalingSet { scaling, .. } => {
            // The number it was created with is what is wanted until something changes it.
            endpoint.replicas = Some(endpoint.wanted());
            endpoint.scaling = Some(scaling.clone());
        }
        Event::Resized { replicas, .. } => {
            endpoint.replicas = Some(*replicas);
            endpoint.resized_at = Some(stamp.at);
        }
        Event::Grown { workloads, arriving, .. } => {
            endpoint.workloads.extend(workloads);
            endpoint.held = None;
            if let Some(rollout) = endpoint.rollout.as_mut().filter(|_| *arriving) {
                rollout.workloads.extend(workloads);
            }
        }
        Event::Held { reason, .. } => endpoint.held = Some(reason.clone()),
        Event::DrainStarted { workloads, until, .. } => {
            endpoint.draining.extend(workloads.iter().map(|id| (*id, *until)));
        }
        Event::DrainCancelled { workloads, .. } => {
            endpoint.draining.retain(|id, _| !workloads.contains(id));
        }
        Event::Retired { workloads, .. } => retire(endpoint, workloads),
        Event::UpdateStarted { .. } => start_update(endpoint, event, stamp.at),
        Event::Promoted { .. } => move_to(endpoint, Stage::Replacing, stamp.at),
        Event::RolledBack { .. } => move_to(endpoint, Stage::Leaving, stamp.at),
        Event::UpdateEnded { updated, .. } => {
            if let Some(rollout) = endpoint.rollout.take().filter(|_| *updated) {
                endpoint.model = Some(rollout.model);
                endpoint.model_version = rollout.model_version;
                endpoint.service = Some(rollout.service);
            }
            endpoint.held = None;
        }
    }
}

fn start_update(endpoint: &mut Endpoint, event: &Event, at: UnixMicros) {
    let Event::UpdateStarted {
        model, model_version, service, canary_percent, promote_after, ..
    } = event
    else {
        return;
    };
    endpoint.replicas = Some(endpoint.wanted());
    let canary = canary_percent.map(|percent| Stage::Canary { percent });
    endpoint.rollout = Some(Box::new(Rollout {
        model: *model,
        model_version: *model_version,
        service: service.clone(),
        workloads: Vec::new(),
        stage: canary.unwrap_or(Stage::Replacing),
        since: at,
        promote_after: *promote_after,
    }));
}

fn move_to(endpoint: &mut Endpoint, stage: Stage, at: UnixMicros) {
    if let Some(rollout) = endpoint.rollout.as_mut() {
        rollout.stage = stage;
        rollout.since = at;
    }
}

fn retire(endpoint: &mut Endpoint, workloads: &[Id<kinds::Workload>]) {
    endpoint.workloads.retain(|id| !workloads.contains(id));
    endpoint.draining.retain(|id, _| !workloads.contains(id));
    if let Some(rollout) = endpoint.rollout.as_mut() {
        rollout.workloads.retain(|id| !workloads.contains(id));
    }
    endpoint.retired.extend(workloads);
}

/// What services cost counts for whoever made the endpoint, whoever adds them.
fn charge_creator(state: &mut State, id: Id<kinds::Endpoint>, added: &[Id<kinds::Workload>]) {
    let creator = state.endpoints.get(&id).and_then(|endpoint| creator(state, endpoint));
    let Some(by) = creator else { return };
    for id in added {
        let Some(mut held) = state.workloads.take_out(id) else { continue };
        Arc::make_mut(&mut held).by = by;
        state.workloads.put_back(held);
    }
}

/// Who made an endpoint: whoever submitted the oldest of its services that is on record.
pub(super) fn creator(state: &State, endpoint: &Endpoint) -> Option<Actor> {
    endpoint.services(state).min_by_key(|one| one.submitted_seq).map(|one| one.by)
}

/// The oldest of too many that are gone; one that still runs is not forgotten.
fn forget_oldest(state: &mut State, id: Id<kinds::Endpoint>) {
    let Some(endpoint) = state.endpoints.get_mut(&id) else { return };
    let over = endpoint.retired.len().saturating_sub(limits::RETIRED_KEPT);
    let ended = |id: &Id<kinds::Workload>| {
        state.workloads.get(id).is_none_or(|service| service.has_ended())
    };
    let gone: Vec<_> = endpoint.retired.iter().filter(|id| ended(id)).take(over).copied().collect();
    endpoint.retired.retain(|id| !gone.contains(id));
}
