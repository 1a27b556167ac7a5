//! One machine shown as several nodes, for tests and teaching: each has its share of processor and
//! memory, and real processes run on each, under the same engine.
//!
//! Virtual GPUs exist only here. They are named as such, no device stands behind them, and nothing is
//! ever measured or billed of them.

use anyhow::{Context as _, bail};
use api::engine::{GpuFacts, NodeFacts};
use server::Topology;
use units::{Bytes, MilliCpu, Name};

/// Most virtual nodes of one machine.
pub(crate) const NODES_MAX: u32 = 1_000;
/// Least processor of a virtual node, in thousandths of a core.
const CPU_MIN: MilliCpu = MilliCpu(10);
/// Least memory of a virtual node: 16 MiB.
const MEMORY_MIN: Bytes = Bytes(16 << 20);

/// How the machine is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VirtualNodes {
    /// How many nodes.
    pub(crate) count: u32,
    /// In how many racks `rack-0`, `rack-1`, …; `None` for what `--rack` says.
    pub(crate) racks: Option<u32>,
    /// Virtual GPUs of each node.
    pub(crate) gpus: u32,
    /// What their model is called.
    pub(crate) gpu_model: String,
}

/// A node as it is registered.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Its name.
    pub(super) name: Name,
    /// What it is.
    pub(super) facts: NodeFacts,
    /// Where it stands.
    pub(super) topology: Topology,
}

/// The nodes as which a machine is shown.
///
/// # Errors
/// If the shares would be too small to run anything, with what would be right.
pub(super) fn split(
    facts: &NodeFacts,
    plan: &VirtualNodes,
    topology: &Topology,
) -> anyhow::Result<Vec<Shown>> {
    let count = plan.count;
    if !(1..=NODES_MAX).contains(&count) {
        bail!("`{count}` virtual nodes are not from 1 to {NODES_MAX}");
    }
    let n_gpus_max = 64;
    if plan.gpus > n_gpus_max {
        bail!("`{}` virtual GPUs on a node are more than {n_gpus_max}", plan.gpus);
    }
    if let Some(racks) = plan.racks.filter(|racks| !(1..=count).contains(racks)) {
        bail!("`{racks}` racks for {count} virtual nodes: give from 1 to {count}");
    }
    let cpu = MilliCpu(facts.cpu.0 / u64::from(count));
    let memory = Bytes(facts.memory.0 / u64::from(count));
    if cpu < CPU_MIN || memory < MEMORY_MIN {
        bail!("{count} virtual nodes would have {cpu} and {memory} each: use fewer");
    }
    (0..count).map(|number| one(facts, plan, topology, (number, cpu, memory))).collect()
}

fn one(
    facts: &NodeFacts,
    plan: &VirtualNodes,
    topology: &Topology,
    (number, cpu, memory): (u32, MilliCpu, Bytes),
) -> anyhow::Result<Shown> {
    let name: Name = format!("vm-{number}").parse().context("cannot name a virtual node")?;
    let gpu = |gpu: u32| GpuFacts {
        model: format!("{} (virtual)", plan.gpu_model),
        uuid: format!("virtual-{name}-{gpu}"),
        memory: Bytes(0),
    };
    let rack = match plan.racks {
        None => topology.rack.clone(),
        Some(racks) => {
            // Whole racks first: only the last may have fewer nodes.
            let rack = number / plan.count.div_ceil(racks);
            Some(format!("rack-{rack}").parse().context("cannot name a rack")?)
        }
    };
    Ok(Shown {
        facts: NodeFacts {
            hostname: name.to_string(),
            cpu,
            memory,
            gpus: (0..plan.gpus).map(gpu).collect(),
            virtual_host: Some(facts.hostname.clone()),
            ..facts.clone()
        },
        topology: Topology { group: topology.group.clone(), rack },
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> NodeFacts {
        let text = || "test".to_owned();
        NodeFacts {
            hostname: "host".to_owned(),
            system: text(),
            cpu_model: text(),
            cpu: MilliCpu(4_000),
            memory: Bytes(8 << 30),
            gpus: vec![GpuFacts { model: "real".to_owned(), uuid: text(), memory: Bytes(1) }],
            limits: text(),
            sandbox: text(),
            power: text(),
            container: None,
            virtual_host: None,
        }
    }

    fn plan(count: u32, racks: Option<u32>, gpus: u32) -> VirtualNodes {
        VirtualNodes { count, racks, gpus, gpu_model: "H200".to_owned() }
    }

    #[test]
    fn shares_add_up_and_everything_is_labelled() {
        let shown = split(&machine(), &plan(5, Some(2), 2), &Topology::default()).unwrap();
        let names: Vec<String> = shown.iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["vm-0", "vm-1", "vm-2", "vm-3", "vm-4"]);
        let racks: Vec<String> =
            shown.iter().map(|one| one.topology.rack.as_ref().unwrap().to_string()).collect();
        assert_eq!(racks, ["rack-0", "rack-0", "rack-0", "rack-1", "rack-1"]);
        let cpu: u64 = shown.iter().map(|one| one.facts.cpu.0).sum();
        let memory: u64 = shown.iter().map(|one| one.facts.memory.0).sum();
        assert!(cpu <= 4_000 && memory <= 8 << 30);
        for one in &shown {
            assert_eq!(one.facts.virtual_host.as_deref(), Some("host"));
            assert_eq!(one.facts.gpus.len(), 2);
            assert!(one.facts.gpus.iter().all(|gpu| gpu.model == "H200 (virtual)"));
        }
        let without = split(&machine(), &plan(2, None, 0), &Topology::default()).unwrap();
        assert!(without.iter().all(|one| one.facts.gpus.is_empty()), "real GPUs are not shared");
        assert!(without.iter().all(|one| one.topology.is_unknown()));
    }

    #[test]
    fn shares_that_are_too_small_are_refused() {
        for (wrong, part) in [
            (plan(0, None, 0), "from 1"),
            (plan(1_001, None, 0), "from 1"),
            (plan(500, None, 0), "use fewer"),
            (plan(2, Some(3), 0), "racks"),
            (plan(2, Some(0), 0), "racks"),
            (plan(2, None, 65), "GPUs"),
        ] {
            let error = split(&machine(), &wrong, &Topology::default()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
