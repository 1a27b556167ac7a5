//! One node for a job of one node.
//!
//! The order, which is policy: fewest free GPUs that suffice (a started node is finished before
//! another is opened); among whole idle nodes the one whose rack loses the least (see `tails`);
//! pools in order of site and model; racks and nodes in their order. A suspect node is taken only
//! when nothing else fits, lowest number first. A part of a GPU looks at opened GPUs first (`part`);
//! what is left to it here are nodes with a whole one.
//!
//! Takes O(levels of free GPUs + racks that look right but lack processor or memory).

use super::{Ask, Broken, Choice, Rank, part};
use crate::fleet::{Fleet, Pool, ones};
use crate::problem::NodeIdx;

pub(super) fn find(fleet: &Fleet, ask: &Ask<'_>) -> Option<Choice> {
    let on_opened = ask.need.part.and_then(|part| part::on_opened(fleet, ask, part));
    let found = on_opened.or_else(|| whole(fleet, ask)).or_else(|| suspect(fleet, ask));
    let rank = Rank { n_racks: 1, n_groups: 1, ..Rank::default() };
    Some(Choice { nodes: vec![found?], rank })
}

/// A node with enough whole GPUs.
fn whole(fleet: &Fleet, ask: &Ask<'_>) -> Option<NodeIdx> {
    let pools = fleet.pools().iter().filter(|pool| ask.allows(pool));
    let mut best: Option<((usize, Broken), NodeIdx)> = None;
    for pool in pools {
        let found = in_pool(fleet, pool, ask, best.as_ref().map(|(key, _)| *key));
        best = found.or(best);
    }
    best.map(|(_, node)| node)
}

/// The best node of the pool if it is better than `bound`.
fn in_pool(
    fleet: &Fleet,
    pool: &Pool,
    ask: &Ask<'_>,
    bound: Option<(usize, Broken)>,
) -> Option<((usize, Broken), NodeIdx)> {
    let wanted = usize::try_from(ask.need.whole().gpus).unwrap_or(usize::MAX);
    if !ask.need.alone {
        for free in wanted..=pool.gpus_max() {
            let left_over = free.saturating_sub(wanted);
            let key = (left_over, Broken::default());
            if bound.is_some_and(|bound| bound <= key) {
                return None;
            }
            for at in pool.with_started(free) {
                // Idle nodes wait for the second look, which minds their racks.
                if let Some(node) = started(fleet, at, free, ask) {
                    return Some((key, node));
                }
            }
            // A node that is all free is idle: from here on the rack decides.
            if let Some(found) = idle(fleet, pool, ask, Some(free)) {
                let key = (left_over, found.0);
                return bound.is_none_or(|bound| key < bound).then_some((key, found.1));
            }
        }
        return None;
    }
    let (broken, node) = idle(fleet, pool, ask, None)?;
    let key = (usize::MAX, broken);
    bound.is_none_or(|bound| key < bound).then_some((key, node))
}

/// A node of the shelf that has exactly `free` GPUs free and already runs something.
fn started(fleet: &Fleet, at: usize, free: usize, ask: &Ask<'_>) -> Option<NodeIdx> {
    let shelf = fleet.shelf(at)?;
    if !shelf.most.covers(&ask.need.amounts) || !ask.has_power_at(fleet, at) {
        return None;
    }
    let slots = ones(shelf.with_free(free) & !shelf.idle);
    let mut nodes = slots.filter_map(|slot| shelf.nodes.get(slot).copied());
    nodes.find(|node| fits(fleet, *node, ask))
}

/// The idle node whose rack loses the least: a scan of counts of idle nodes, not of racks.
fn idle(
    fleet: &Fleet,
    pool: &Pool,
    ask: &Ask<'_>,
    gpus: Option<usize>,
) -> Option<(Broken, NodeIdx)> {
    if gpus.is_some_and(|gpus| !pool.has_size(gpus)) {
        return None;
    }
    for (broken, count) in pool.best_idle.iter().copied() {
        for at in pool.with_idle(count) {
            let Some(shelf) = fleet.shelf(at) else { continue };
            let is_right = gpus.is_none_or(|gpus| usize::try_from(shelf.gpus) == Ok(gpus));
            let is_large = is_right && shelf.most.covers(&ask.need.amounts);
            if !is_large || !ask.has_power_at(fleet, at) {
                continue;
            }
            let mut nodes = ones(shelf.idle).filter_map(|slot| shelf.nodes.get(slot).copied());
            if let Some(node) = nodes.find(|node| fits(fleet, *node, ask)) {
                return Some((broken, node));
            }
        }
    }
    None
}

/// True if the need fits the node, nobody else is promised it, and it has the power.
pub(super) fn fits(fleet: &Fleet, node: NodeIdx, ask: &Ask<'_>) -> bool {
    fleet.row(node).is_some_and(|row| row.fits(&ask.need))
        && !fleet.is_promised(node, &ask.asker)
        && ask.has_power_on(fleet, node)
}

fn suspect(fleet: &Fleet, ask: &Ask<'_>) -> Option<NodeIdx> {
    let allowed = |node: &NodeIdx| {
        let Some(row) = fleet.row(*node) else { return false };
        let class = row.node.class;
        let class_fits = !ask.need.uses_gpus() || class.is_some_and(|class| ask.classes.has(class));
        class_fits
            && ask.need.part.is_none_or(|part| part::can_cut(fleet, *node, part))
            && ask.job.allowed_sites.allows(row.node.site)
            && fits(fleet, *node, ask)
    };
    fleet.suspects().find(allowed)
}
