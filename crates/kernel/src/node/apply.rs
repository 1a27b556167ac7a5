//! Folds node events.

use super::{Capacity, Event, Node, Status};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Registered { id, site, name, facts, topology } => {
            let node = Node {
                id: *id,
                site: *site,
                name: name.clone(),
                facts: facts.clone(),
                topology: topology.clone(),
                status: Status::Ready,
                reason: "registered".to_owned(),
                stop_at: None,
                allocated: Capacity::default(),
                meta: Meta::new(stamp),
            };
            state.nodes.insert(*id, node);
        }
        Event::Moved { id, topology } => {
            if let Some(node) = state.nodes.get_mut(id) {
                node.topology.clone_from(topology);
                node.meta.touch(stamp);
            }
        }
        Event::FactsChanged { id, facts } => {
            if let Some(node) = state.nodes.get_mut(id) {
                node.facts = facts.clone();
                node.meta.touch(stamp);
            }
        }
        Event::StatusChanged { id, status, reason } => {
            if let Some(node) = state.nodes.get_mut(id) {
                node.status = *status;
                node.reason.clone_from(reason);
                node.stop_at = None;
                node.meta.touch(stamp);
            }
        }
        Event::DrainStarted { id, stop_at, reason } => {
            if let Some(node) = state.nodes.get_mut(id) {
                node.status = Status::Draining;
                node.reason.clone_from(reason);
                node.stop_at = Some(*stop_at);
                node.meta.touch(stamp);
            }
        }
        Event::GraceEnded { id } => {
            if let Some(node) = state.nodes.get_mut(id) {
                node.stop_at = None;
                node.meta.touch(stamp);
            }
        }
    }
}
