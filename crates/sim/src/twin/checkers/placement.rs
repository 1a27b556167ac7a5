//! Rules on one placement alone: gang, segment, closeness, class.

use std::collections::BTreeSet;

use super::Rule;
use crate::twin::{
    events::Share,
    fleet::{FeederIdx, Fleet, Level, NodeIdx},
    number,
    workload::{Request, Within},
};

/// What is wrong with a placement, by rule.
pub(super) fn check(fleet: &Fleet, request: &Request, shares: &[Share]) -> Vec<(Rule, String)> {
    let found = [
        (Rule::Gang, gang(request, shares)),
        (Rule::Class, class(fleet, request, shares)),
        (Rule::Segment, segment(fleet, request, shares)),
        (Rule::Closeness, request.within.and_then(|within| close(fleet, within, shares))),
    ];
    found.into_iter().filter_map(|(rule, message)| Some((rule, message?))).collect()
}

fn gang(request: &Request, shares: &[Share]) -> Option<String> {
    let ranks = number::small(number::count(shares.len()));
    if !(request.nodes_min..=request.nodes_max).contains(&ranks) {
        let (min, max) = (request.nodes_min, request.nodes_max);
        return Some(format!("{ranks} ranks instead of {min} to {max}"));
    }
    if request.segment > 1 && !ranks.is_multiple_of(request.segment) {
        return Some(format!("{ranks} ranks in segments of {}", request.segment));
    }
    let nodes: BTreeSet<NodeIdx> = shares.iter().map(|share| share.node).collect();
    if nodes.len() != shares.len() {
        return Some(format!("{ranks} ranks on {} nodes", nodes.len()));
    }
    let wanted = u64::from(request.gpus).saturating_mul(u64::from(request.gpu_milli));
    let wrong = (1_u32..).zip(shares).find(|(_, share)| share.gpu_milli() != wanted);
    let (rank, share) = wrong?;
    let has = number::thousandths(share.gpu_milli(), 3);
    Some(format!("rank {rank} has {has} GPUs instead of {}", number::thousandths(wanted, 3)))
}

fn class(fleet: &Fleet, request: &Request, shares: &[Share]) -> Option<String> {
    let has_wrong_class = |share: &&Share| {
        let class = fleet.kind_of(share.node).and_then(|kind| kind.class);
        request.gpus > 0 && !request.classes.allows(class)
    };
    let share = shares.iter().find(has_wrong_class)?;
    Some(format!("the GPUs of node {} are of a class that it cannot use", share.node.0))
}

fn segment(fleet: &Fleet, request: &Request, shares: &[Share]) -> Option<String> {
    let domain = |share: &Share| fleet.node(share.node).map(|node| node.domain);
    let size = number::index(request.segment.max(1));
    let broken = (1_u32..).zip(shares.chunks(size)).find(|(_, segment)| {
        let first = segment.first().map(domain);
        segment.iter().any(|share| Some(domain(share)) != first)
    });
    broken.map(|(number, _)| {
        format!(
            "segment {number} of {} nodes is spread over several NVLink domains",
            request.segment
        )
    })
}

fn close(fleet: &Fleet, within: Within, shares: &[Share]) -> Option<String> {
    if !within.is_hard {
        return None;
    }
    let places: BTreeSet<Place> =
        shares.iter().filter_map(|share| place(fleet, share.node, within.level)).collect();
    let one = match within.level {
        Level::Nvlink => "NVLink domain",
        Level::Rack => "rack",
        Level::Row => "row",
        Level::Hall => "hall",
        Level::Site => "site",
    };
    (places.len() > 1).then(|| format!("it must be in one {one} and is in {}", places.len()))
}

/// Where a node is, at some level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Domain(u32),
    Feeder(FeederIdx),
}

fn place(fleet: &Fleet, node: NodeIdx, level: Level) -> Option<Place> {
    if level == Level::Nvlink {
        return fleet.node(node).map(|node| Place::Domain(node.domain));
    }
    let is_at = |feeder: &FeederIdx| fleet.feeder(*feeder).is_some_and(|one| one.level >= level);
    // A rack without a hall is as close together as its site.
    fleet.path_of(node).find(is_at).map(Place::Feeder)
}
