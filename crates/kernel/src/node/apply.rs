//! Folds node events, and keeps the indices over nodes in step.

use super::{
    Capacity, Event, Node, Status,
    hardware::{index_into, unindex},
};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    if let Event::Registered { id, site, name, facts, topology } = event {
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
        index_into(&mut state.index, &node);
        state.nodes.insert(*id, node);
        return;
    }
    // INVARIANT: `decide` emits events only about nodes that exist.
    let Some(node) = state.nodes.get_mut(&event.id()) else { return };
    unindex(&mut state.index, node);
    change(node, event);
    node.meta.touch(stamp);
    index_into(&mut state.index, node);
}

fn change(node: &mut Node, event: &Event) {
    match event {
        // Handled by the caller: there is no node yet.
        Event::Registered { .. } => {}
        Event::Moved { topology, .. } => node.topology.clone_from(topology),
        Event::FactsChanged { facts, .. } => node.facts = facts.clone(),
        Event::StatusChanged { status, reason, .. } => {
            node.status = *status;
            node.reason.clone_from(reason);
            node.stop_at = None;
        }
        Event::DrainStarted { stop_at, reason, .. } => {
            node.status = Status::Draining;
            node.reason.clone_from(reason);
            node.stop_at = Some(*stop_at);
        }
        Event::GraceEnded { .. } => node.stop_at = None,
    }
}
