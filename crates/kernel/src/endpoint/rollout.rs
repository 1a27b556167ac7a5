//! Introducing another version of what an endpoint serves, beside the one that it serves.
//!
//! ```text
//! update ─► canary ── promote ─► replacing ─► (the endpoint serves it)
//!      └──────────────────────────►│
//!              └──── roll back ────┴─► leaving ─► (it is gone)
//! ```
//! Never does the version in force lose a service before another that answers has taken its place.

use serde::{Deserialize, Serialize};
use units::{DurationMicros, Id, UnixMicros, kinds};

use crate::workload;

/// A version that is being introduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The model.
    pub model: Id<kinds::Model>,
    /// Its version.
    pub model_version: u32,
    /// How each of its services is run.
    pub service: Box<workload::Spec>,
    /// Its services; they are among the endpoint's too.
    pub workloads: Vec<Id<kinds::Workload>>,
    /// How far it is.
    pub stage: Stage,
    /// Since when it is there.
    pub since: UnixMicros,
    /// After how long of a canary without an error it is promoted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after: Option<DurationMicros>,
}

/// How far a version is introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It gets a share of the requests until somebody decides.
    Canary {
        /// The share, 1 to 99.
        percent: u32,
    },
    /// It takes the other's place, service by service.
    Replacing,
    /// It goes again.
    Leaving,
}

/// How many services each side of an endpoint is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Targets {
    /// Of the version in force.
    pub(super) others: u32,
    /// Of the one that is being introduced.
    pub(super) arriving: u32,
}

/// What is there of each side: those that answer, and those that are to stay whether they do or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) others_ready: u32,
    pub(super) arriving_ready: u32,
    pub(super) arriving: u32,
}

impl Stage {
    /// How many services each side is to have when so many are wanted.
    pub(super) fn targets(self, wanted: u32, sides: Sides) -> Targets {
        match self {
            Self::Canary { percent } => {
                let part = wanted.saturating_mul(percent).div_ceil(100);
                Targets { others: wanted, arriving: part }
            }
            Self::Replacing => {
                let surge = (wanted / 4).max(1);
                let started = sides.arriving_ready.saturating_add(surge).max(sides.arriving);
                let replaced = sides.arriving_ready.min(wanted);
                Targets { others: wanted.saturating_sub(replaced), arriving: started.min(wanted) }
            }
            Self::Leaving => {
                let may_go = sides.others_ready > 0 || wanted == 0;
                // Bad answers are better than none only where there is no other.
                Targets { others: wanted, arriving: if may_go { 0 } else { sides.arriving_ready } }
            }
        }
    }

    /// Whether it is over with that; true for updated, false for gone.
    pub(super) const fn is_over(self, wanted: u32, sides: Sides) -> Option<bool> {
        match self {
            Self::Canary { .. } => None,
            Self::Replacing if sides.arriving_ready >= wanted => Some(true),
            Self::Leaving if sides.arriving == 0 => Some(false),
            Self::Replacing | Self::Leaving => None,
        }
    }

    /// For people and filters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canary { .. } => "canary",
            Self::Replacing => "replacing",
            Self::Leaving => "leaving",
        }
    }
}
