//! An endpoint as it is shown: its state, each of its services with its share, what is agreed of their
//! number, and the version that is being introduced.

use api::{
    nouns::{
        endpoint_routing::EndpointBackend,
        endpoint_scaling::{
            EndpointReplica, EndpointRollout, EndpointRolloutStage, EndpointScaling,
        },
        model_endpoint::{ModelEndpoint, ModelEndpointState},
    },
    reference::ArtefactRef,
    text::Timestamp,
};
use kernel::{
    State,
    endpoint::{Endpoint, Rollout, Scaling, Stage},
    model::Artefact,
    workload::{Phase, Workload},
};
use units::{DurationMicros, UnixMicros};

use super::{endpoint_routing, explain, resolve};

/// How much is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// For one of many.
    Line,
    /// Also what the scheduler says of the first service that waits, as of now.
    Whole(UnixMicros),
}

/// The endpoint.
pub(crate) fn dto(state: &State, endpoint: &Endpoint, detail: Detail, seq: u64) -> ModelEndpoint {
    let services: Vec<&Workload> =
        endpoint.workloads.iter().filter_map(|id| state.workloads.get(id)).collect();
    let n_ready = services.iter().filter(|one| counts(endpoint, one)).count();
    let n_ready = u32::try_from(n_ready).unwrap_or(u32::MAX);
    let (backends, canaries) = endpoint_routing::shown(state, endpoint);
    let n_routed = backends.iter().filter(|one| one.allowed).count();
    let shown = state_of(endpoint, n_ready, (n_routed, backends.len()));
    let version = endpoint.model_version;
    ModelEndpoint {
        id: endpoint.id,
        project: endpoint.project,
        name: endpoint.name.clone(),
        model: endpoint.model.map(|id| named(state, endpoint, (id, version))),
        class: endpoint.class(state),
        replicas: endpoint.wanted(),
        replicas_ready: n_ready,
        state: shown,
        state_reason: why(state, endpoint, (shown, n_ready, &backends), detail),
        workloads: endpoint.workloads.clone(),
        services: replicas(state, endpoint, &services),
        backends,
        canaries,
        fallbacks: endpoint.fallbacks.clone(),
        scaling: endpoint.scaling.as_deref().map(scaling),
        rollout: endpoint.rollout.as_deref().map(|one| rollout(state, endpoint, one)),
        version: endpoint.meta.version,
        seq,
        created_at: Timestamp(endpoint.meta.created_at),
    }
}

/// True for a service that answers and is not to go.
fn counts(endpoint: &Endpoint, service: &Workload) -> bool {
    !endpoint.draining.contains_key(&service.id) && service.ready_addresses().next().is_some()
}

fn state_of(
    endpoint: &Endpoint,
    n_ready: u32,
    (n_routed, n_backends): (usize, usize),
) -> ModelEndpointState {
    let all_routed = n_routed >= n_backends;
    match (n_ready, n_routed) {
        _ if endpoint.deleted_at.is_some() => ModelEndpointState::Deleted,
        (0, 0) if endpoint.wanted() == 0 && n_backends == 0 => ModelEndpointState::Asleep,
        (0, 0) => ModelEndpointState::Pending,
        (n, _) if n < endpoint.wanted() || !all_routed => ModelEndpointState::Degraded,
        _ => ModelEndpointState::Ready,
    }
}

fn why(
    state: &State,
    endpoint: &Endpoint,
    (shown, n_ready, backends): (ModelEndpointState, u32, &[EndpointBackend]),
    detail: Detail,
) -> Option<String> {
    match shown {
        ModelEndpointState::Ready => None,
        ModelEndpointState::Deleted => Some("it was deleted".to_owned()),
        ModelEndpointState::Asleep => Some("it starts with the first request".to_owned()),
        ModelEndpointState::Pending | ModelEndpointState::Degraded => {
            if let Some(one) = backends.iter().find(|one| !one.allowed) {
                let what = "has no yes of policy on record and gets no request";
                return Some(format!("upstream {} {what}", one.upstream));
            }
            let services = endpoint.workloads.iter().filter_map(|id| state.workloads.get(id));
            let waiting = services.into_iter().find(|one| !counts(endpoint, one));
            let mut next = waiting.map_or("none", |one| one.state_name()).to_owned();
            if let (Some(one), Detail::Whole(now)) = (waiting, detail)
                && matches!(one.phase, Phase::Queued { .. })
            {
                let why = explain::explanation(state, one, now).summary;
                next = format!("{next}: {why}");
            }
            if let Some(held) = &endpoint.held {
                next = format!("{next}; no other can be added: {held}");
            }
            Some(format!("{n_ready} of {} replicas answer; the next is {next}", endpoint.wanted()))
        }
    }
}

fn replicas(state: &State, endpoint: &Endpoint, services: &[&Workload]) -> Vec<EndpointReplica> {
    let serving = endpoint.serving_in(state, |_| true);
    let whole: u64 = serving.iter().map(|one| u64::from(one.weight)).sum();
    let one = |service: &&Workload| {
        let weights = serving.iter().filter(|one| one.workload == service.id);
        let weight: u64 = weights.map(|one| u64::from(one.weight)).sum();
        let share = weight.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
        let reason = match &service.phase {
            Phase::Queued { reason, .. } => Some(reason.clone()),
            Phase::Stopping { cause, .. } => Some(cause.as_str().to_owned()),
            Phase::Placed { .. } | Phase::Running { .. } | Phase::Ended { .. } => None,
        };
        let inputs = service.spec.inputs.iter().map(|input| input.artefact);
        let serves = inputs.into_iter().find_map(|artefact| match artefact {
            Artefact::Model { id, version } => Some((id, version)),
            Artefact::Dataset { .. } => None,
        });
        EndpointReplica {
            workload: service.id,
            model: serves.map(|serves| named(state, endpoint, serves)),
            state: service.state_name().to_owned(),
            state_reason: reason,
            ready: service.ready_addresses().next().is_some(),
            share_milli: u32::try_from(share).unwrap_or(u32::MAX),
            stops_at: endpoint.draining.get(&service.id).copied().map(Timestamp),
        }
    };
    services.iter().map(one).collect()
}

fn scaling(agreed: &Scaling) -> EndpointScaling {
    EndpointScaling {
        replicas_min: agreed.replicas_min,
        replicas_max: agreed.replicas_max,
        target_tokens: agreed.target_tokens,
        target_wait_ms: agreed.target_wait.map(|wait| wait.0 / 1_000),
        up_after_s: agreed.up_after.as_secs(),
        down_after_s: agreed.down_after.as_secs(),
        idle_after_s: agreed.idle_after.as_secs(),
        drain_s: agreed.drain.as_secs(),
    }
}

/// What is agreed, as the state machine knows it.
pub(crate) fn agreed(asked: &EndpointScaling) -> Scaling {
    let secs = DurationMicros::from_secs;
    let wait = asked.target_wait_ms.map(|ms| DurationMicros(ms.saturating_mul(1_000)));
    Scaling {
        replicas_min: asked.replicas_min,
        replicas_max: asked.replicas_max,
        target_tokens: asked.target_tokens,
        target_wait: wait,
        up_after: secs(asked.up_after_s),
        down_after: secs(asked.down_after_s),
        idle_after: secs(asked.idle_after_s),
        drain: secs(asked.drain_s),
    }
}

fn rollout(state: &State, endpoint: &Endpoint, one: &Rollout) -> EndpointRollout {
    let (stage, canary_percent) = match one.stage {
        Stage::Canary { percent } => (EndpointRolloutStage::Canary, Some(percent)),
        Stage::Replacing => (EndpointRolloutStage::Replacing, None),
        Stage::Leaving => (EndpointRolloutStage::Leaving, None),
    };
    EndpointRollout {
        model: named(state, endpoint, (one.model, one.model_version)),
        stage,
        since: Timestamp(one.since),
        canary_percent,
        promote_after_s: one.promote_after.map(DurationMicros::as_secs),
    }
}

/// Models are never deleted, so the endpoint's own name stands for nothing that can be seen.
fn named(
    state: &State,
    endpoint: &Endpoint,
    (id, version): (units::Id<units::kinds::Model>, u32),
) -> ArtefactRef {
    let known = resolve::artefact_ref(state, Artefact::Model { id, version });
    known.unwrap_or_else(|| {
        let name = endpoint.name.clone();
        ArtefactRef { project: name.clone(), name, artefact_version: Some(version) }
    })
}
