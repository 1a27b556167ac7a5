//! The disciplines: from what is known of a job to the key by which it is served.
//!
//! Must never compare anything but integers; equal service is decided by who runs, then by who came.

use super::ladder::{rung_of, rung_start};

/// How waiting and running jobs are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// In the order of submission.
    Fifo,
    /// Least remaining service first, where service is GPUs times time (SRSF). Needs declared work.
    ShortestService,
    /// Least attained service first, in steps that double (Tiresias' 2D-LAS with many queues).
    LeastAttained,
    /// Least predicted effort first, from [`History`](super::History).
    Predicted,
}

/// What is known of a job when it is ordered. Services are GPU-microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Position in the order of submission.
    pub submitted: u64,
    /// Service it has had.
    pub attained: u64,
    /// Service that remains, where the user declared the work.
    pub remaining: Option<u64>,
    /// Effort to its end, where history gives one.
    pub predicted: Option<u64>,
    /// Whether it runs.
    pub running: bool,
}

/// What jobs are sorted by; the smallest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Service or effort in GPU-microseconds, already in favour of what runs.
    pub service: u64,
    /// Whether it waits: of two equals the running one stays.
    pub waits: bool,
    /// Position in the order of submission.
    pub submitted: u64,
}

/// A running job counts as two thirds of its predicted effort: a guess must be half as good again
/// before it stops a job, because guesses waver and each change costs a restart.
const STAY: (u64, u64) = (2, 3);

impl Discipline {
    /// The key of a job. A discipline that lacks what it needs falls back to attained service, which
    /// is always known.
    #[must_use]
    pub fn key(self, job: &Standing) -> Key {
        let service = match self {
            Self::Fifo => 0,
            Self::ShortestService => job.remaining.unwrap_or_else(|| level(job)),
            Self::LeastAttained => level(job),
            Self::Predicted => {
                let effort = job.predicted.unwrap_or_else(|| level(job));
                if job.running { favoured(effort) } else { effort }
            }
        };
        let waits = match self {
            Self::Fifo => false,
            Self::ShortestService | Self::LeastAttained | Self::Predicted => !job.running,
        };
        Key { service, waits, submitted: job.submitted }
    }
}

fn level(job: &Standing) -> u64 {
    rung_start(rung_of(job.attained))
}

fn favoured(effort: u64) -> u64 {
    let (above, below) = STAY;
    effort.checked_div(below).unwrap_or(effort).saturating_mul(above)
}
