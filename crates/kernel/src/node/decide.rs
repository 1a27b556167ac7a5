//! Validates node commands.

use units::{DurationMicros, Id, Name, kinds};

use super::{Command, Event, Facts, Node, Status, Topology};
use crate::{Ctx, Reject, State, limits, workload};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Register { site, name, facts, topology } => {
            register(state, ctx, *site, name, (facts, topology))
        }
        Command::Drain { id, grace, reason } => {
            let node = get(state, *id)?;
            if *grace == DurationMicros::ZERO {
                return set_status(state, ctx, node, Status::Draining, reason);
            }
            if *grace > limits::DRAIN_GRACE_MAX {
                let most = limits::DRAIN_GRACE_MAX;
                return Err(Reject::invalid("grace", format!("`{grace}` is more than {most}")));
            }
            // A drain whose work was stopped has nothing left to wait for.
            if node.status == Status::Draining && node.stop_at.is_none() {
                return Ok(Vec::new());
            }
            let reason = limits::cut(reason);
            let event = Event::DrainStarted { id: *id, stop_at: ctx.now.plus(*grace), reason };
            Ok(vec![crate::Event::Node(event)])
        }
        Command::EndGrace { id } => {
            let node = get(state, *id)?;
            if node.stop_at.is_none_or(|time| time > ctx.now) {
                return Ok(Vec::new());
            }
            Ok(end_grace(state, *id))
        }
        Command::SetStatus { id, status, reason } => {
            set_status(state, ctx, get(state, *id)?, *status, reason)
        }
    }
}

/// A node that must exist.
///
/// # Errors
/// [`Reject::NotFound`].
pub(crate) fn get(state: &State, id: Id<kinds::Node>) -> Result<&Node, Reject> {
    state.nodes.get(&id).ok_or_else(|| Reject::not_found("node", id))
}

fn register(
    state: &State,
    ctx: &Ctx,
    site: Id<kinds::Site>,
    name: &Name,
    (facts, topology): (&Facts, &Topology),
) -> Result<Vec<crate::Event>, Reject> {
    if !state.sites.contains_key(&site) {
        return Err(Reject::not_found("site", site));
    }
    check(facts)?;
    let known = state.nodes.values().find(|n| n.site == site && n.name == *name);
    if known.is_none_or(|node| node.topology != *topology) {
        check_rack(state, site, name, topology)?;
    }
    let Some(node) = known else {
        Reject::limit("nodes", state.nodes.len(), limits::NODES_MAX)?;
        let event = Event::Registered {
            id: ctx.id(0),
            site,
            name: name.clone(),
            facts: facts.clone(),
            topology: topology.clone(),
        };
        return Ok(vec![crate::Event::Node(event)]);
    };
    let id = node.id;
    let mut events = Vec::new();
    if node.facts != *facts {
        events.push(Event::FactsChanged { id, facts: facts.clone() });
    }
    if !topology.is_unknown() && node.topology != *topology {
        events.push(Event::Moved { id, topology: topology.clone() });
    }
    if node.status == Status::Down {
        let reason = "its engine is back".to_owned();
        events.push(Event::StatusChanged { id, status: Status::Ready, reason });
    }
    Ok(events.into_iter().map(crate::Event::Node).collect())
}

fn set_status(
    state: &State,
    ctx: &Ctx,
    node: &Node,
    status: Status,
    reason: &str,
) -> Result<Vec<crate::Event>, Reject> {
    let id = node.id;
    if node.status == status {
        // Drained again without a grace: whatever still has one ends now.
        return Ok(if node.stop_at.is_some() { end_grace(state, id) } else { Vec::new() });
    }
    let changed = Event::StatusChanged { id, status, reason: limits::cut(reason) };
    let stops = match status {
        Status::Draining => workload::stop_all_on(state, id, workload::StopCause::NodeDrained),
        Status::Down => workload::lose_all_on(state, id, ctx.now),
        Status::Ready | Status::Suspect | Status::Cordoned => Vec::new(),
    };
    Ok(std::iter::once(crate::Event::Node(changed)).chain(stops).collect())
}

fn end_grace(state: &State, id: Id<kinds::Node>) -> Vec<crate::Event> {
    let ended = crate::Event::Node(Event::GraceEnded { id });
    let stops = workload::stop_all_on(state, id, workload::StopCause::NodeDrained);
    std::iter::once(ended).chain(stops).collect()
}

fn check(facts: &Facts) -> Result<(), Reject> {
    let listed = u32::try_from(facts.gpus.len()).unwrap_or(u32::MAX);
    if facts.gpus.len() > limits::GPUS_PER_NODE_MAX || facts.capacity.gpus.0 != listed {
        let message = format!(
            "{listed} GPUs are listed but {} counted: list each, at most {}",
            facts.capacity.gpus.0,
            limits::GPUS_PER_NODE_MAX
        );
        return Err(Reject::invalid("gpus", message));
    }
    if facts.capacity.cpu.is_zero() || facts.capacity.memory.is_zero() {
        return Err(Reject::invalid("capacity", "a node needs processor time and memory"));
    }
    Ok(())
}

/// A rack stands in one group, or a gang that wants one rack could lie in two places.
fn check_rack(
    state: &State,
    site: Id<kinds::Site>,
    name: &Name,
    topology: &Topology,
) -> Result<(), Reject> {
    let Some(rack) = &topology.rack else { return Ok(()) };
    let others = state.nodes.values().filter(|node| node.site == site && node.name != *name);
    let mut same_rack = others.filter(|node| node.topology.rack.as_ref() == Some(rack));
    let Some(other) = same_rack.find(|node| node.topology.group != topology.group) else {
        return Ok(());
    };
    let stands = match &other.topology.group {
        Some(group) => format!("in group `{group}`"),
        None => "in no group".to_owned(),
    };
    let message = format!(
        "rack `{rack}` of this site stands {stands}, as node `{}` says: give that or another rack",
        other.name
    );
    Err(Reject::invalid("group", message))
}
