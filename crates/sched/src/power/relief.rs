//! What gives way after a budget fell.
//!
//! The order is fixed, and it is policy:
//! 1. Admission stops at every feeder that is over.
//! 2. Power limits are lowered, the class that costs least first and to its lowest limit before the
//!    next class; within a class step by step over all its jobs, in the order given. A job that
//!    draws from no feeder that is over, or that the limit would not slow, is left alone.
//! 3. Jobs are preempted, least lost work for each milliwatt that is still missing first, then in
//!    the order given. What a job frees elsewhere does not count.
//! 4. What turned out not to be needed is given back: preemptions first, the last one first, then
//!    limits step by step in the reverse order.
//!
//! Must never preempt while lower limits alone would do, and never leave a step that could be given
//! back. It is greedy: the total lost work is not always the least possible.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ReliefError;
use super::model::{PowerModel, RunningPower};
use super::tree::{FeederIdx, PowerTree};
use super::work::Work;

/// A job whose power limit is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapChange {
    /// Position of the job.
    pub job: usize,
    /// Number of the limit now; 0 is none.
    pub from: u32,
    /// Number of the limit it is to get; 0 is none.
    pub to: u32,
}

/// A job that is to be preempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preemption {
    /// Position of the job.
    pub job: usize,
    /// Work that is lost with it.
    pub lost_work: u64,
}

/// A feeder that stays above what it is allowed, with all that still draws from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// The feeder.
    pub feeder: FeederIdx,
    /// What is still missing, in milliwatts.
    pub short_mw: u64,
    /// Jobs below it that must not be preempted, at their lowest limit.
    pub protected_jobs: usize,
    /// Their draw below the feeder, in milliwatts.
    pub protected_mw: u64,
    /// Draw below the feeder that belongs to no job of the list, in milliwatts.
    pub other_mw: u64,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "feeder {} stays {} mW above what it is allowed: {} jobs that must not be preempted \
             draw {} mW at their lowest limit, and {} mW are drawn by no job",
            self.feeder.0, self.short_mw, self.protected_jobs, self.protected_mw, self.other_mw
        )
    }
}

/// What is to be done so that no feeder is above what it is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relief {
    /// Feeders at which admission stops, by number; see [`PowerTree::set_closed`].
    pub close: Vec<FeederIdx>,
    /// Limits to lower, by job.
    pub caps: Vec<CapChange>,
    /// Jobs to preempt, in the order in which they were chosen.
    pub preemptions: Vec<Preemption>,
    /// Feeders that cannot be brought within what they are allowed.
    pub unresolved: Vec<Unresolved>,
    /// Power to [release](PowerTree::release) once all of it is done.
    pub freed: Vec<(FeederIdx, u64)>,
}

/// Works out what gives way. Costs O(jobs × limits × depth) and a heap of the jobs that are tried
/// for preemption.
///
/// # Errors
/// [`ReliefError`] if the jobs do not fit the tree or the model.
pub fn relief(
    tree: &PowerTree,
    model: &PowerModel,
    running: &[RunningPower],
) -> Result<Relief, ReliefError> {
    let mut work = Work::new(tree, model, running)?;
    let close = work.over.iter().copied().collect();
    let lowered = lower_caps(&mut work, model, running);
    let mut stopped = preempt(&mut work, running);
    stopped.reverse();
    stopped.retain(|job| {
        let gpu_mw = work.gpu_mw_at(*job, work.cap(*job));
        let needed = !work.fits_at(*job, gpu_mw);
        work.set_stopped(*job, needed);
        needed
    });
    stopped.reverse();
    for change in lowered.iter().rev() {
        // Where a deeper step could not be undone, this one cannot either: it needs more.
        let undone = !work.is_stopped(change.job)
            && work.fits_at(change.job, work.gpu_mw_at(change.job, change.from));
        if undone {
            work.set_cap(change.job, change.from);
        }
    }
    Ok(report(&work, running, close, stopped))
}

/// Lowers limits until nothing is over or all are at their lowest; the steps in their order.
fn lower_caps(work: &mut Work<'_>, model: &PowerModel, running: &[RunningPower]) -> Vec<CapChange> {
    let mut steps = Vec::new();
    for class in model.cheapest_first() {
        let of_class = |(_, job): &(usize, &RunningPower)| job.class == class;
        let jobs: Vec<usize> =
            running.iter().enumerate().filter(of_class).map(|(job, _)| job).collect();
        for cap in 1..=model.n_caps_max() {
            for job in &jobs {
                if work.over.is_empty() {
                    return steps;
                }
                let from = work.cap(*job);
                let slower = cap > from
                    && cap <= work.n_caps(*job)
                    && work.gpu_mw_at(*job, cap) < work.gpu_mw(*job)
                    && work.touches_over(*job);
                if slower {
                    work.set_cap(*job, cap);
                    steps.push(CapChange { job: *job, from, to: cap });
                }
            }
        }
    }
    steps
}

/// What preempting a job costs; the greatest is the best.
#[derive(Debug, PartialEq, Eq)]
struct Bid {
    lost_work: u64,
    /// Above 0.
    useful_mw: u64,
    job: usize,
}

impl Ord for Bid {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = u128::from(self.lost_work).saturating_mul(u128::from(other.useful_mw));
        let others = u128::from(other.lost_work).saturating_mul(u128::from(self.useful_mw));
        others.cmp(&mine).then(other.job.cmp(&self.job))
    }
}

impl PartialOrd for Bid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Stops jobs until nothing is over or nobody is left; in the order in which they were chosen.
fn preempt(work: &mut Work<'_>, running: &[RunningPower]) -> Vec<usize> {
    let bid = |work: &Work<'_>, job: usize, lost_work: u64| {
        let useful_mw = work.useful_mw(job);
        (useful_mw > 0).then_some(Bid { lost_work, useful_mw, job })
    };
    let mut stopped = Vec::new();
    if work.over.is_empty() {
        return stopped;
    }
    let jobs = running.iter().enumerate().filter(|(_, job)| job.preemptible);
    let mut bids: BinaryHeap<Bid> =
        jobs.filter_map(|(index, job)| bid(work, index, job.lost_work)).collect();
    // What a job can give only shrinks as others stop, so a bid that is still true is the best.
    while let Some(best) = bids.pop() {
        if work.over.is_empty() {
            break;
        }
        match bid(work, best.job, best.lost_work) {
            Some(now) if now == best => {
                work.set_stopped(best.job, true);
                stopped.push(best.job);
            }
            Some(now) => bids.push(now),
            None => {}
        }
    }
    stopped
}

fn report(
    work: &Work<'_>,
    running: &[RunningPower],
    close: Vec<FeederIdx>,
    stopped: Vec<usize>,
) -> Relief {
    let mut relief = Relief { close, ..Relief::default() };
    for (index, job) in running.iter().enumerate() {
        let (before_mw, now_mw) = (work.gpu_mw_at(index, job.cap), work.gpu_mw(index));
        let less_mw = before_mw.saturating_sub(now_mw);
        if less_mw > 0 {
            let freed = job
                .gpus_at
                .iter()
                .map(|(feeder, gpus)| (*feeder, u64::from(*gpus).saturating_mul(less_mw)));
            relief.freed.extend(freed);
        }
        let to = work.cap(index);
        if to != job.cap && !work.is_stopped(index) {
            relief.caps.push(CapChange { job: index, from: job.cap, to });
        }
    }
    let lost = |job: usize| running.get(job).map_or(0, |running| running.lost_work);
    let preemptions = stopped.into_iter().map(|job| Preemption { job, lost_work: lost(job) });
    relief.preemptions = preemptions.collect();
    relief.unresolved = work.over.iter().map(|feeder| unresolved(work, running, *feeder)).collect();
    relief
}

fn unresolved(work: &Work<'_>, running: &[RunningPower], feeder: FeederIdx) -> Unresolved {
    let draws = (0..running.len()).filter_map(|job| {
        let mw = work.gpus_below(job, feeder).saturating_mul(work.gpu_mw(job));
        (mw > 0).then_some(mw)
    });
    // Whoever could be preempted has been: the feeder is still over.
    let (protected_jobs, protected_mw) = draws
        .fold((0_usize, 0_u64), |(jobs, sum), mw| (jobs.saturating_add(1), sum.saturating_add(mw)));
    Unresolved {
        feeder,
        short_mw: work.short_mw(feeder),
        protected_jobs,
        protected_mw,
        other_mw: work.used_mw(feeder).saturating_sub(protected_mw),
    }
}
