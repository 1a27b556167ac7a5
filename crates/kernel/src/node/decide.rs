//! Validates node commands.

use super::{Command, Event, Facts, Status};
use crate::{Ctx, Reject, State, limits, workload};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Register { site, name, facts } => {
            if !state.sites.contains_key(site) {
                return Err(Reject::not_found("site", site));
            }
            check(facts)?;
            let known = state.nodes.values().find(|n| n.site == *site && n.name == *name);
            let Some(node) = known else {
                Reject::limit("nodes", state.nodes.len(), limits::NODES_MAX)?;
                let event = Event::Registered {
                    id: ctx.id(0),
                    site: *site,
                    name: name.clone(),
                    facts: facts.clone(),
                };
                return Ok(vec![crate::Event::Node(event)]);
            };
            let mut events = Vec::new();
            if node.facts != *facts {
                events.push(crate::Event::Node(Event::FactsChanged {
                    id: node.id,
                    facts: facts.clone(),
                }));
            }
            if node.status == Status::Down {
                events.push(crate::Event::Node(Event::StatusChanged {
                    id: node.id,
                    status: Status::Ready,
                    reason: "its engine is back".to_owned(),
                }));
            }
            Ok(events)
        }
        Command::SetStatus { id, status, reason } => {
            let node = state.nodes.get(id).ok_or_else(|| Reject::not_found("node", id))?;
            if node.status == *status {
                return Ok(Vec::new());
            }
            let reason = limits::cut(reason);
            let changed = Event::StatusChanged { id: *id, status: *status, reason };
            let mut events = vec![crate::Event::Node(changed)];
            if matches!(status, Status::Draining) {
                events.extend(workload::stop_all_on(state, *id, workload::StopCause::NodeDrained));
            }
            Ok(events)
        }
    }
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
