//! What a fleet can hold: whether a job can ever run there, and on how many nodes a total is laid out.

use std::collections::BTreeMap;

use units::{Bytes, MilliCpu};

use super::{ClassSet, Misfit};
use crate::twin::{
    fleet::{Fleet, Kind, Level},
    number,
    workload::{Job, Shape},
};

/// A kind of node with how many there are of it and in what groups.
#[derive(Debug)]
struct Size<'a> {
    kind: &'a Kind,
    nodes: u64,
    /// Most nodes of one NVLink domain.
    domain_nodes: u32,
    /// Most nodes of one rack.
    rack_nodes: u32,
}

/// All kinds of a fleet.
#[derive(Debug)]
pub(super) struct Sizes<'a> {
    fleet: &'a Fleet,
    sizes: Vec<Size<'a>>,
}

/// A job on nodes.
#[derive(Debug)]
pub(super) struct LaidOut {
    pub(super) nodes_min: u32,
    pub(super) nodes_max: u32,
    pub(super) gpus: u32,
    pub(super) cpu: MilliCpu,
    pub(super) memory: Bytes,
}

impl<'a> Sizes<'a> {
    pub(super) fn of(fleet: &'a Fleet) -> Self {
        let mut domains: BTreeMap<u32, u32> = BTreeMap::new();
        for node in &fleet.nodes {
            *domains.entry(node.domain).or_default() += 1;
        }
        let mut sizes: Vec<Size<'a>> = fleet
            .kinds
            .iter()
            .map(|kind| Size { kind, nodes: 0, domain_nodes: 0, rack_nodes: 0 })
            .collect();
        for node in &fleet.nodes {
            if let Some(size) = sizes.get_mut(number::index(node.kind.0)) {
                size.nodes = size.nodes.saturating_add(1);
                let domain = domains.get(&node.domain).copied().unwrap_or(0);
                size.domain_nodes = size.domain_nodes.max(domain);
                let rack = fleet.rack(node.rack).map_or(0, |rack| rack.nodes);
                size.rack_nodes = size.rack_nodes.max(rack);
            }
        }
        Self { fleet, sizes }
    }

    /// The classes with these names; at least one of them must exist.
    pub(super) fn classes(&self, names: &[Box<str>]) -> Result<ClassSet, Misfit> {
        if names.is_empty() {
            return Ok(ClassSet::ANY);
        }
        let known = names.iter().filter_map(|name| self.fleet.class_named(name));
        let bits = known.fold(0_u64, |bits, class| bits | 1_u64.checked_shl(class.0).unwrap_or(0));
        if bits != 0 {
            return Ok(ClassSet(bits));
        }
        let has: Vec<&str> = self.fleet.classes.iter().map(|class| class.name.as_str()).collect();
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        Err(Misfit {
            field: "classes",
            value: names.join("|"),
            message: format!("no node has such a GPU: the fleet has {has}"),
            can_skip: true,
        })
    }

    /// Lays a job out on nodes that can hold it, or says why no node can.
    pub(super) fn lay_out(&self, job: &Job, classes: ClassSet) -> Result<LaidOut, Misfit> {
        let laid = match job.shape {
            Shape::Nodes { min, max, gpus, cpu } => {
                LaidOut { nodes_min: min, nodes_max: max, gpus, cpu, memory: job.memory }
            }
            Shape::Total { gpus, cpu } => self.spread(gpus, cpu, job.memory, classes),
        };
        let fitting = |size: &&Size<'_>| {
            let kind = size.kind;
            let has_gpus = laid.gpus == 0 || classes.allows(kind.class);
            has_gpus && kind.gpus >= laid.gpus && kind.cpu >= laid.cpu && kind.memory >= laid.memory
        };
        let misfit = |field, value: String, message: &str| Misfit {
            field,
            value,
            message: message.to_owned(),
            can_skip: true,
        };
        let fits: Vec<&Size<'_>> = self.sizes.iter().filter(fitting).collect();
        if fits.is_empty() {
            let value =
                format!("{} GPUs, {} mCPU, {} MiB", laid.gpus, laid.cpu.0, laid.memory.0 >> 20);
            let message = if classes == ClassSet::ANY {
                "no node of the fleet is so large"
            } else {
                "no node with a GPU of its classes is so large"
            };
            return Err(misfit("nodes", value, message));
        }
        let nodes: u64 = fits.iter().map(|size| size.nodes).sum();
        if nodes < u64::from(laid.nodes_min) {
            let message = format!("the fleet has only {nodes} such nodes");
            return Err(misfit("nodes", laid.nodes_min.to_string(), &message));
        }
        let domain = fits.iter().map(|size| size.domain_nodes).max().unwrap_or(0);
        if job.segment > domain {
            let message = format!("the largest NVLink domain has {domain} such nodes");
            return Err(misfit("segment", job.segment.to_string(), &message));
        }
        if let Some(within) = job.within.filter(|within| within.is_hard) {
            let rack = fits.iter().map(|size| size.rack_nodes).max().unwrap_or(0);
            let most = match within.level {
                Level::Nvlink => domain,
                Level::Rack => rack,
                Level::Row | Level::Hall | Level::Site => u32::MAX,
            };
            if laid.nodes_min > most {
                let message = format!("{most} such nodes are the most that are so close together");
                return Err(misfit("within", laid.nodes_min.to_string(), &message));
            }
        }
        Ok(laid)
    }

    /// The fewest equal nodes that hold a total.
    fn spread(&self, gpus: u32, cpu: MilliCpu, memory: Bytes, classes: ClassSet) -> LaidOut {
        let kinds = self.sizes.iter().map(|size| size.kind);
        let kinds = kinds.filter(|kind| gpus == 0 || (kind.gpus > 0 && classes.allows(kind.class)));
        let (mut most_gpus, mut most_cpu, mut most_memory) = (1, 1, 1);
        for kind in kinds {
            most_gpus = most_gpus.max(kind.gpus);
            most_cpu = most_cpu.max(kind.cpu.0);
            most_memory = most_memory.max(kind.memory.0);
        }
        let by_gpus = u64::from(gpus.div_ceil(most_gpus));
        let by_memory = memory.0.div_ceil(most_memory);
        let nodes = by_gpus.max(cpu.0.div_ceil(most_cpu)).max(by_memory).max(1);
        let nodes_min = number::small(nodes);
        LaidOut {
            nodes_min,
            nodes_max: nodes_min,
            gpus: gpus.div_ceil(nodes_min),
            cpu: MilliCpu(cpu.0.div_ceil(nodes)),
            memory: Bytes(memory.0.div_ceil(nodes)),
        }
    }
}
