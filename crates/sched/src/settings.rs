//! How to plan: what bounds the work of a cycle, who may evict whom, what age and past use count.
//!
//! Plain values; nothing here may depend on what waits or runs.

use crate::problem::Micros;

/// How to plan. Every limit bounds the work of one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Blocked jobs that are promised nodes: 1 is EASY backfill, more come closer to conservative
    /// backfill, [`u32::MAX`] is conservative, 0 lets small work pass large work for ever.
    pub backfill_depth_max: u32,
    /// Ends of running work that are looked at for one promise.
    pub ends_looked_at_max: u32,
    /// Blocked jobs with some claim for which evictions are considered.
    pub preemptors_max: u32,
    /// A job that gets its nodes within this time anyway evicts nobody.
    pub patience_us: u64,
    /// Whom a queue may evict work of other queues for.
    pub reclaim: Reclaim,
    /// How long a job has to wait to be served like one of a priority higher by 1; `None` for as
    /// long as the queue lives. It moves jobs in the order of their queue and nowhere else: who may
    /// evict whom goes by the priority that was asked for.
    pub ageing_us: Option<u64>,
    /// How much past use counts against a queue when what nobody deserves is shared out, in
    /// thousandths; 0 for not at all. See [`share::Decay`](crate::share::Decay).
    pub past_use_milli: u32,
}

/// When work of one queue is evicted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reclaim {
    /// Never.
    Off,
    /// So that a queue gets what it deserves.
    Deserved,
    /// Also so that what nobody deserves is shared by weight.
    Shares,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backfill_depth_max: 8,
            ends_looked_at_max: 20_000,
            preemptors_max: 16,
            patience_us: 60_000_000,
            reclaim: Reclaim::Deserved,
            // 100 points, which is one class of the job file, in a day.
            ageing_us: Some(864_000_000),
            past_use_milli: 1_000,
        }
    }
}

impl Settings {
    /// The place of a job in the order of its queue; the lowest goes first, then the first submitted.
    ///
    /// All that wait age alike, so that the order of two of them never changes: a point of
    /// priority is worth as much as having been submitted so much earlier.
    #[must_use]
    pub fn turn(&self, priority: i32, submitted_us: Micros) -> i128 {
        let points = i128::from(priority);
        match self.ageing_us {
            // Neither factor has more than 64 bits.
            Some(each) => {
                i128::from(submitted_us).saturating_sub(points.saturating_mul(each.into()))
            }
            None => points.saturating_neg(),
        }
    }
}
