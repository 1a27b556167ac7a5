//! What would let a waiting job start now: the smallest change of what it asks for.
//!
//! Must never advise what would not work: each candidate is tried on the fleet as the plan leaves
//! it, with the same quotas, promises and placement as for everybody.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cycle::admitted;
use crate::part::Part;
use crate::place::{self, Ask};
use crate::plan::Plan;
use crate::problem::{Amounts, ClassIdx, ClassSet, Job, JobIdx, Level, Micros, Topology};
use crate::scheduler::Scheduler;

/// A change of one thing that a job asks for. In the order in which they are tried: first what
/// costs the job least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A time limit, so that it ends before a promise to somebody else begins.
    Limit {
        /// The longest that works, in microseconds.
        limit_us: u64,
    },
    /// Nodes further apart.
    Topology {
        /// The narrowest level that works.
        within: Level,
        /// The segment with it.
        segment: u32,
    },
    /// Another model of GPU.
    Class {
        /// Which.
        class: ClassIdx,
    },
    /// Fewer nodes.
    Nodes {
        /// The most that work.
        nodes: u32,
    },
    /// Fewer GPUs of each node.
    Gpus {
        /// The most that work.
        gpus: u32,
    },
    /// A smaller share of a GPU.
    Share {
        /// The largest that works, in thousandths.
        milli: u32,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { limit_us } => {
                write!(f, "a time limit of at most {} s", limit_us / 1_000_000)
            }
            Self::Topology { within, segment: 0 | 1 } => write!(f, "nodes within one {within}"),
            Self::Topology { within, segment } => {
                write!(f, "nodes within one {within}, in segments of {segment}")
            }
            Self::Class { class } => write!(f, "GPUs of class {}", class.0),
            Self::Nodes { nodes: 1 } => f.write_str("one node"),
            Self::Nodes { nodes } => write!(f, "{nodes} nodes"),
            Self::Gpus { gpus: 1 } => f.write_str("1 GPU on each node"),
            Self::Gpus { gpus } => write!(f, "{gpus} GPUs on each node"),
            Self::Share { milli } => write!(f, "a share of 0.{milli:03} of a GPU"),
        }
    }
}

impl Scheduler {
    /// Follows a plan as if all of it came true at once: a look ahead, for questions about what
    /// the plan leaves.
    pub fn settle(&mut self, plan: &Plan, now_us: Micros) {
        for placement in &plan.placements {
            self.start_at(placement.clone(), now_us);
        }
        for promise in &plan.promises {
            self.promise(promise);
            self.promise_power(promise);
        }
    }

    /// The smallest change that would start the job now, if one change of one thing does. Ask after
    /// [`Scheduler::settle`], or what others are about to get is offered.
    #[must_use]
    pub fn advise(&self, index: JobIdx, now_us: Micros) -> Option<Change> {
        let job = self.waiting.get(&index)?;
        let works = |job: &Job| self.would_start(index, job, now_us);
        self.limit(index, job, now_us)
            .or_else(|| topology(job, &works))
            .or_else(|| self.class(index, job, now_us))
            .or_else(|| nodes(job, &works))
            .or_else(|| gpus(job, &works))
            .or_else(|| share(job, &works))
    }

    fn would_start(&self, index: JobIdx, job: &Job, now_us: Micros) -> bool {
        let Ok(classes) = admitted(self, job) else { return false };
        let ask = Ask { classes, ..Ask::new(index, job, now_us) };
        place::find(&self.fleet, self.grid(), &ask).is_some()
    }

    /// The longest limit with which it ends before the first promise that is in its way.
    fn limit(&self, index: JobIdx, job: &Job, now_us: Micros) -> Option<Change> {
        let asked = job.limit_us.unwrap_or(u64::MAX);
        let starts = self.fleet.hold_starts_after(now_us).into_iter().rev();
        let limits = starts.filter_map(|start| u64::try_from(start.saturating_sub(now_us)).ok());
        limits.filter(|limit| *limit < asked && *limit > 0).find_map(|limit_us| {
            let shorter = Job { limit_us: Some(limit_us), ..job.clone() };
            self.would_start(index, &shorter, now_us).then_some(Change::Limit { limit_us })
        })
    }

    fn class(&self, index: JobIdx, job: &Job, now_us: Micros) -> Option<Change> {
        if !job.uses_gpus() {
            return None;
        }
        let any = Job { classes: ClassSet::ANY, ..job.clone() };
        let classes = admitted(self, &any).ok()?;
        let ask = Ask { classes, ..Ask::new(index, &any, now_us) };
        let choice = place::find(&self.fleet, self.grid(), &ask)?;
        let class = self.fleet.node(*choice.nodes.first()?)?.class?;
        Some(Change::Class { class })
    }
}

fn topology(job: &Job, works: &dyn Fn(&Job) -> bool) -> Option<Change> {
    let asked = job.topology;
    let levels = [Level::Rack, Level::Group, Level::Site];
    let wider = levels.into_iter().filter(|level| *level >= asked.within);
    let candidates =
        wider.flat_map(|within| [asked.segment.max(1), 1].map(|segment| (within, segment)));
    let asked_for = (asked.within, asked.segment.max(1));
    candidates.filter(|candidate| *candidate != asked_for).find_map(|(within, segment)| {
        let looser = Job { topology: Topology { within, segment }, ..job.clone() };
        works(&looser).then_some(Change::Topology { within, segment })
    })
}

/// Fewer nodes fit wherever more do, so halving finds the most.
fn nodes(job: &Job, works: &dyn Fn(&Job) -> bool) -> Option<Change> {
    let block = job.topology.segment.max(1);
    let with = |blocks: u32| {
        let nodes = blocks.saturating_mul(block);
        Job { nodes_min: nodes, nodes_max: nodes, ..job.clone() }
    };
    let (mut fits, mut fails) = (0, job.nodes_min.div_ceil(block));
    while fails.saturating_sub(fits) > 1 {
        let middle = fits.midpoint(fails);
        if works(&with(middle)) { fits = middle } else { fails = middle }
    }
    (fits > 0).then(|| Change::Nodes { nodes: fits.saturating_mul(block) })
}

fn gpus(job: &Job, works: &dyn Fn(&Job) -> bool) -> Option<Change> {
    // Whoever asks for GPUs is not helped by none.
    (1..job.need.gpus).rev().find_map(|gpus| {
        let smaller = Job { need: Amounts { gpus, ..job.need }, ..job.clone() };
        works(&smaller).then_some(Change::Gpus { gpus })
    })
}

/// A smaller share fits wherever a larger one does, so halving finds the largest.
fn share(job: &Job, works: &dyn Fn(&Job) -> bool) -> Option<Change> {
    let Some(Part::Share { milli }) = job.part else { return None };
    let with = |milli| Job { part: Some(Part::Share { milli }), ..job.clone() };
    let (mut fits, mut fails) = (0, milli);
    while fails.saturating_sub(fits) > 1 {
        let middle = fits.midpoint(fails);
        if works(&with(middle)) { fits = middle } else { fails = middle }
    }
    (fits > 0).then_some(Change::Share { milli: fits })
}
