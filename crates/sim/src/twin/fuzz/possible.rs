//! Which jobs could ever run, on the fleet as it is when everything works and nothing runs: a
//! reference that shares no code with the scheduler.

use std::collections::{BTreeMap, BTreeSet};

use crate::twin::{
    fleet::{ClassIdx, FeederIdx, Fleet, Level, Node, SiteIdx},
    workload::{JobIdx, Prepared, Request},
};

/// Jobs that could run, and those that they wait for as well.
pub(super) fn possible(fleet: &Fleet, jobs: &Prepared) -> BTreeSet<JobIdx> {
    let mut possible: BTreeSet<JobIdx> =
        jobs.jobs().filter(|(_, request)| fits(fleet, request)).map(|(job, _)| job).collect();
    loop {
        let in_vain = |job: &JobIdx| {
            let after = jobs.request(*job).map(|request| request.after.as_slice());
            !after.unwrap_or_default().iter().all(|before| possible.contains(before))
        };
        let lost: Vec<JobIdx> = possible.iter().copied().filter(in_vain).collect();
        if lost.is_empty() {
            return possible;
        }
        possible.retain(|job| !lost.contains(job));
    }
}

/// Where nodes of one job may stand together: one site, one model of GPU where it needs one, one
/// place of the level that it insists on.
type Place = (SiteIdx, Option<ClassIdx>, Option<FeederIdx>, Option<u32>);

fn fits(fleet: &Fleet, request: &Request) -> bool {
    // Large enough nodes by place and NVLink domain.
    let mut counts: BTreeMap<Place, BTreeMap<u32, u32>> = BTreeMap::new();
    for node in &fleet.nodes {
        if let Some(place) = place(fleet, node, request) {
            let count = counts.entry(place).or_default().entry(node.domain).or_default();
            *count = count.saturating_add(1);
        }
    }
    let whole =
        |n: &u32| n.checked_div(request.segment.max(1)).unwrap_or(0) * request.segment.max(1);
    counts.values().any(|domains| domains.values().map(whole).sum::<u32>() >= request.nodes_min)
}

/// Where the node stands, if it is large enough and of a model that will do.
fn place(fleet: &Fleet, node: &Node, request: &Request) -> Option<Place> {
    let (kind, rack) = (fleet.kind(node.kind)?, fleet.rack(node.rack)?);
    let is_enough = kind.gpus >= request.gpus
        && kind.cpu.0 >= request.cpu.0
        && kind.memory.0 >= request.memory.0;
    let needs_gpu = request.gpus > 0;
    if !is_enough || (needs_gpu && !request.classes.allows(kind.class)) {
        return None;
    }
    let row = fleet.feeder(rack.feeder).and_then(|feeder| feeder.parent);
    let level = request.within.filter(|within| within.is_hard).map(|within| within.level);
    let (feeder, domain) = match level {
        Some(Level::Nvlink | Level::Rack) => (Some(rack.feeder), Some(node.domain)),
        Some(Level::Row) => (row, None),
        Some(Level::Hall | Level::Site) | None => (None, None),
    };
    Some((rack.site, kind.class.filter(|_| needs_gpu), feeder, domain))
}
