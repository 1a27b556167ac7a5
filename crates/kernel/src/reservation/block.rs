//! From a wish for so many nodes to the nodes: in as few racks as possible, and always the same.
//!
//! Order of choice, which is policy: the rack with the fewest free nodes that suffices, so that larger
//! blocks stay whole; else racks with the most free nodes first, the last of them again the smallest
//! that suffices. Ties go to the group, then the rack, by name; nodes without a rack come last, as
//! one more rack that is no block. Inside a rack nodes go by name, shorter names first.

use std::collections::BTreeMap;

use units::{Id, kinds};

use super::{Block, Window};
use crate::{
    Reject, State, limits,
    node::{Node, Status, Topology},
    quota::Class,
};

/// Free nodes by place; those without a rack are under `None`.
type Racks<'a> = BTreeMap<Option<&'a Topology>, Vec<&'a Node>>;

pub(super) fn choose(
    state: &State,
    wanted: &Block,
    window: Window,
) -> Result<Vec<Id<kinds::Node>>, Reject> {
    let Block::Count { site, count, rack, one_rack, class } = wanted else {
        return Ok(Vec::new());
    };
    let count = usize::try_from(*count).unwrap_or(usize::MAX);
    if !(1..=limits::RESERVATION_NODES_MAX).contains(&count) {
        let most = limits::RESERVATION_NODES_MAX;
        return Err(Reject::invalid("count", format!("`{count}` is not from 1 to {most}")));
    }
    if !state.sites.contains_key(site) {
        return Err(Reject::not_found("site", site));
    }
    let suits = |node: &&Node| {
        node.site == *site
            && (rack.is_none() || *rack == node.topology.rack)
            && class.as_ref().is_none_or(|class| has(node, class))
    };
    let all: Vec<&Node> = state.nodes.values().filter(suits).collect();
    let free = all.iter().copied().filter(|node| is_free(state, node, window));
    let mut racks: Racks<'_> = BTreeMap::new();
    for node in free {
        let place = node.topology.rack.is_some().then_some(&node.topology);
        racks.entry(place).or_default().push(node);
    }
    let n_free: usize = racks.values().map(Vec::len).sum();
    let in_racks = racks.iter().filter(|(place, _)| place.is_some());
    let largest = in_racks.map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
    let chosen = pick(&mut racks, count, *one_rack || rack.is_some());
    let Some(mut nodes) = chosen else {
        let message = format!(
            "{count} nodes are wanted; {n_free} of {} that suit are free then, at most {largest} in one rack",
            all.len()
        );
        return Err(Reject::DoesNotFit { message });
    };
    nodes.sort_unstable();
    Ok(nodes)
}

fn has(node: &Node, class: &Class) -> bool {
    match class {
        Class::Cpu => node.facts.gpus.is_empty(),
        Class::Gpu(model) => node.facts.gpus.first().is_some_and(|gpu| gpu.model.contains(model)),
    }
}

/// A node that is lost now is not promised to anybody; any other state may have ended by then.
fn is_free(state: &State, node: &Node, window: Window) -> bool {
    node.status != Status::Down
        && !state.reservations_of(node.id).any(|other| other.window.overlaps(window))
}

/// Takes `count` nodes out of the racks, or nothing.
fn pick(racks: &mut Racks<'_>, count: usize, one_rack: bool) -> Option<Vec<Id<kinds::Node>>> {
    let mut chosen: Vec<Id<kinds::Node>> = Vec::new();
    loop {
        let missing = count.saturating_sub(chosen.len());
        let known = || racks.iter().filter(|(place, _)| place.is_some());
        let enough = known().filter(|(_, nodes)| nodes.len() >= missing);
        // `min_by_key` gives the first of equals, and the map goes by name.
        let smallest = enough.min_by_key(|(_, nodes)| nodes.len()).map(|(place, _)| *place);
        let next = match smallest {
            Some(place) => Some(place),
            None if one_rack => return None,
            None => {
                let fullest =
                    known().min_by_key(|(_, nodes)| usize::MAX.saturating_sub(nodes.len()));
                fullest.map(|(place, _)| *place)
            }
        };
        // Without any rack left, nodes that stand in none remain.
        let mut nodes = racks.remove(&next.unwrap_or_default())?;
        nodes.sort_by_key(|node| (node.name.as_str().len(), &node.name));
        chosen.extend(nodes.iter().take(missing).map(|node| node.id));
        if chosen.len() == count {
            return Some(chosen);
        }
    }
}
