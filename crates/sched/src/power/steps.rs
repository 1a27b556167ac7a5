//! What a plan does about power: nobody new where too much is drawn, then lower limits, then work
//! that stops; and limits that can be lifted again.
//!
//! Must never look at work whose feeders have room, nor count on work twice that is leaving already.
//! Costs nothing while no feeder is over and no limit is in force.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::model::RunningPower;
use super::recover::recover;
use super::relief::{CapChange, Unresolved, relief};
use super::tree::{FeederIdx, PowerTree, Shortfall};
use crate::problem::{JobIdx, Micros, Running};
use crate::scheduler::Scheduler;

/// A limit of running work that is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// The job: all of its GPUs get the same limit.
    pub job: JobIdx,
    /// Number of the limit now; 0 is none.
    pub from: u32,
    /// Number of the limit it is to get; 0 is none.
    pub to: u32,
    /// The new limit of one GPU, in milliwatts; `None` for none.
    pub limit_mw: Option<u64>,
}

/// Running work that is to stop, because limits alone are not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The job.
    pub job: JobIdx,
    /// Work that is lost with it, in GPU-microseconds since its last checkpoint × priority.
    pub lost_work: u64,
    /// The feeder for which it stops: the lowest number of those above what is allowed.
    pub feeder: FeederIdx,
}

/// What a plan does about power, in the order in which it comes about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerPlan {
    /// Feeders above what they are allowed: nothing starts below them.
    pub over: Vec<Shortfall>,
    /// Limits to lower.
    pub lower: Vec<Cap>,
    /// Work to stop, cheapest first.
    pub stop: Vec<Stop>,
    /// Limits to lift, before anything new starts.
    pub lift: Vec<Cap>,
    /// Feeders that stay above what they are allowed, whatever is done.
    pub unresolved: Vec<Unresolved>,
}

impl PowerPlan {
    /// True if there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.over.is_empty() && self.lift.is_empty()
    }
}

/// What is to be done now.
pub(crate) fn steps(scheduler: &Scheduler, now_us: Micros) -> PowerPlan {
    let Some(grid) = &scheduler.grid else { return PowerPlan::default() };
    let mut plan = PowerPlan { over: grid.tree.shortfalls().collect(), ..PowerPlan::default() };
    if let Some(first) = plan.over.first() {
        relieve(scheduler, grid, now_us, first.feeder, &mut plan);
    }
    if !grid.capped.is_empty() {
        let jobs = sorted(scheduler, grid, grid.capped.iter().copied(), now_us);
        let (jobs, powers): (Vec<JobIdx>, Vec<RunningPower>) = jobs.into_iter().unzip();
        // INVARIANT: draws were made from this model and are counted in this tree.
        let recovery = recover(&grid.tree, &grid.model, &powers).unwrap_or_default();
        plan.lift = caps(grid, &jobs, recovery.caps);
    }
    plan
}

fn relieve(
    scheduler: &Scheduler,
    grid: &Grid,
    now_us: Micros,
    first: FeederIdx,
    plan: &mut PowerPlan,
) {
    // What is leaving is as good as gone: it must not count, and nobody must go for its sake.
    let mut tree = grid.tree.clone();
    for job in scheduler.leaving.keys() {
        let _ = tree.release(&grid.loads_of(*job));
    }
    let is_below = |feeder: &FeederIdx| {
        tree.path(*feeder).any(|on_path| tree.used_mw(on_path) > tree.allowed_mw(on_path))
    };
    let feeders = grid.at.iter().filter(|(feeder, _)| is_below(feeder));
    let mut below: Vec<JobIdx> = feeders.flat_map(|(_, jobs)| jobs.iter().copied()).collect();
    below.sort_unstable();
    below.dedup();
    let jobs = sorted(scheduler, grid, below.into_iter(), now_us);
    let (jobs, powers): (Vec<JobIdx>, Vec<RunningPower>) = jobs.into_iter().unzip();
    // INVARIANT: draws were made from this model and are counted in this tree.
    let relief = relief(&tree, &grid.model, &powers).unwrap_or_default();
    plan.lower = caps(grid, &jobs, relief.caps);
    let stop = relief.preemptions.into_iter().filter_map(|stop| {
        let feeder = stopped_for(&tree, powers.get(stop.job)?).unwrap_or(first);
        Some(Stop { job: *jobs.get(stop.job)?, lost_work: stop.lost_work, feeder })
    });
    plan.stop = stop.collect();
    plan.unresolved = relief.unresolved;
}

/// The lowest feeder on the paths of the work that is above what is allowed.
fn stopped_for(tree: &PowerTree, power: &RunningPower) -> Option<FeederIdx> {
    let paths = power.gpus_at.iter().flat_map(|(feeder, _)| tree.path(*feeder));
    paths.filter(|feeder| tree.used_mw(*feeder) > tree.allowed_mw(*feeder)).min()
}

/// Work with its power, in the order in which equals give way: least priority first, then newest.
fn sorted(
    scheduler: &Scheduler,
    grid: &Grid,
    jobs: impl Iterator<Item = JobIdx>,
    now_us: Micros,
) -> Vec<(JobIdx, RunningPower)> {
    let mut found: Vec<_> = jobs
        .filter(|job| !scheduler.leaving.contains_key(job))
        .filter_map(|job| {
            let running = scheduler.running.get(&job)?;
            let key = (running.job.priority, Reverse(running.job.submitted_order), job);
            let power = RunningPower {
                lost_work: lost_work(running, now_us),
                preemptible: running.may_go(now_us),
                ..grid.draws.get(&job)?.clone()
            };
            Some((key, power))
        })
        .collect();
    found.sort_unstable_by_key(|(key, _)| *key);
    found.into_iter().map(|((_, _, job), power)| (job, power)).collect()
}

/// Work lost if it stopped now, weighed by its priority as for any other eviction.
fn lost_work(running: &Running, now_us: Micros) -> u64 {
    let nodes = u64::try_from(running.nodes.len()).unwrap_or(u64::MAX);
    let gpus = u64::from(running.job.need.gpus.max(1)).saturating_mul(nodes);
    running.unsaved_us(now_us).saturating_mul(gpus).saturating_mul(running.weight())
}

fn caps(grid: &Grid, jobs: &[JobIdx], changes: Vec<CapChange>) -> Vec<Cap> {
    let cap = |change: CapChange| {
        let job = *jobs.get(change.job)?;
        let CapChange { from, to, .. } = change;
        Some(Cap { job, from, to, limit_mw: grid.limit_mw(job, to) })
    };
    changes.into_iter().filter_map(cap).collect()
}
