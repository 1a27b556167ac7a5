//! Folds node events.

use super::{Capacity, Event, Node, Status};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Registered { id, site, name, facts } => {
            let node = Node {
                id: *id,
                site: *site,
                name: name.clone(),
                facts: facts.clone(),
                status: Status::Ready,
                reason: "registered".to_owned(),
                allocated: Capacity::default(),
                meta: Meta::new(stamp),
            };
            state.nodes.insert(*id, node);
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
                node.meta.touch(stamp);
            }
        }
    }
}
