//! The nodes of a problem by site, with what is free as the plan goes on.
//!
//! Must never hand out more than is free.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{Job, Node, NodeIdx, Problem, SiteIdx};
use crate::reason::Resource;

/// Amounts of every resource; the order of the fields is the order in which best fit compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amounts {
    pub(crate) gpus: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_milli: u64,
}

impl Amounts {
    /// What the job needs on one node.
    pub(crate) fn of(job: &Job) -> Self {
        Self { gpus: u64::from(job.gpus), memory_bytes: job.memory_bytes, cpu_milli: job.cpu_milli }
    }

    pub(crate) const fn get(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Gpu => self.gpus,
            Resource::Memory => self.memory_bytes,
            Resource::Cpu => self.cpu_milli,
        }
    }

    pub(crate) const fn covers(&self, need: &Self) -> bool {
        self.gpus >= need.gpus
            && self.memory_bytes >= need.memory_bytes
            && self.cpu_milli >= need.cpu_milli
    }

    pub(crate) const fn saturating_sub(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.saturating_sub(other.gpus),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            cpu_milli: self.cpu_milli.saturating_sub(other.cpu_milli),
        }
    }

    pub(crate) const fn saturating_add(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.saturating_add(other.gpus),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
        }
    }
}

/// One node as the plan sees it.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) node: NodeIdx,
    pub(crate) rack: u32,
    pub(crate) schedulable: bool,
    pub(crate) gpu_class: Option<u32>,
    pub(crate) free: Amounts,
    /// At least what is free, even where the problem says otherwise.
    pub(crate) total: Amounts,
}

impl Slot {
    fn new(index: NodeIdx, node: &Node) -> Self {
        let free = Amounts {
            gpus: u64::from(node.gpus_free),
            memory_bytes: node.memory_free_bytes,
            cpu_milli: node.cpu_free_milli,
        };
        let total = Amounts {
            gpus: u64::from(node.gpus_total).max(free.gpus),
            memory_bytes: node.memory_total_bytes.max(free.memory_bytes),
            cpu_milli: node.cpu_total_milli.max(free.cpu_milli),
        };
        Self {
            node: index,
            rack: node.rack,
            schedulable: node.schedulable,
            gpu_class: node.gpu_class,
            free,
            total,
        }
    }

    /// True if the node's GPUs are of the model the job insists on.
    pub(crate) fn has_class_for(&self, job: &Job) -> bool {
        job.gpus == 0 || job.gpu_class.is_none_or(|class| self.gpu_class == Some(class))
    }

    /// True if the node could run its part of the job when empty.
    pub(crate) fn large_enough_for(&self, job: &Job) -> bool {
        self.has_class_for(job) && self.total.covers(&Amounts::of(job))
    }

    /// True if the node can run its part of the job now.
    pub(crate) fn fits_now(&self, job: &Job) -> bool {
        self.schedulable && self.has_class_for(job) && self.free.covers(&Amounts::of(job))
    }
}

/// All nodes of sites that exist.
#[derive(Debug)]
pub(crate) struct Fleet(BTreeMap<SiteIdx, Vec<Slot>>);

impl Fleet {
    pub(crate) fn new(problem: &Problem) -> Self {
        let mut sites: BTreeMap<SiteIdx, Vec<Slot>> = BTreeMap::new();
        for (index, node) in (0..=u32::MAX).zip(&problem.nodes) {
            if node.site.0 < problem.sites {
                sites.entry(node.site).or_default().push(Slot::new(NodeIdx(index), node));
            }
        }
        Self(sites)
    }

    /// The sites with nodes where the job may be, in order.
    pub(crate) fn allowed<'a>(
        &'a self,
        job: &'a Job,
    ) -> impl Iterator<Item = (SiteIdx, &'a [Slot])> {
        self.0
            .iter()
            .filter(|(site, _)| job.allowed_sites.allows(**site))
            .map(|(site, slots)| (*site, slots.as_slice()))
    }

    /// Takes the job's needs from the chosen nodes of a site.
    pub(crate) fn take(&mut self, site: SiteIdx, nodes: &[NodeIdx], need: Amounts) {
        let chosen: BTreeSet<NodeIdx> = nodes.iter().copied().collect();
        for slot in self.0.get_mut(&site).into_iter().flatten() {
            if chosen.contains(&slot.node) {
                slot.free = slot.free.saturating_sub(need);
            }
        }
    }
}
