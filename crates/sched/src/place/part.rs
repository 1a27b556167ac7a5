//! One node for a part of a GPU.
//!
//! The order, which is policy: a GPU that is opened already before one that is whole. Of opened GPUs
//! for a share the one with the least left that suffices; for a MIG instance the place that destroys
//! the fewest legal places of other profiles (`mig::order`); then the node with the fewest whole
//! GPUs free, then the order of pools, racks and nodes. If none has room, a GPU is opened where one
//! whole GPU would be taken (see `single`). It must never leave a place unfound.
//!
//! Takes one look at each kind of room and rack that has such a GPU, not at each GPU.

use super::Ask;
use crate::fleet::{Fleet, Pool, Room, Size, ones};
use crate::mig::Slices;
use crate::part::Part;
use crate::problem::NodeIdx;

/// A node with an opened GPU that takes the part.
pub(super) fn on_opened(fleet: &Fleet, ask: &Ask<'_>, part: Part) -> Option<NodeIdx> {
    if ask.need.alone {
        // Whoever wants a node alone gets one on which nothing is open.
        return None;
    }
    let pools = fleet.pools().iter().filter(|pool| ask.allows(pool));
    match part {
        Part::Share { milli } => {
            let found = pools.filter_map(|pool| for_share(fleet, pool, ask, milli));
            found.min_by_key(|(room, _)| *room).map(|(_, node)| node)
        }
        Part::Mig { .. } => {
            let found = pools.filter_map(|pool| for_instance(fleet, pool, ask, part));
            found.min_by_key(|(rank, _)| *rank).map(|(_, node)| node)
        }
    }
}

fn for_share(fleet: &Fleet, pool: &Pool, ask: &Ask<'_>, milli: u32) -> Option<(Room, NodeIdx)> {
    pool.opened
        .for_share(milli)
        .find_map(|(room, shelf)| on_shelf(fleet, shelf, ask, room).map(|node| (room, node)))
}

/// The best place, and its position among all.
fn for_instance(fleet: &Fleet, pool: &Pool, ask: &Ask<'_>, part: Part) -> Option<(usize, NodeIdx)> {
    let cut = pool.cut.as_ref()?;
    let Part::Mig { profile } = part else { return None };
    let choices = cut.choices.of(cut.geometry.find(profile.as_str())?);
    choices.enumerate().filter(|(_, (taken, _))| *taken != Slices::NONE).find_map(
        |(rank, (taken, _))| {
            let mut shelves = pool.opened.beside(taken);
            let node =
                shelves.find_map(|shelf| on_shelf(fleet, shelf, ask, Room::Beside(taken)))?;
            Some((rank, node))
        },
    )
}

/// The node of a shelf with the fewest whole GPUs free that fits and has a GPU with just this room.
fn on_shelf(fleet: &Fleet, shelf: u32, ask: &Ask<'_>, room: Room) -> Option<NodeIdx> {
    let shelf = fleet.shelf(usize::try_from(shelf).ok()?)?;
    if !shelf.most.covers(&ask.need.amounts) {
        return None;
    }
    let slots = ones(shelf.opened & shelf.with_at_least(0));
    let nodes = slots.filter_map(|slot| shelf.nodes.get(slot).copied());
    let suits = |node: &NodeIdx| {
        let has_room = |row: &crate::fleet::Row| row.opened().iter().any(|one| one.room() == room);
        fleet.row(*node).is_some_and(has_room) && super::single::fits(fleet, *node, ask)
    };
    nodes.filter(suits).min_by_key(|node| (fleet.free_of(*node).gpus, *node))
}

/// True if a part could be cut from the GPUs of a node, were they all whole.
pub(super) fn can_cut(fleet: &Fleet, node: NodeIdx, part: Part) -> bool {
    let class = fleet.node(node).and_then(|node| node.class);
    class.is_some() && Size::of(part, fleet.cut(class).map(|cut| cut.geometry)).is_some()
}
