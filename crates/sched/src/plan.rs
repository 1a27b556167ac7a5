//! The plan: every job in its order, placed or explained.
//!
//! Must never lose a job: each appears exactly once in the plan.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::choose::{count, nodes_for};
use crate::fleet::{Amounts, Fleet, Slot};
use crate::problem::{Job, JobIdx, NodeIdx, Problem};
use crate::reason::{Contradiction, Reason, Resource};

/// What to start now, and why the rest waits; both in the order of decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Jobs that start.
    pub placements: Vec<Placement>,
    /// Jobs that do not.
    pub unplaced: Vec<Unplaced>,
}

/// A job and its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The job.
    pub job: JobIdx,
    /// Distinct nodes of one site in ascending order, each with the job's per-node resources.
    pub nodes: Vec<NodeIdx>,
}

/// A job and why it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The job.
    pub job: JobIdx,
    /// The dominant reason.
    pub reason: Reason,
}

/// Plans all jobs against all nodes; see the crate for the rules.
///
/// Takes O(jobs × nodes × log nodes) steps.
#[must_use]
pub fn plan(problem: &Problem) -> Plan {
    let mut fleet = Fleet::new(problem);
    let mut order: Vec<(JobIdx, &Job)> = (0..=u32::MAX).map(JobIdx).zip(&problem.jobs).collect();
    order.sort_by_key(|(index, job)| (Reverse(job.priority), job.submitted_order, *index));
    let mut plan = Plan::default();
    for (index, job) in order {
        if let Some(reason) = never_looked_at(problem, job) {
            plan.unplaced.push(Unplaced { job: index, reason });
        } else if let Some((site, nodes)) = nodes_for(&fleet, job) {
            fleet.take(site, &nodes, Amounts::of(job));
            plan.placements.push(Placement { job: index, nodes });
        } else {
            plan.unplaced.push(Unplaced { job: index, reason: why_not(&fleet, job) });
        }
    }
    plan
}

/// Reasons that do not depend on any node.
fn never_looked_at(problem: &Problem, job: &Job) -> Option<Reason> {
    if job.nodes_min == 0 {
        return Some(Reason::Contradictory { what: Contradiction::NoNodesAsked });
    }
    if job.nodes_max < job.nodes_min {
        return Some(Reason::Contradictory { what: Contradiction::MaxBelowMin });
    }
    if !job.budget_ok {
        return Some(Reason::BudgetExhausted);
    }
    job.allowed_sites.is_disjoint_from_first(problem.sites).then_some(Reason::NoSiteAllowed)
}

/// The dominant reason of a job that no site fits now.
fn why_not(fleet: &Fleet, job: &Job) -> Reason {
    no_hardware(fleet, job).unwrap_or_else(|| busy(fleet, job))
}

/// Reasons that empty and healthy nodes would not change.
fn no_hardware(fleet: &Fleet, job: &Job) -> Option<Reason> {
    let all: Vec<&Slot> = fleet.allowed(job).flat_map(|(_, slots)| slots).collect();
    if all.is_empty() {
        return Some(Reason::NodesUnavailable { ready: 0, total: 0 });
    }
    let of_class: Vec<&Slot> = all.into_iter().filter(|slot| slot.has_class_for(job)).collect();
    if let (true, Some(class)) = (of_class.is_empty(), job.gpu_class) {
        return Some(Reason::NoSuchGpuClass { class });
    }
    let need = Amounts::of(job);
    let (short_of, before) = first_short(&of_class, 1, |slot, r| slot.total.get(r) >= need.get(r));
    if let Some(short_of) = short_of {
        let largest = before.iter().map(|slot| slot.total.get(short_of)).max().unwrap_or(0);
        return Some(Reason::NoNodeLargeEnough { short_of, need: need.get(short_of), largest });
    }
    let most = fleet
        .allowed(job)
        .map(|(_, slots)| number(slots, |slot| slot.large_enough_for(job)))
        .max()
        .unwrap_or(0);
    (most < job.nodes_min).then_some(Reason::GangTooLarge { need: job.nodes_min, exist: most })
}

/// Reasons that time or a repair will change. The site meant is the best one: most nodes that fit
/// now, among those with enough ready nodes, or else most ready nodes among those with enough.
fn busy(fleet: &Fleet, job: &Job) -> Reason {
    let large = |slots: &[Slot]| number(slots, |slot| slot.large_enough_for(job));
    let ready =
        |slots: &[Slot]| number(slots, |slot| slot.schedulable && slot.large_enough_for(job));
    let fit = |slots: &[Slot]| number(slots, |slot| slot.fits_now(job));
    let best = fleet
        .allowed(job)
        .filter(|(_, slots)| ready(slots) >= job.nodes_min)
        .max_by_key(|(site, slots)| (fit(slots), Reverse(*site)));
    let Some((_, slots)) = best else {
        let best = fleet
            .allowed(job)
            .filter(|(_, slots)| large(slots) >= job.nodes_min)
            .max_by_key(|(site, slots)| (ready(slots), Reverse(*site)));
        let (ready, total) = best.map_or((0, 0), |(_, slots)| (ready(slots), large(slots)));
        return Reason::NodesUnavailable { ready, total };
    };
    let candidates: Vec<&Slot> =
        slots.iter().filter(|slot| slot.schedulable && slot.large_enough_for(job)).collect();
    let need = Amounts::of(job);
    let (short_of, _) = first_short(&candidates, count(job.nodes_min), |slot, resource| {
        slot.free.get(resource) >= need.get(resource)
    });
    Reason::WaitingForCapacity {
        // INVARIANT: the job fits no site, so one of the three resources falls short.
        short_of: short_of.unwrap_or(Resource::Gpu),
        need_nodes: job.nodes_min,
        fit_nodes: fit(slots),
    }
}

/// Keeps the nodes that have enough of one resource after the other; gives the first resource
/// under which fewer than `wanted` remain, and the nodes that remained before it.
fn first_short<'a>(
    slots: &[&'a Slot],
    wanted: usize,
    enough: impl Fn(&Slot, Resource) -> bool,
) -> (Option<Resource>, Vec<&'a Slot>) {
    let mut remain = slots.to_vec();
    for resource in [Resource::Gpu, Resource::Memory, Resource::Cpu] {
        let after: Vec<&Slot> =
            remain.iter().copied().filter(|slot| enough(slot, resource)).collect();
        if after.len() < wanted {
            return (Some(resource), remain);
        }
        remain = after;
    }
    (None, remain)
}

/// How many nodes are so.
fn number(slots: &[Slot], is: impl Fn(&Slot) -> bool) -> u32 {
    u32::try_from(slots.iter().filter(|slot| is(slot)).count()).unwrap_or(u32::MAX)
}
