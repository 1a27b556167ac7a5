//! What can be wrong with the power of a fleet, with the remedy.
//!
//! Must never lose the numbers: each error names the node or model it is about.

use std::error::Error;
use std::fmt;

use super::error::{ModelError, TreeError};
use super::tree::FeederIdx;
use crate::problem::{ClassIdx, NodeIdx};

/// Why a specification is no grid for a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GridError {
    /// The feeders are no tree.
    Tree(TreeError),
    /// The figures of a kind of GPU or a class of work contradict each other.
    Model(ModelError),
    /// The list of nodes is not the fleet's.
    Nodes {
        /// Nodes given.
        given: usize,
        /// Nodes of the fleet.
        exist: usize,
    },
    /// There is no class of work.
    NoClasses,
    /// A node has GPUs of a model without figures.
    NoGpuPower {
        /// The node.
        node: NodeIdx,
        /// The model.
        class: ClassIdx,
    },
    /// A node hangs from a feeder that does not exist.
    NoSuchFeeder {
        /// The node.
        node: NodeIdx,
        /// The feeder.
        feeder: FeederIdx,
    },
    /// A host draws more than the counters of this crate can hold.
    HostRange {
        /// The node.
        node: NodeIdx,
        /// What it draws above idle, in milliwatts.
        range_mw: u64,
    },
}

impl fmt::Display for GridError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
            Self::Nodes { given, exist } => {
                write!(f, "`nodes` has {given} entries, the fleet {exist} nodes: give one for each")
            }
            Self::NoClasses => f.write_str("`classes` is empty: give at least one class of work"),
            Self::NoGpuPower { node, class } => write!(
                f,
                "node {} has GPUs of model {}, which is not in `gpus`: add its figures",
                node.0, class.0
            ),
            Self::NoSuchFeeder { node, feeder } => write!(
                f,
                "node {} hangs from feeder {}, which is not in `feeders`: add it or give none",
                node.0, feeder.0
            ),
            Self::HostRange { node, range_mw } => write!(
                f,
                "`host_range_mw` {range_mw} of node {} is above 4294967295: use milliwatts",
                node.0
            ),
        }
    }
}

impl Error for GridError {}
