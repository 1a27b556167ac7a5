//! Which of the nodes that fit a job gets: best fit with fixed tie-breaks.
//!
//! The tie-breaks are policy and must never change unnoticed. They are:
//! 1. Site: most nodes up to the job's maximum; then fewest racks; then the smallest sum of what
//!    would be left over (GPUs, then memory, then processor); then the lowest site number.
//! 2. Rack within the site, until enough nodes are found: if one rack has all the nodes that are
//!    still wanted, the one with the fewest fitting nodes that does; otherwise the one with the
//!    most. Then the smallest left-over sum of its best nodes; then the lowest rack number. This
//!    gives the fewest racks possible.
//! 3. Node within the rack: the smallest left-over (GPUs, then memory, then processor); then the
//!    lowest node number. Work without GPUs thereby prefers nodes without free GPUs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::fleet::{Amounts, Fleet, Slot};
use crate::problem::{Job, NodeIdx, SiteIdx};

/// A choice within one site.
#[derive(Debug)]
struct Choice {
    nodes: Vec<NodeIdx>,
    n_racks: usize,
    left_over: Amounts,
}

/// The nodes the job gets now, in ascending order, or `None` if no site fits it.
pub(crate) fn nodes_for(fleet: &Fleet, job: &Job) -> Option<(SiteIdx, Vec<NodeIdx>)> {
    fleet
        .allowed(job)
        .filter_map(|(site, slots)| within_site(slots, job).map(|choice| (site, choice)))
        .min_by_key(|(site, choice)| {
            (Reverse(choice.nodes.len()), choice.n_racks, choice.left_over, *site)
        })
        .map(|(site, choice)| (site, choice.nodes))
}

fn within_site(slots: &[Slot], job: &Job) -> Option<Choice> {
    let need = Amounts::of(job);
    let mut racks: BTreeMap<u32, Vec<(Amounts, NodeIdx)>> = BTreeMap::new();
    for slot in slots.iter().filter(|slot| slot.fits_now(job)) {
        racks.entry(slot.rack).or_default().push((slot.free.saturating_sub(need), slot.node));
    }
    let n_fit = racks.values().map(Vec::len).fold(0, usize::saturating_add);
    if n_fit < count(job.nodes_min) {
        return None;
    }
    racks.values_mut().for_each(|nodes| nodes.sort_unstable());
    let mut wanted = n_fit.min(count(job.nodes_max));
    let mut choice = Choice { nodes: Vec::new(), n_racks: 0, left_over: Amounts::default() };
    while wanted > 0 {
        let nodes = next_rack(&racks, wanted).and_then(|rack| racks.remove(&rack))?;
        for (left_over, node) in nodes.into_iter().take(wanted) {
            choice.left_over = choice.left_over.saturating_add(left_over);
            choice.nodes.push(node);
            wanted = wanted.saturating_sub(1);
        }
        choice.n_racks = choice.n_racks.saturating_add(1);
    }
    choice.nodes.sort_unstable();
    Some(choice)
}

/// The rack to take nodes from next; `None` only when no rack is left.
fn next_rack(racks: &BTreeMap<u32, Vec<(Amounts, NodeIdx)>>, wanted: usize) -> Option<u32> {
    racks
        .iter()
        .min_by_key(|(rack, nodes)| {
            let holds_all = nodes.len() >= wanted;
            // Fewest nodes among racks that hold all, most nodes among the others.
            let size = if holds_all { nodes.len() } else { usize::MAX.saturating_sub(nodes.len()) };
            let best = nodes.iter().take(wanted).map(|(left_over, _)| *left_over);
            (!holds_all, size, best.fold(Amounts::default(), Amounts::saturating_add), **rack)
        })
        .map(|(rack, _)| *rack)
}

/// A number of nodes as a length.
pub(crate) fn count(nodes: u32) -> usize {
    usize::try_from(nodes).unwrap_or(usize::MAX)
}
