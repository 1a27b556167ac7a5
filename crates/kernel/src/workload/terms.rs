//! The terms on which a workload is scheduled: how close its nodes are, which GPUs will do, whether
//! and when it may be preempted, what it waits for.
//!
//! Every field has a default that is left out of the log, so that entries written before it existed
//! read and hash as they did.

use serde::{Deserialize, Serialize};
use units::{DurationMicros, GpuCount, Id, UnixMicros, kinds};

use super::{Array, Spec};
use crate::{Reject, limits, power::Measure};

/// The terms of a workload; the default says nothing beyond "when there is room".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// How close its nodes must be.
    #[serde(skip_serializing_if = "is_default")]
    pub topology: Topology,
    /// GPUs that will do instead of `gpu_model` and `per_node.gpus`, in order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpu_alternatives: Vec<GpuChoice>,
    /// Thousandths of its one GPU that it uses, 1 to 999; 0 for whole GPUs. `per_node.gpus` is then
    /// 1, although others may have parts of that GPU.
    #[serde(skip_serializing_if = "is_default")]
    pub gpu_milli: u32,
    /// The MIG profile of its one GPU, such as `1g.10gb`. `per_node.gpus` is then 1 as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_profile: Option<String>,
    /// Takes its nodes whole, with everything that they have.
    #[serde(skip_serializing_if = "is_default")]
    pub exclusive: bool,
    /// An attempt is not preempted before it has had its nodes for so long.
    #[serde(skip_serializing_if = "is_default")]
    pub guaranteed: DurationMicros,
    /// Whether it may be preempted at all; `None` for what its kind implies.
    #[serde(skip_serializing_if = "is_default")]
    pub preemptible: Option<bool>,
    /// Until when its start may be put off, for cheaper or cleaner energy; `None` for not at all.
    #[serde(skip_serializing_if = "is_default")]
    pub deferrable: Option<Deferrable>,
    /// Who is slowed first when power is short.
    #[serde(skip_serializing_if = "is_default")]
    pub power_class: PowerClass,
    /// What must have ended before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Dependency>,
    /// The numbers of its tasks, if it is an array.
    #[serde(skip_serializing_if = "is_default")]
    pub array: Option<Array>,
}

/// How close nodes are, from closest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// On one node.
    Node,
    /// In one rack, which is one NVLink domain.
    Nvlink,
    /// Below one spine of the network.
    Spine,
    /// On one site; every gang is.
    #[default]
    Site,
}

/// How close the nodes of a gang must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Topology {
    /// The wanted level.
    pub within: Level,
    /// The level without which it does not start; not closer than `within`.
    pub fallback: Level,
    /// Only groups of so many nodes must be that close; 0 for all nodes together.
    pub segment: u32,
}

impl Topology {
    /// True if nothing wider than the wanted level will do.
    #[must_use]
    pub fn required(&self) -> bool {
        self.within == self.fallback
    }
}

/// GPUs on each node that will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuChoice {
    /// The model, or any.
    pub model: Option<String>,
    /// How many on each node.
    pub gpus: GpuCount,
}

/// Until when a start may be put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferrable {
    /// Latest start.
    pub start_by: Option<UnixMicros>,
    /// Latest end, reckoned with its time limit.
    pub end_by: Option<UnixMicros>,
    /// What is to be least; carbon in entries that do not say.
    #[serde(default = "carbon", skip_serializing_if = "is_carbon")]
    pub by: Measure,
}

const fn carbon() -> Measure {
    Measure::Carbon
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_carbon(by: &Measure) -> bool {
    matches!(by, Measure::Carbon)
}

/// Who is slowed first when power is short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerClass {
    /// First.
    Flexible,
    /// After all flexible work.
    #[default]
    Standard,
    /// Last.
    Critical,
}

/// How something that is waited for must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Well; a bad end stops what waits.
    Success,
    /// In any way.
    Any,
}

/// A workload that must have ended first. It existed when this one was submitted, so what waits
/// can never wait for itself, not even in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The workload, of the same project.
    pub workload: Id<kinds::Workload>,
    /// How it must have ended.
    pub on: Condition,
}

/// True for a value that is left out of the log.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Longest guaranteed run.
const GUARANTEED_MAX: DurationMicros = DurationMicros::from_secs(365 * 86_400);

impl Terms {
    /// Checks ranges, and what contradicts the rest of the specification.
    pub(super) fn check(&self, spec: &Spec) -> Result<(), Reject> {
        let invalid = |field, message: &str| Err(Reject::invalid(field, message));
        if self.topology.fallback < self.topology.within {
            return invalid("topology.else", "is closer than `within`: swap them");
        }
        if self.topology.segment > spec.nodes_max {
            return invalid("topology.segment", "is larger than the gang: at most its nodes");
        }
        spec.check_part()?;
        if self.gpu_alternatives.len() > limits::GPU_ALTERNATIVES_MAX {
            return invalid("resources.gpu", "at most 8 alternatives");
        }
        let no_gpus = self.gpu_alternatives.iter().any(|choice| choice.gpus.is_zero());
        if no_gpus || (!self.gpu_alternatives.is_empty() && spec.per_node.gpus.is_zero()) {
            return invalid("resources.gpu", "each alternative needs at least one GPU");
        }
        let is_part = self.gpu_milli > 0 || self.gpu_profile.is_some();
        if is_part && self.gpu_alternatives.iter().any(|choice| choice.gpus.0 != 1) {
            return invalid("resources.gpu", "a share is of one GPU, in each alternative");
        }
        if self.guaranteed > GUARANTEED_MAX {
            return invalid("guaranteed", "at most 365d");
        }
        let endless = |d: &Deferrable| d.start_by.is_none() && d.end_by.is_none();
        if self.deferrable.as_ref().is_some_and(endless) {
            return invalid("deferrable", "needs `until` or `deadline`");
        }
        Ok(())
    }
}
