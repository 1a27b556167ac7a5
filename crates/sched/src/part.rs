//! Parts of one GPU: what work asks for, and where on its node it sits.
//!
//! A GPU is whole, or carries shares, or carries MIG instances, never two of these at once. Must
//! stay free of drivers: a GPU is a number on its node, which the node binds to a device while
//! somebody has a part of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mig::{Geometry, ProfileName};

/// Thousandths of a whole GPU.
pub const GPU_MILLI: u32 = 1_000;

/// A part of one GPU on each node of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// So many thousandths of its time and memory, 1 to 999. Nobody enforces them but the node.
    Share {
        /// The thousandths.
        milli: u32,
    },
    /// A MIG instance, which the hardware keeps apart.
    Mig {
        /// Its profile.
        profile: ProfileName,
    },
}

impl Part {
    /// What it counts for in a queue, in thousandths of a GPU of that geometry: of a MIG instance
    /// its memory slices of all memory slices, rounded up. These never overlap, so that what lies on
    /// one GPU never counts for more than one.
    #[must_use]
    pub fn milli(self, geometry: Option<&Geometry>) -> u64 {
        match self {
            Self::Share { milli } => u64::from(milli),
            Self::Mig { profile } => {
                geometry.and_then(|geometry| geometry.milli(profile)).unwrap_or(GPU_MILLI).into()
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share { milli } => write!(f, "0.{milli:03} of a GPU"),
            Self::Mig { profile } => write!(f, "a MIG instance `{}`", profile.as_str()),
        }
    }
}

/// Where a part lies on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// Number of the GPU on the node, from 0: equal numbers are one GPU for as long as somebody has
    /// a part of it.
    pub gpu: u32,
    /// Memory slice at which a MIG instance starts; `None` for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u8>,
}
