//! The first nodes that fit a request: domain by domain in the order of the fleet.

use std::collections::BTreeSet;

use super::nodes::Nodes;
use crate::twin::{
    events::Share,
    fleet::{FeederIdx, Fleet, Level, NodeIdx},
    number,
    power::Meter,
    workload::Request,
};

/// Feeders that a try leaves out because they carry too much.
type LeftOut = BTreeSet<FeederIdx>;

/// Finds nodes for a request that no feeder forbids; the meter carries them then.
pub(super) fn place(
    fleet: &Fleet,
    nodes: &Nodes<'_>,
    meter: &mut Meter<'_>,
    request: &Request,
) -> Option<Vec<Share>> {
    let mut left_out = LeftOut::new();
    // Every try leaves out one more feeder, so that this ends.
    loop {
        let shares = find(fleet, nodes, request, &left_out)?;
        for share in &shares {
            meter.add(request, share);
        }
        let over = shares.iter().find_map(|share| meter.overloaded(share.node));
        let Some(feeder) = over else { return Some(shares) };
        for share in &shares {
            meter.remove(request, share);
        }
        // A gang that is too much for one feeder may fit elsewhere; nothing is elsewhere for a site.
        if !left_out.insert(feeder) {
            return None;
        }
    }
}

fn find(
    fleet: &Fleet,
    nodes: &Nodes<'_>,
    request: &Request,
    left_out: &LeftOut,
) -> Option<Vec<Share>> {
    let hard = request.within.filter(|within| within.is_hard).map(|within| within.level);
    let mut shares = Vec::new();
    let mut group = None;
    for domain in 0..nodes.domains.len() {
        let place = group_of(fleet, nodes, domain, hard);
        if place != group {
            // Another group begins: what the last one had is not enough.
            shares.clear();
            group = place;
        }
        add_from(fleet, nodes, domain, (request, left_out), &mut shares);
        if number::count(shares.len()) >= u64::from(request.nodes_min) {
            return Some(shares);
        }
    }
    None
}

/// What all nodes must share, as a number; the same for all without a wish.
fn group_of(fleet: &Fleet, nodes: &Nodes<'_>, domain: usize, hard: Option<Level>) -> Option<u64> {
    let level = hard?;
    if level == Level::Nvlink {
        return Some(number::count(domain));
    }
    let first = nodes.domains.get(domain).map(|domain| NodeIdx(domain.first))?;
    let is_at = |feeder: &FeederIdx| fleet.feeder(*feeder).is_some_and(|one| one.level >= level);
    fleet.path_of(first).find(is_at).map(|feeder| u64::from(feeder.0))
}

/// Adds the nodes of a domain that fit: as many as are missing, in whole segments.
fn add_from(
    fleet: &Fleet,
    nodes: &Nodes<'_>,
    position: usize,
    (request, left_out): (&Request, &LeftOut),
    shares: &mut Vec<Share>,
) {
    let Some(domain) = nodes.domains.get(position) else { return };
    let segment = number::index(request.segment.max(1));
    let is_gang = request.nodes_min > 1;
    if (is_gang && domain.suspect > 0) || number::index(nodes.at_most(position, request)) < segment
    {
        return;
    }
    let is_left_out = fleet.path_of(NodeIdx(domain.first)).any(|f| left_out.contains(&f));
    if is_left_out && !left_out.is_empty() {
        return;
    }
    let missing = number::index(request.nodes_min).saturating_sub(shares.len());
    let found = (domain.first..domain.first.saturating_add(domain.nodes)).map(NodeIdx);
    let mut found: Vec<Share> =
        found.filter_map(|node| nodes.fits(node, request)).take(missing).collect();
    found.truncate(found.len() / segment * segment);
    shares.append(&mut found);
}
