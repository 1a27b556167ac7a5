//! A job of the lists, in whole microseconds.
//!
//! Must stay exact: an iteration takes a whole number of milliseconds times 1.015, so every duration
//! of the experiment is a whole number of microseconds and nothing is ever rounded.

/// One job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Position in the list, which is the order of submission.
    pub(super) position: u32,
    /// GPUs it needs, all or none.
    pub(super) gpus: u32,
    /// When it arrives, in microseconds.
    pub(super) submitted_us: u64,
    /// How long it must run without any overhead, in microseconds.
    pub(super) work_us: u64,
    /// What each event costs it while it runs, in microseconds.
    pub(super) overhead_us: u64,
}

/// Profiling slows each iteration by 1.5 %, so a millisecond of iteration time is this much.
pub(super) const ITERATION_MS_US: u64 = 1_015;

/// Restart overheads of a model in seconds, for 1, 2, 4, 8, 16 and 32 GPUs, as the authors profiled.
const OVERHEADS_S: [(&str, [u64; 6]); 8] = [
    ("vgg16", [7, 7, 8, 9, 9, 10]),
    ("vgg19", [7, 7, 8, 9, 10, 10]),
    ("resnet18", [4, 5, 5, 7, 7, 7]),
    ("shufflenet_v2_x1_0", [4, 4, 5, 5, 7, 8]),
    ("bert", [10; 6]),
    ("gpt2", [10; 6]),
    ("a2c", [38, 39, 39, 46, 46, 46]),
    ("dqn", [5, 5, 6, 6, 8, 8]),
];
const OVERHEAD_OF_OTHERS_S: u64 = 10;

/// What an event costs a running job of this model, in microseconds; `None` for a number of GPUs
/// that was not profiled.
pub(super) fn overhead_us(model: &str, gpus: u32) -> Option<u64> {
    let column = match gpus {
        1 => 0,
        2 => 1,
        4 => 2,
        8 => 3,
        16 => 4,
        32 => 5,
        _ => return None,
    };
    let known = OVERHEADS_S.iter().find(|(name, _)| *name == model);
    let seconds = known.and_then(|(_, by_gpus)| by_gpus.get(column).copied());
    Some(seconds.unwrap_or(OVERHEAD_OF_OTHERS_S) * 1_000_000)
}

/// What a policy made of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Jobs that ended.
    pub jobs: u64,
    /// Sum of the times from submission to end, in microseconds.
    pub completion_us: u128,
    /// When the last one ended, in microseconds from the start of the list.
    pub makespan_us: u64,
    /// Moments at which the policy was asked; each cost every running job its overhead.
    pub events: u64,
    /// Times a running job had to stop.
    pub preemptions: u64,
}

impl Outcome {
    pub(super) fn end(&mut self, job: &Job, at_us: u64) {
        self.jobs += 1;
        self.completion_us += u128::from(at_us.saturating_sub(job.submitted_us));
        self.makespan_us = self.makespan_us.max(at_us);
    }

    /// Mean time from submission to end, in microseconds, rounded down.
    #[must_use]
    pub fn mean_us(&self) -> u64 {
        let mean = self.completion_us.checked_div(u128::from(self.jobs)).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }
}

/// Sum of what a job has left after running for a while, charged once with its overhead.
pub(super) fn left_us(job: &Job, remaining_us: u64, ran_us: u64) -> u64 {
    remaining_us.saturating_sub(ran_us.saturating_sub(job.overhead_us))
}
