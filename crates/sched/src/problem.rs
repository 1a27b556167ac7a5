//! What is to be planned: nodes with what is free, and jobs that wait, in plain integers.
//!
//! Must stay free of ids, names and history: the caller maps indices back to its own things.

use serde::{Deserialize, Serialize};

use crate::mask::SiteMask;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);
    )*};
}

indices! {
    /// Position of a node in [`Problem::nodes`].
    NodeIdx;
    /// Position of a job in [`Problem::jobs`].
    JobIdx;
    /// Number of a site, below [`Problem::sites`].
    SiteIdx;
}

/// One planning problem. Contradictions in it are tolerated: a node of an unknown site does not
/// exist for the plan, and a job that asks for the impossible is unplaced with a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Number of sites.
    pub sites: u32,
    /// All nodes; at most 2³² are looked at.
    pub nodes: Vec<Node>,
    /// All waiting jobs; at most 2³² are looked at.
    pub jobs: Vec<Job>,
}

/// A machine and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub site: SiteIdx,
    /// Rack (NVLink domain), a number within the site.
    pub rack: u32,
    /// False while it is cordoned, draining, down or suspect.
    pub schedulable: bool,
    /// Model of its GPUs as a number the caller chose; `None` without GPUs.
    pub gpu_class: Option<u32>,
    /// Whole GPUs not in use.
    pub gpus_free: u32,
    /// Whole GPUs built in.
    pub gpus_total: u32,
    /// Memory not in use, in bytes.
    pub memory_free_bytes: u64,
    /// Memory built in, in bytes.
    pub memory_total_bytes: u64,
    /// Processor not in use, in thousandths of a core.
    pub cpu_free_milli: u64,
    /// Processor built in, in thousandths of a core.
    pub cpu_total_milli: u64,
}

/// A waiting job. Resources are per node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Higher goes first.
    pub priority: i32,
    /// Lower goes first among equal priorities.
    pub submitted_order: u64,
    /// Nodes without which it cannot start; at least 1.
    pub nodes_min: u32,
    /// Nodes it can make use of; at least `nodes_min`.
    pub nodes_max: u32,
    /// Processor, in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Whole GPUs.
    pub gpus: u32,
    /// Model of GPU it must have; `None` for any. Without meaning where `gpus` is 0.
    pub gpu_class: Option<u32>,
    /// Sites where policy allows it.
    pub allowed_sites: SiteMask,
    /// False where a budget that blocks is used up.
    pub budget_ok: bool,
}
