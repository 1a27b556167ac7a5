//! Tests at the crate's border: a problem in, a plan out.

mod properties;
mod scenarios;

use crate::{Job, Node, SiteIdx, SiteMask};

const GIB: u64 = 1 << 30;

/// An empty node with GPUs of class 1, 16 GiB and 8 cores a GPU (at least one of each).
fn node(site: u32, rack: u32, gpus: u32) -> Node {
    let memory_bytes = u64::from(gpus.max(1)) * 16 * GIB;
    let cpu_milli = u64::from(gpus.max(1)) * 8_000;
    Node {
        site: SiteIdx(site),
        rack,
        schedulable: true,
        gpu_class: (gpus > 0).then_some(1),
        gpus_free: gpus,
        gpus_total: gpus,
        memory_free_bytes: memory_bytes,
        memory_total_bytes: memory_bytes,
        cpu_free_milli: cpu_milli,
        cpu_total_milli: cpu_milli,
    }
}

/// A job of a fixed number of nodes with a GiB and a core each, allowed at eight sites.
fn job(nodes: u32, gpus: u32) -> Job {
    Job {
        priority: 0,
        submitted_order: 0,
        nodes_min: nodes,
        nodes_max: nodes,
        cpu_milli: 1_000,
        memory_bytes: GIB,
        gpus,
        gpu_class: None,
        allowed_sites: SiteMask::all(8),
        budget_ok: true,
    }
}
