//! What a backend tells while it runs. Results and checkers are observers; they see the same events in
//! the same order, and nothing else.

use serde::Serialize;
use units::{DurationMicros, MilliWatt};

use super::{
    fleet::{ClassIdx, FeederIdx, NodeIdx, SiteIdx},
    time::Time,
    workload::JobIdx,
};

/// What one rank of a job has of its node. The processor and memory are those of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its node.
    pub node: NodeIdx,
    /// Whole GPUs.
    pub gpus: u32,
    /// A part of one more GPU.
    pub part: Option<Part>,
}

/// A part of one GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which GPU of the node, from 0.
    pub gpu: u32,
    /// How much of it, in thousandths; 1 to 999.
    pub milli: u32,
}

impl Share {
    /// GPUs, in thousandths.
    #[must_use]
    pub fn gpu_milli(&self) -> u64 {
        let part = self.part.map_or(0, |part| u64::from(part.milli));
        u64::from(self.gpus).saturating_mul(1_000).saturating_add(part)
    }
}

/// Why a running job lost its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preemption {
    /// A node, rack or link broke.
    Failure,
    /// A job of higher priority needed them.
    Priority,
    /// Their owner reclaimed them.
    Reclaim,
    /// Less power is allowed.
    Power,
    /// The nodes are to be maintained.
    Maintenance,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its work is done.
    Finished,
    /// Its limit passed.
    TimedOut,
    /// It was given up.
    Cancelled,
}

/// What only the backend knows, now and then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Free GPUs that are kept for somebody, in thousandths.
    pub reserved_gpu_milli: u64,
}

/// What happened. All jobs wait until they are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A job was submitted.
    Submitted {
        /// The job.
        job: JobIdx,
    },
    /// A job got its nodes, all at once.
    Started {
        /// The job.
        job: JobIdx,
        /// One share for each rank, in order of ranks.
        shares: &'a [Share],
    },
    /// A job lost all its nodes and waits again.
    Preempted {
        /// The job.
        job: JobIdx,
        /// Why.
        why: Preemption,
        /// How much of its present run is lost.
        lost: DurationMicros,
    },
    /// A job ended. It may never have started.
    Ended {
        /// The job.
        job: JobIdx,
        /// How.
        how: Ending,
    },
    /// A node works again, or no longer. Whoever runs on it is preempted at the same time, before or
    /// after.
    NodeChanged {
        /// The node.
        node: NodeIdx,
        /// True if it works.
        is_up: bool,
    },
    /// A feeder may carry another power.
    PowerAllowed {
        /// The feeder.
        feeder: FeederIdx,
        /// What it may carry; `None` is without limit.
        allowed: Option<MilliWatt>,
    },
    /// The GPUs of a class at a site are held below a power.
    GpuCapped {
        /// The site.
        site: SiteIdx,
        /// The class.
        class: ClassIdx,
        /// The most that one may draw; `None` lifts it.
        cap: Option<MilliWatt>,
    },
    /// All GPUs of a running job are held below another power. Lifted before it loses its nodes.
    JobCapped {
        /// The job.
        job: JobIdx,
        /// Its shares.
        shares: &'a [Share],
        /// The most that one could draw until now; `None` for no limit.
        from: Option<MilliWatt>,
        /// The most that one may draw now; `None` lifts it.
        to: Option<MilliWatt>,
    },
    /// What only the backend knows.
    Sample(Gauges),
}

/// Somebody who is told what happens.
pub trait Observer {
    /// Something happened. Times never go back.
    fn observe(&mut self, now: Time, event: &Event<'_>);
}

/// Tells several observers, in their order.
pub struct Fanout<'a>(pub Vec<&'a mut dyn Observer>);

impl std::fmt::Debug for Fanout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fanout of {}", self.0.len())
    }
}

impl Observer for Fanout<'_> {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        for observer in &mut self.0 {
            observer.observe(now, event);
        }
    }
}
