//! Validates workload commands.

use std::collections::BTreeMap;

use units::{Id, kinds};

use super::{
    Command, Event, NodeRuns, OutputStatus, Phase, Place, Spec, StopCause, Workload, array, asks,
    cap, depend, get, keyed, lawful::require_at, near::require_near, preempt, report,
    stop::stop_whole, submit,
};
use crate::{
    Ctx, Reject, State, budget, limits, lineage,
    node::{Capacity, Node},
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Submit { project, spec } => {
            let mut events = Vec::new();
            let spec = keyed::tightened(state, ctx, spec)?;
            submit(state, (*project, &spec), ctx.id(0), ctx, &mut events).map(|()| events)
        }
        Command::Place(place) => place_gang(state, place, ctx),
        Command::Report(given) => report::decide(state, given, ctx),
        Command::Preempt(given) => {
            preempt::decide(state, given, ctx).map(|event| vec![crate::Event::Workload(event)])
        }
        Command::SetCap(given) => cap::decide(state, given)
            .map(|event| event.map(crate::Event::Workload).into_iter().collect()),
        Command::Stop { id } => {
            let workload = get(state, *id)?;
            Ok(stop_whole(state, workload, StopCause::User))
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
fn place_gang(state: &State, place: &Place, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let workload = get(state, place.workload)?;
    if workload.generation != place.generation {
        return Err(Reject::Stale {
            workload: workload.id,
            given: place.generation,
            current: workload.generation,
        });
    }
    require_waiting(state, workload)?;
    let n_nodes = u32::try_from(place.nodes.len()).unwrap_or(u32::MAX);
    let spec = &workload.spec;
    if !(spec.nodes_min..=spec.nodes_max).contains(&n_nodes) {
        let message =
            format!("{n_nodes} nodes for a gang of {}..{}", spec.nodes_min, spec.nodes_max);
        return Err(Reject::DoesNotFit { message });
    }
    budget::require_open_for_work(state, (workload.project, workload.by), spec, ctx.now)?;
    // What was allowed at submission may have been withdrawn since.
    lineage::require_consent(state, spec)?;
    let site = require_room(state, spec, &place.nodes)?;
    super::check_seats(state, spec, &place.nodes, &place.seats)
        .map_err(|message| Reject::DoesNotFit { message })?;
    let asks = asks(workload.project, spec, workload.class, site);
    let mut events = Vec::new();
    let (decided, decision) = require_at(state, &mut events, asks, workload.id.into())
        .map_err(|no| no.refuse(workload.id.to_string()))?;
    let (id, attempt) = (workload.id, workload.n_attempts.saturating_add(1));
    let generation = workload.generation.saturating_add(1);
    let by_position = place.nodes.len() > limits::NODES_BY_ID_MAX;
    let placed = match by_position.then(|| NodeRuns::new(state, &place.nodes)).flatten() {
        Some(nodes) => {
            Event::PlacedMany { id, attempt, generation, site, nodes, decision, decided }
        }
        None => {
            let (nodes, seats) = (place.nodes.clone(), place.seats.clone());
            Event::Placed { id, attempt, generation, site, nodes, decision, seats, decided }
        }
    };
    events.push(crate::Event::Workload(placed));
    Ok(events)
}

/// Refuses unless it waits, and for nothing but a place.
fn require_waiting(state: &State, workload: &Workload) -> Result<(), Reject> {
    let refuse = |action| {
        let (id, state) = (workload.id.to_string(), workload.state_name().to_owned());
        Err(Reject::WrongState { kind: "workload", id, state, action })
    };
    if !matches!(workload.phase, Phase::Queued { .. }) {
        return refuse("place it");
    }
    if workload.is_array() {
        return refuse("place it: it is an array, place its tasks");
    }
    if array::free_slots(state, workload) == Some(0) {
        return refuse("place it: as many tasks of its array run as may");
    }
    if depend::unmet(state, workload).is_some() {
        return refuse("place it: what it waits for has not ended");
    }
    Ok(())
}

/// The one site of the nodes, if each of them takes work and has room for its ranks.
fn require_room(
    state: &State,
    spec: &Spec,
    nodes: &[Id<kinds::Node>],
) -> Result<Id<kinds::Site>, Reject> {
    let mut site = None;
    let mut free: BTreeMap<Id<kinds::Node>, Capacity> = BTreeMap::new();
    let mut chosen = None;
    let mut ranks = Vec::with_capacity(nodes.len());
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
        let Some((choice, need)) = spec.take_on(node) else {
            return Err(Reject::DoesNotFit {
                message: format!("node `{}` has other GPUs", node.name),
            });
        };
        if *chosen.get_or_insert(choice) != choice {
            let message = "its nodes answer different choices of GPU: a gang is alike".to_owned();
            return Err(Reject::DoesNotFit { message });
        }
        if is_held_whole(state, node) {
            return Err(Reject::DoesNotFit {
                message: format!("node `{}` is held whole by other work", node.name),
            });
        }
        // A part of a GPU is looked at apart: it may lie on one that is taken already.
        let need = spec.beside_part(need);
        let left = free.entry(*id).or_insert_with(|| node.free());
        *left = left.checked_sub(need).ok_or_else(|| Reject::DoesNotFit {
            message: format!("node `{}` has not enough free capacity", node.name),
        })?;
        ranks.push(node);
    }
    require_near(spec, &ranks).map_err(|message| Reject::DoesNotFit { message })?;
    site.ok_or_else(|| Reject::DoesNotFit { message: "no node was named".to_owned() })
}

/// True if work that takes its nodes whole runs here, however large the node has become since.
fn is_held_whole(state: &State, node: &Node) -> bool {
    let here = state.index.by_node.get(&node.id).into_iter().flatten();
    here.filter_map(|id| state.workloads.get(id)).any(|workload| workload.spec.terms.exclusive)
}
