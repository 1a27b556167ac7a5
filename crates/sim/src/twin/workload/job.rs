//! One job as its list describes it, before it is fitted to a fleet.

use units::{Bytes, DurationMicros, MilliCpu};

use super::TenantIdx;
use crate::twin::{fleet::Level, time::Time};

/// A whole GPU, in thousandths.
pub const GPU_MILLI: u32 = 1_000;

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name in the list; unique there.
    pub name: Box<str>,
    /// Its line in the list, for errors; 0 if it was generated.
    pub line: u32,
    /// Whose it is.
    pub tenant: TenantIdx,
    /// When it is submitted.
    pub submit: Time,
    /// How long it takes.
    pub work: Work,
    /// How many nodes and GPUs.
    pub shape: Shape,
    /// Of each GPU, in thousandths: 1,000 is a whole one, less is a share of one.
    pub gpu_milli: u32,
    /// Memory on each node, or in total with [`Shape::Total`].
    pub memory: Bytes,
    /// Classes of GPU that do; any if empty.
    pub classes: Vec<Box<str>>,
    /// How close together its nodes must or should be.
    pub within: Option<Within>,
    /// Nodes that must share an NVLink domain: ranks 1 to k, k+1 to 2k and so on; 1 is no wish.
    pub segment: u32,
    /// Higher goes first.
    pub priority: i32,
    /// When it is ended if it still runs, counted from its start.
    pub limit: Option<DurationMicros>,
    /// May start late as long as it ends by then.
    pub deadline: Option<Time>,
    /// How often it saves its progress; all is lost at a preemption without it.
    pub checkpoint: Option<DurationMicros>,
    /// Its place in an array of jobs.
    pub array: Option<Array>,
    /// Names of jobs that must have ended before it starts.
    pub after: Vec<Box<str>>,
}

/// How long a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// So long on the fewest nodes that it asks for.
    Run(DurationMicros),
    /// So much GPU time, however many GPUs share it.
    GpuTime(DurationMicros),
    /// The list does not say.
    Unstated,
}

/// What a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nodes, and what it takes of each.
    Nodes {
        /// Fewest nodes.
        min: u32,
        /// Most nodes that it can use.
        max: u32,
        /// GPUs on each.
        gpus: u32,
        /// Processor on each.
        cpu: MilliCpu,
    },
    /// GPUs and processor in total; the list does not say on how many nodes.
    Total {
        /// GPUs.
        gpus: u32,
        /// Processor.
        cpu: MilliCpu,
    },
}

/// How close together nodes are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// All in one of these.
    pub level: Level,
    /// True if it must not start otherwise.
    pub is_hard: bool,
}

/// A place in an array of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// The array.
    pub name: Box<str>,
    /// The place.
    pub index: u32,
}

impl Job {
    /// A job of one GPU for a time; the fields that a reader knows replace these.
    pub(crate) fn plain(name: &str, tenant: TenantIdx, submit: Time, work: Work) -> Self {
        Self {
            name: name.into(),
            line: 0,
            tenant,
            submit,
            work,
            shape: Shape::Total { gpus: 1, cpu: MilliCpu(0) },
            gpu_milli: GPU_MILLI,
            memory: Bytes(0),
            classes: Vec::new(),
            within: None,
            segment: 1,
            priority: 0,
            limit: None,
            deadline: None,
            checkpoint: None,
            array: None,
            after: Vec::new(),
        }
    }
}
