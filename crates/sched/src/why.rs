//! Why a job that nothing fits now waits: the dominant reason, with counts.
//!
//! Must never be asked about a job that fits; looks at each rack a few times.

use std::cmp::Reverse;
use std::ops::Range;

use crate::fleet::{Fleet, Need, Owner, Shelf, ones};
use crate::part::{GPU_MILLI, Part};
use crate::place::{self, Ask};
use crate::problem::{Amounts, Gate, Job, JobIdx};
use crate::reason::{Contradiction, Reason, Resource};

/// Reasons that do not depend on any node.
pub(crate) fn at_the_door(job: &Job) -> Option<Reason> {
    let contradictory = |what| Some(Reason::Contradictory { what });
    if job.nodes_min == 0 {
        return contradictory(Contradiction::NoNodesAsked);
    }
    if job.nodes_max < job.nodes_min {
        return contradictory(Contradiction::MaxBelowMin);
    }
    let block = job.topology.segment.max(1);
    let whole = job.nodes_max.checked_div(block).unwrap_or(0).saturating_mul(block);
    if whole < job.nodes_min {
        return contradictory(Contradiction::SegmentDoesNotDivide);
    }
    let share = match job.part {
        Some(Part::Share { milli }) => milli,
        Some(Part::Mig { .. }) | None => 1,
    };
    if (job.part.is_some() && job.need.gpus > 0) || !(1..GPU_MILLI).contains(&share) {
        return contradictory(Contradiction::NoSuchPart);
    }
    match job.gate {
        Gate::Open => None,
        Gate::Budget => Some(Reason::BudgetExhausted),
        Gate::Dependency { unfinished } => Some(Reason::WaitingForJobs { unfinished }),
        Gate::ArrayLimit { limit } => Some(Reason::ArrayLimit { limit }),
        Gate::NotBefore { at_us } => Some(Reason::NotBefore { at_us }),
    }
}

/// Reasons that empty and healthy nodes would not change.
pub(crate) fn no_hardware(fleet: &Fleet, ask: &Ask<'_>) -> Option<Reason> {
    let mut sites = fleet.pools().iter().filter(|pool| ask.job.allowed_sites.allows(pool.site));
    if sites.next().is_none() {
        // With no site at all, waiting for nodes is the truth; with some, policy refused them all.
        return Some(if ask.job.allowed_sites.is_empty() {
            Reason::NoSiteAllowed
        } else {
            Reason::NodesUnavailable { ready: 0, total: 0 }
        });
    }
    let scopes = place::scopes(fleet, ask);
    if scopes.is_empty() {
        return Some(Reason::NoSuchGpuClass { class: ask.job.classes.0.trailing_zeros() });
    }
    let need = ask.need.whole();
    let all = || scopes.iter().cloned().flatten().filter_map(|at| fleet.shelf(at));
    let wanted = [
        (Resource::Gpu, u64::from(need.gpus)),
        (Resource::Memory, need.memory_bytes),
        (Resource::Cpu, need.cpu_milli),
    ];
    let large = |shelf: &Shelf| fleet.large_enough(shelf, &ask.need);
    if all().all(|shelf| large(shelf) == 0) {
        // Rare, so each node may be looked at: which resource rules the last ones out?
        let nodes = all().flat_map(|shelf| &shelf.nodes).filter_map(|node| fleet.node(*node));
        let mut totals: Vec<_> = nodes.map(|node| node.total).collect();
        let of = |total: &Amounts, resource| match resource {
            Resource::Gpu => u64::from(total.gpus),
            Resource::Memory => total.memory_bytes,
            Resource::Cpu => total.cpu_milli,
        };
        for (short_of, need) in wanted {
            let largest = totals.iter().map(|total| of(total, short_of)).max().unwrap_or(0);
            totals.retain(|total| of(total, short_of) >= need);
            if totals.is_empty() {
                return Some(Reason::NoNodeLargeEnough { short_of, need, largest });
            }
        }
    }
    let count = |scope: &Range<usize>| total(fleet, scope, &large);
    let exist = scopes.iter().map(count).max().unwrap_or(0);
    let need = ask.job.nodes_min;
    if exist < need {
        return Some(Reason::GangTooLarge { need, exist });
    }
    let exist = scopes.iter().map(|s| place::most(fleet, s.clone(), ask, &large)).max();
    let exist = exist.unwrap_or(0);
    let topology = ask.job.topology;
    (exist < need).then(|| Reason::DomainTooSmall {
        within: topology.within,
        segment: topology.segment.max(1),
        need,
        exist,
    })
}

/// Reasons that time or a repair will change. The scope meant is the best one: most nodes that fit
/// now, among those with enough ready nodes, or else most ready nodes among those with enough.
pub(crate) fn busy(fleet: &Fleet, ask: &Ask<'_>) -> Reason {
    let need_nodes = ask.job.nodes_min;
    let large = |shelf: &Shelf| fleet.large_enough(shelf, &ask.need);
    let ready = |shelf: &Shelf| large(shelf) & takes(shelf, ask);
    let free = |shelf: &Shelf| fleet.free_for(shelf, &ask.need);
    let fit = |shelf: &Shelf| fleet.fitting(shelf, &ask.need, &ask.asker);
    let scopes = place::scopes(fleet, ask);
    // Even with everything else gone, some domain must have enough nodes that take work.
    let in_domain = |scope: &Range<usize>, nodes: &dyn Fn(&Shelf) -> u64| {
        place::most(fleet, scope.clone(), ask, nodes)
    };
    let best = (0_usize..)
        .zip(&scopes)
        .filter(|(_, scope)| in_domain(scope, &ready) >= need_nodes)
        .max_by_key(|(at, scope)| (total(fleet, scope, &fit), Reverse(*at)));
    let Some((_, scope)) = best else {
        let enough = scopes.iter().filter(|scope| in_domain(scope, &large) >= need_nodes);
        let counts = enough.map(|scope| (in_domain(scope, &ready), in_domain(scope, &large)));
        let (ready, total) = counts.max_by_key(|(ready, _)| *ready).unwrap_or((0, 0));
        return Reason::NodesUnavailable { ready, total };
    };
    let (n_free, n_fit) = (total(fleet, scope, &free), total(fleet, scope, &fit));
    if n_fit >= need_nodes {
        let topology = ask.job.topology;
        return Reason::Fragmented {
            within: topology.within,
            segment: topology.segment.max(1),
            need_nodes,
            free_nodes: n_fit,
        };
    }
    if n_free >= need_nodes {
        return Reason::Promised {
            need_nodes,
            free_nodes: n_free,
            promised_nodes: n_free.saturating_sub(n_fit),
            job: kept_for(fleet, scope, ask),
        };
    }
    let short_of = short_of(fleet, scope, ask);
    if short_of == Resource::Gpu
        && let Some(reason) = gpus_in_parts(fleet, scope, ask)
    {
        return reason;
    }
    Reason::WaitingForCapacity { short_of, need_nodes, fit_nodes: n_fit }
}

/// Nodes of a shelf that take the job's work: only work of one node may go to a suspect one.
const fn takes(shelf: &Shelf, ask: &Ask<'_>) -> u64 {
    shelf.ready | if ask.job.nodes_max <= 1 { shelf.suspect } else { 0 }
}

/// True if nodes that exist and take work would do, were all of them free: what [`busy`] calls being
/// busy and not unavailable.
pub(crate) fn can_be_busy(fleet: &Fleet, ask: &Ask<'_>) -> bool {
    let ready = |shelf: &Shelf| fleet.large_enough(shelf, &ask.need) & takes(shelf, ask);
    let most = |scope| place::most(fleet, scope, ask, &ready);
    place::scopes(fleet, ask).into_iter().any(|scope| most(scope) >= ask.job.nodes_min)
}

/// The first waiting job that a node is kept for which this job could have had.
fn kept_for(fleet: &Fleet, scope: &Range<usize>, ask: &Ask<'_>) -> Option<JobIdx> {
    let shelves = scope.clone().filter_map(|at| fleet.shelf(at));
    let held = shelves.flat_map(|shelf| {
        let slots = ones(fleet.free_for(shelf, &ask.need) & shelf.held);
        slots.filter_map(|slot| shelf.nodes.get(slot).copied())
    });
    held.flat_map(|node| fleet.holds_of(node)).find_map(|hold| match hold.owner {
        Owner::Job(job) if job != ask.asker.job => Some(job),
        Owner::Job(_) | Owner::Calendar(..) => None,
    })
}

/// The first resource under which fewer ready nodes remain than the job needs.
fn short_of(fleet: &Fleet, scope: &Range<usize>, ask: &Ask<'_>) -> Resource {
    let need = ask.need.amounts;
    let part = Need { amounts: Amounts::default(), ..ask.need };
    let with_gpus = |shelf: &Shelf| {
        if part.part.is_some() {
            return fleet.free_for(shelf, &part);
        }
        let mask = shelf.with_at_least(need.gpus);
        if ask.need.alone { mask & shelf.idle } else { mask }
    };
    if total(fleet, scope, &with_gpus) < ask.job.nodes_min && ask.need.uses_gpus() {
        return Resource::Gpu;
    }
    let with_memory = |shelf: &Shelf| {
        let enough = |slot: &usize| {
            shelf
                .nodes
                .get(*slot)
                .is_some_and(|n| fleet.free_of(*n).memory_bytes >= need.memory_bytes)
        };
        ones(with_gpus(shelf)).filter(enough).fold(0, |mask, slot| mask | 1 << slot)
    };
    if total(fleet, scope, &with_memory) < ask.job.nodes_min {
        return Resource::Memory;
    }
    Resource::Cpu
}

/// The evidence, if opened GPUs have what whole ones lack.
fn gpus_in_parts(fleet: &Fleet, scope: &Range<usize>, ask: &Ask<'_>) -> Option<Reason> {
    let shelves = || scope.clone().filter_map(|at| fleet.shelf(at));
    if ask.need.alone || shelves().all(|shelf| shelf.opened == 0) {
        return None;
    }
    let (mut whole_milli, mut left_milli, mut largest) = (0_u64, 0_u64, 0_u32);
    let mut need_milli = u64::from(ask.need.amounts.gpus).saturating_mul(GPU_MILLI.into());
    for shelf in shelves() {
        for slot in ones(shelf.with_at_least(0)) {
            let row = shelf.nodes.get(slot).and_then(|node| fleet.row(*node));
            let Some(row) = row else { continue };
            let milli = u64::from(row.free().gpus).saturating_mul(GPU_MILLI.into());
            whole_milli = whole_milli.saturating_add(milli);
            let (left, most) = row.left_milli(ask.need.part);
            left_milli = left_milli.saturating_add(left);
            largest = largest.max(most);
            if let Some(part) = ask.need.part {
                need_milli = part.milli(fleet.cut(row.node.class).map(|cut| cut.geometry));
            }
        }
    }
    let needed = need_milli.saturating_mul(u64::from(ask.job.nodes_min));
    let free_milli = whole_milli.saturating_add(left_milli);
    let is_in_parts = left_milli > 0 && whole_milli < needed && free_milli >= needed;
    let largest_milli = if whole_milli > 0 { GPU_MILLI } else { largest };
    is_in_parts.then_some(Reason::GpusFragmented { need_milli, free_milli, largest_milli })
}

/// Number of nodes in a scope.
fn total(fleet: &Fleet, scope: &Range<usize>, nodes: &dyn Fn(&Shelf) -> u64) -> u32 {
    let shelves = scope.clone().filter_map(|at| fleet.shelf(at));
    shelves.map(|shelf| nodes(shelf).count_ones()).fold(0, u32::saturating_add)
}
