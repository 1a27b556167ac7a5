//! The answer: what to start, what to evict, why the rest waits; and the pure function that gives it.
//!
//! Must never lose a job: each that waits appears exactly once, placed or unplaced.

use serde::{Deserialize, Serialize};

use crate::fleet::Fleet;
use crate::mig::Geometry;
use crate::part::Seat;
use crate::power::PowerPlan;
use crate::problem::{ClassIdx, Job, JobIdx, Micros, Node, NodeIdx, Reservation, Running};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::settings::Settings;
use crate::share::Tree;

/// One planning problem, whole. Contradictions in it are tolerated: work on nodes that do not
/// exist holds nothing, and a job that asks for the impossible is unplaced with a reason.
#[derive(Debug, Clone, Default)]
pub struct Problem {
    /// The caller's time.
    pub now_us: Micros,
    /// All nodes; at most 2³² are looked at.
    pub nodes: Vec<Node>,
    /// Models of GPU that can be cut into MIG instances.
    pub geometries: Vec<(ClassIdx, &'static Geometry)>,
    /// The tree of queues with its quotas. Jobs of queues that it lacks stand in its first leaf.
    pub queues: Tree,
    /// All work that holds nodes.
    pub running: Vec<(JobIdx, Running)>,
    /// All work that waits.
    pub waiting: Vec<(JobIdx, Job)>,
    /// Promises of the calendar.
    pub reservations: Vec<Reservation>,
    /// How to plan.
    pub settings: Settings,
}

/// What to start and evict now, and why the rest waits; all in the order of decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Jobs that start.
    pub placements: Vec<Placement>,
    /// Jobs that are to be evicted, and for whom.
    pub preemptions: Vec<Preemption>,
    /// Nodes that are kept for jobs that do not start yet.
    pub promises: Vec<Promise>,
    /// Jobs that do not start; empty where reasons were not asked for ([`Scheduler::decide`]).
    pub unplaced: Vec<Unplaced>,
    /// What is done about power, before anything else.
    #[serde(default, skip_serializing_if = "PowerPlan::is_empty")]
    pub power: PowerPlan,
}

/// Nodes that are kept for a waiting job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The job.
    pub job: JobIdx,
    /// Its nodes, whole.
    pub nodes: Vec<NodeIdx>,
    /// From when.
    pub from_us: Micros,
    /// Until when at the latest.
    pub until_us: Micros,
}

/// A job and its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The job.
    pub job: JobIdx,
    /// Distinct nodes of one site, rack by rack, each with the job's per-node resources. Blocks of
    /// a segmented gang follow each other.
    pub nodes: Vec<NodeIdx>,
    /// Where its part of a GPU lies on each of these nodes; empty for whole GPUs or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<Seat>,
}

/// Work that makes room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preemption {
    /// The job that needs the room. It starts once all victims are gone.
    pub job: JobIdx,
    /// Who is to be evicted, each needed.
    pub victims: Vec<JobIdx>,
    /// Nodes that the job will have.
    pub nodes: Vec<NodeIdx>,
}

/// A job and why it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The job.
    pub job: JobIdx,
    /// The dominant reason.
    pub reason: Reason,
    /// When it starts at the latest if everything runs to its limit and nothing is submitted; or
    /// nothing, where work without a limit is in the way or it is too far back to tell.
    pub start_us: Option<Micros>,
}

/// Plans everything from nothing; equal problems give equal plans.
#[must_use]
pub fn plan(problem: &Problem) -> Plan {
    scheduler(problem).plan(problem.now_us)
}

/// The scheduler that knows just this problem.
pub(crate) fn scheduler(problem: &Problem) -> Scheduler {
    let fleet = Fleet::with_mig(&problem.nodes, &problem.geometries);
    let mut scheduler = Scheduler::new(fleet, problem.queues.clone(), problem.settings);
    for reservation in &problem.reservations {
        scheduler.reserve(reservation.clone());
    }
    for (index, running) in &problem.running {
        scheduler.adopt(*index, running.clone());
    }
    for (index, job) in &problem.waiting {
        scheduler.submit(*index, job.clone());
    }
    scheduler
}
