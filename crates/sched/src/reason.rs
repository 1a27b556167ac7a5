//! Why a job was not placed: one dominant reason from a closed list, with its evidence.
//!
//! Must never be free text: programs act on the variant, people read `Display`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a node can be short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Whole GPUs.
    Gpu,
    /// Memory in bytes.
    Memory,
    /// Processor in thousandths of a core.
    Cpu,
}

/// What a job says that cannot be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contradiction {
    /// It asks for no node at all.
    NoNodesAsked,
    /// Its largest number of nodes is below its smallest.
    MaxBelowMin,
}

/// The dominant reason, in the order in which they are looked for: what the job says, then its
/// budget, its sites, the hardware there, the state of the hardware, and last what others use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The job contradicts itself.
    Contradictory {
        /// How.
        what: Contradiction,
    },
    /// A budget that blocks is used up.
    BudgetExhausted,
    /// Policy allows no site that exists.
    NoSiteAllowed,
    /// No allowed site has a GPU of the model asked for.
    NoSuchGpuClass {
        /// The model's number.
        class: u32,
    },
    /// No node of an allowed site is large enough even when empty.
    NoNodeLargeEnough {
        /// The first resource, in the order GPU, memory, processor, that no node has enough of
        /// (among nodes that have enough of the ones before).
        short_of: Resource,
        /// Asked for on one node, in the resource's base unit.
        need: u64,
        /// The most that one node has.
        largest: u64,
    },
    /// No allowed site has as many large enough nodes as the gang needs.
    GangTooLarge {
        /// Nodes needed in one site.
        need: u32,
        /// Large enough nodes in the best site, whatever their state.
        exist: u32,
    },
    /// Too many of the nodes that could do it are cordoned, draining or down.
    NodesUnavailable {
        /// Large enough nodes that are schedulable, in the best site.
        ready: u32,
        /// Large enough nodes of that site.
        total: u32,
    },
    /// Everything exists and is ready, but is in use.
    WaitingForCapacity {
        /// The first resource, in the order GPU, memory, processor, that is in use.
        short_of: Resource,
        /// Nodes needed in one site.
        need_nodes: u32,
        /// Nodes that have enough free, in the best site.
        fit_nodes: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradictory { what: Contradiction::NoNodesAsked } => {
                f.write_str("The job asks for no nodes; ask for at least one.")
            }
            Self::Contradictory { what: Contradiction::MaxBelowMin } => {
                f.write_str("The job's largest number of nodes is below its smallest.")
            }
            Self::BudgetExhausted => f.write_str("A budget of the project is used up."),
            Self::NoSiteAllowed => f.write_str("Policy allows the job at no site."),
            Self::NoSuchGpuClass { class } => {
                write!(f, "No allowed site has GPUs of the model asked for (class {class}).")
            }
            Self::NoNodeLargeEnough { short_of, need, largest } => write!(
                f,
                "No node of an allowed site is large enough: the job needs {} on one node, the \
                 largest has {}.",
                Quantity(*short_of, *need),
                Quantity(*short_of, *largest)
            ),
            Self::GangTooLarge { need, exist } => write!(
                f,
                "The job needs {need} nodes in one site, but no allowed site has more than \
                 {exist} that are large enough."
            ),
            Self::NodesUnavailable { total: 0, .. } => {
                f.write_str("The sites where the job is allowed have no nodes.")
            }
            Self::NodesUnavailable { ready, total } => write!(
                f,
                "Only {ready} of {total} large enough nodes can take work now; the others are \
                 cordoned, draining or down."
            ),
            Self::WaitingForCapacity { short_of, need_nodes, fit_nodes } => write!(
                f,
                "Waiting for {}: the job needs {need_nodes} {} with enough free in one site, \
                 {fit_nodes} {} it now.",
                match short_of {
                    Resource::Gpu => "GPUs",
                    Resource::Memory => "memory",
                    Resource::Cpu => "processors",
                },
                if *need_nodes == 1 { "node" } else { "nodes" },
                if *fit_nodes == 1 { "has" } else { "have" },
            ),
        }
    }
}

/// An amount of a resource for people.
struct Quantity(Resource, u64);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GIB: u64 = 1024 * 1024 * 1024;
        match *self {
            Self(Resource::Gpu, 1) => f.write_str("1 GPU"),
            Self(Resource::Gpu, gpus) => write!(f, "{gpus} GPUs"),
            Self(Resource::Memory, bytes) if bytes < GIB => write!(f, "{bytes} bytes of memory"),
            Self(Resource::Memory, bytes) => {
                let tenths = (bytes % GIB).saturating_mul(10) / GIB;
                write!(f, "{}.{tenths} GiB of memory", bytes / GIB)
            }
            Self(Resource::Cpu, milli) => {
                write!(f, "{}.{:03} processor cores", milli / 1_000, milli % 1_000)
            }
        }
    }
}
