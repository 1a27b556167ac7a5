//! How close the nodes of a placement lie, checked against what its workload requires.
//!
//! Must assume nothing of a node that does not say where it stands: it is near to nobody.

use units::{Name, kinds};

use super::{Level, Spec};
use crate::node::Node;

/// Refuses nodes, given in order of their ranks and of one site, that lie further apart than the
/// workload allows.
///
/// # Errors
/// What is wrong, for its owner.
pub(crate) fn require_near(spec: &Spec, nodes: &[&Node]) -> Result<(), String> {
    let wish = spec.terms.topology;
    if nodes.len() <= 1 {
        return Ok(());
    }
    match wish.fallback {
        Level::Site => Ok(()),
        Level::Spine => all_alike(nodes, group, "rack group"),
        Level::Node | Level::Nvlink if wish.segment <= 1 => all_alike(nodes, rack, "rack"),
        Level::Node | Level::Nvlink => {
            let block = usize::try_from(wish.segment).unwrap_or(usize::MAX);
            if nodes.len().checked_rem(block) != Some(0) {
                return Err(format!("{} nodes are not whole groups of {block}", nodes.len()));
            }
            nodes.chunks(block).try_for_each(|block| all_alike(block, rack, "rack"))
        }
    }
}

/// Where a node stands, as far as closeness goes.
#[derive(PartialEq, Eq)]
enum Place<'a> {
    Known(&'a Name),
    /// A rack that names no group is a group of its own.
    RackAlone(&'a Name),
    /// It does not say, so it is near to itself alone.
    Alone(units::Id<kinds::Node>),
}

fn rack(node: &Node) -> Place<'_> {
    node.topology.rack.as_ref().map_or(Place::Alone(node.id), Place::Known)
}

fn group(node: &Node) -> Place<'_> {
    match (&node.topology.group, &node.topology.rack) {
        (Some(group), _) => Place::Known(group),
        (None, Some(rack)) => Place::RackAlone(rack),
        (None, None) => Place::Alone(node.id),
    }
}

fn all_alike<'a>(
    nodes: &[&'a Node],
    place: fn(&'a Node) -> Place<'a>,
    level: &str,
) -> Result<(), String> {
    let Some((first, rest)) = nodes.split_first() else { return Ok(()) };
    match rest.iter().find(|node| place(node) != place(first)) {
        Some(other) => {
            Err(format!("nodes `{}` and `{}` are not in one {level}", first.name, other.name))
        }
        None => Ok(()),
    }
}
