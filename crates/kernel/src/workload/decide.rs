//! Validates workload commands.

use std::collections::BTreeMap;

use units::{Id, kinds};

use super::{Command, Event, OutputStatus, Phase, Place, StopCause, get, report, stop_one, submit};
use crate::{Ctx, Reject, State, budget, limits, node::Capacity, policy_set, reject::Refused};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Submit { project, spec } => {
            submit(state, *project, spec, ctx.id(0)).map(|event| vec![event])
        }
        Command::Place(place) => place_gang(state, place).map(|e| vec![crate::Event::Workload(e)]),
        Command::Report(given) => report::decide(state, given, ctx),
        Command::Stop { id } => {
            get(state, *id)?;
            Ok(stop_one(state, *id, StopCause::User).into_iter().collect())
        }
        Command::FailOutputs { id, message } => {
            let workload = get(state, *id)?;
            if workload.outputs != OutputStatus::Pending {
                return Ok(Vec::new());
            }
            let event = Event::OutputsFailed { id: *id, message: limits::cut(message) };
            Ok(vec![crate::Event::Workload(event)])
        }
    }
}

/// Checks a proposal as strictly as anyone's: the scheduler is not trusted.
fn place_gang(state: &State, place: &Place) -> Result<Event, Reject> {
    let workload = get(state, place.workload)?;
    if workload.generation != place.generation {
        return Err(Reject::Stale {
            workload: workload.id,
            given: place.generation,
            current: workload.generation,
        });
    }
    if !matches!(workload.phase, Phase::Queued { .. }) {
        return Err(Reject::WrongState {
            kind: "workload",
            id: workload.id.to_string(),
            state: workload.state_name().to_owned(),
            action: "place it",
        });
    }
    let n_nodes = u32::try_from(place.nodes.len()).unwrap_or(u32::MAX);
    let spec = &workload.spec;
    if !(spec.nodes_min..=spec.nodes_max).contains(&n_nodes) {
        let message =
            format!("{n_nodes} nodes for a gang of {}..{}", spec.nodes_min, spec.nodes_max);
        return Err(Reject::DoesNotFit { message });
    }
    budget::require_open(state, workload.project)?;
    let site = require_room(state, spec.per_node, spec.gpu_model.as_deref(), &place.nodes)?;
    let facts = state.sites.get(&site).ok_or_else(|| Reject::not_found("site", site))?.facts();
    let policies = policy_set::in_force(state, workload.project)
        .ok_or_else(|| Reject::not_found("policy", workload.project))?;
    let question = super::question(state, workload.project, spec, workload.class, facts);
    let decision = policies.decide(&question);
    if !decision.allowed {
        let refusal = policy::explain(&question, &decision);
        return Err(Reject::ForbiddenByPolicy(Box::new(Refused {
            project: workload.project,
            workload: workload.id.to_string(),
            class: workload.class,
            decision,
            refusal,
        })));
    }
    Ok(Event::Placed {
        id: workload.id,
        attempt: workload.n_attempts.saturating_add(1),
        generation: workload.generation.saturating_add(1),
        site,
        nodes: place.nodes.clone(),
        decision,
    })
}

/// The one site of the nodes, if each of them takes work and has room for its ranks.
fn require_room(
    state: &State,
    need: Capacity,
    gpu_model: Option<&str>,
    nodes: &[Id<kinds::Node>],
) -> Result<Id<kinds::Site>, Reject> {
    let mut site = None;
    let mut free: BTreeMap<Id<kinds::Node>, Capacity> = BTreeMap::new();
    // A model of GPU means nothing to work that takes no GPU; the scheduler reads it the same way.
    let gpu_model = gpu_model.filter(|_| !need.gpus.is_zero());
    for id in nodes {
        let node = state.nodes.get(id).ok_or_else(|| Reject::not_found("node", id))?;
        if !node.status.takes(nodes.len()) {
            return Err(Reject::DoesNotFit {
                message: format!("node `{}` is not ready", node.name),
            });
        }
        if *site.get_or_insert(node.site) != node.site {
            return Err(Reject::DoesNotFit {
                message: "its nodes lie in different sites".to_owned(),
            });
        }
        let other = |g: &crate::node::Gpu| gpu_model.is_some_and(|model| !g.model.contains(model));
        if node.facts.gpus.iter().any(other) {
            return Err(Reject::DoesNotFit {
                message: format!("node `{}` has other GPUs", node.name),
            });
        }
        let left = free.entry(*id).or_insert_with(|| node.free());
        *left = left.checked_sub(need).ok_or_else(|| Reject::DoesNotFit {
            message: format!("node `{}` has not enough free capacity", node.name),
        })?;
    }
    site.ok_or_else(|| Reject::DoesNotFit { message: "no node was named".to_owned() })
}
