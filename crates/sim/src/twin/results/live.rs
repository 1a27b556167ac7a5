//! What is known of a job from its submission to its end; forgotten then.

use units::DurationMicros;

use crate::twin::{
    events::{Ending, Share},
    time::Time,
    workload::JobIdx,
};

/// A job that waits or runs.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// The integral of contention at its submission.
    pub(super) contention: u128,
    /// When it got nodes first.
    pub(super) first_start: Option<Time>,
    /// Since when it runs, if it does.
    pub(super) running_since: Option<Time>,
    /// How long it held nodes, in runs before the present one.
    pub(super) held: DurationMicros,
    /// What it has.
    pub(super) shares: Vec<Share>,
    /// GPUs that it has, in thousandths.
    pub(super) gpu_milli: u64,
    /// How many nodes it has, or had.
    pub(super) nodes: Option<u32>,
    /// How often it lost its nodes.
    pub(super) preemptions: u32,
}

/// How a job stands in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ended(Ending),
    Running,
    Waiting,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(Ending::Finished) => "finished",
            Self::Ended(Ending::TimedOut) => "timed_out",
            Self::Ended(Ending::Cancelled) => "cancelled",
            Self::Running => "running",
            Self::Waiting => "waiting",
        }
    }
}

/// One line of the table of jobs.
#[derive(Debug)]
pub(super) struct JobRow<'a> {
    pub(super) job: JobIdx,
    pub(super) live: &'a Live,
    pub(super) submit: Time,
    /// When it ended, or the end of the run.
    pub(super) until: Time,
    pub(super) state: State,
    /// Finish-time fairness in thousandths, for a job that finished.
    pub(super) finish_milli: Option<u64>,
}

impl Live {
    pub(super) const fn new(contention: u128) -> Self {
        Self {
            contention,
            first_start: None,
            running_since: None,
            held: DurationMicros(0),
            shares: Vec::new(),
            gpu_milli: 0,
            nodes: None,
            preemptions: 0,
        }
    }

    /// How long it has held nodes until a time.
    pub(super) fn held_until(&self, now: Time) -> DurationMicros {
        let present = self.running_since.map_or(DurationMicros::ZERO, |since| now.since(since));
        self.held.saturating_add(present)
    }
}
