//! What a list of jobs and a fleet file do not say, for experiments and for fuzzing: terms of single
//! jobs, shares of tenants, and what operators do.
//!
//! Must change nothing where it says nothing.

use std::collections::BTreeMap;

use units::DurationMicros;

use crate::twin::{fleet::NodeIdx, time::Time, workload::JobIdx};

/// Terms, shares and orders of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Terms of jobs; the others may be evicted at once and share their nodes.
    pub terms: BTreeMap<JobIdx, Terms>,
    /// Shares by path of a tenant, such as `organisation` or `organisation/project`.
    pub shares: BTreeMap<String, Entitled>,
    /// What operators say of nodes, and when they take it back; in order of time.
    pub orders: Vec<(Time, NodeIdx, Option<Order>)>,
}

/// On what terms a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// True if it shares its nodes with nobody.
    pub is_exclusive: bool,
    /// True if it may be evicted for other work.
    pub is_preemptible: bool,
    /// How long it runs before it may be.
    pub guaranteed: DurationMicros,
}

impl Default for Terms {
    fn default() -> Self {
        Self { is_exclusive: false, is_preemptible: true, guaranteed: DurationMicros(0) }
    }
}

/// What a tenant is entitled to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entitled {
    /// Weight among its siblings.
    pub weight: u32,
    /// GPUs that it deserves, by class; the rest is 0.
    pub deserved_gpus: Vec<u64>,
}

/// What an operator says of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It takes no new work.
    Cordon,
    /// It takes no new work and loses what it runs.
    Drain,
    /// It may be bad.
    Suspect,
}
