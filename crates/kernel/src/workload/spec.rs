//! What a workload asks for, with every default filled in and every quantity in its base unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Country, DataClass, Digest, DurationMicros, Id, MicroEuro, Name, kinds};

use super::Terms;
use crate::{Reject, limits, model::Artefact, node::Capacity};

/// The type of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trains a model from data.
    Train,
    /// Runs to its end.
    Batch,
    /// Measures a model on held-out data.
    Eval,
    /// Trains a model from a model.
    Finetune,
    /// An interactive environment.
    Dev,
    /// Serves until it is stopped.
    Service,
}

impl Kind {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Batch => "batch",
            Self::Eval => "eval",
            Self::Finetune => "finetune",
            Self::Dev => "dev",
            Self::Service => "service",
        }
    }
}

/// A read-only input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Absolute path at which the workload sees it.
    pub mount: String,
    /// The version it is.
    pub artefact: Artefact,
    /// Its manifest; `decide` checks it against the artefact.
    pub manifest: Digest,
}

/// What is registered when it succeeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// The model that its output folder becomes a version of.
    pub model: Option<Id<kinds::Model>>,
    /// The model version whose evaluation its `report.json` is.
    pub evaluates: Option<Artefact>,
}

/// When a failed attempt goes back to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryOn {
    /// After an exit code other than 0 or a signal.
    pub failure: bool,
    /// After a node of it was lost. Work of a drained node always goes back to the queue.
    pub node_failure: bool,
    /// After it made room for other work. True in entries older than preemption: that was, and is,
    /// the default of the job file.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub preempted: bool,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self { failure: false, node_failure: false, preempted: true }
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// Everything a workload asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// A name for people; not unique.
    pub name: Name,
    /// Its type.
    pub kind: Kind,
    /// Shell script.
    pub script: String,
    /// Container image, or none for a process.
    pub image: Option<String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// Fewest nodes it runs on.
    pub nodes_min: u32,
    /// Most nodes it can use.
    pub nodes_max: u32,
    /// What it takes of each node.
    pub per_node: Capacity,
    /// GPU model it needs, or any.
    pub gpu_model: Option<String>,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// Signal sent first on a stop.
    pub stop_signal: String,
    /// Time between that signal and SIGKILL.
    pub grace: DurationMicros,
    /// Longest run time of one attempt.
    pub time_limit: Option<DurationMicros>,
    /// What it may cost.
    pub budget: Option<MicroEuro>,
    /// Retries after a failure.
    pub retries_max: u32,
    /// Which failures are retried.
    pub retry_on: RetryOn,
    /// Countries it may run in; tightens the policy, never widens it.
    pub residency_countries: Option<Vec<Country>>,
    /// Class of its data, at least.
    pub class: DataClass,
    /// What is registered when it succeeds.
    pub outputs: Outputs,
    /// Higher goes first.
    pub priority: i32,
    /// How close, which, when, after what.
    #[serde(default, skip_serializing_if = "super::terms::is_default")]
    pub terms: Terms,
}

/// Signals that a job may ask to be stopped with.
const STOP_SIGNALS: [&str; 4] = ["TERM", "INT", "USR1", "USR2"];

impl Spec {
    /// Checks ranges and sizes; what needs the state is checked where it is submitted.
    pub(crate) fn check(&self) -> Result<(), Reject> {
        let invalid = |field, message: &str| Err(Reject::invalid(field, message));
        if self.script.trim().is_empty() || self.script.len() > limits::SCRIPT_BYTES_MAX {
            return invalid("run", "needs a script of 1 to 16384 bytes");
        }
        if self.nodes_min == 0
            || self.nodes_max < self.nodes_min
            || self.nodes_max > limits::GANG_NODES_MAX
        {
            let message = format!("needs 1 ≤ min ≤ max ≤ {}", limits::GANG_NODES_MAX);
            return invalid("nodes", &message);
        }
        if self.per_node.cpu.is_zero() || self.per_node.memory.is_zero() {
            return invalid("resources", "needs processor time and memory above zero");
        }
        let pairs = &self.environment;
        let long = |v: &String| v.len() > limits::ENVIRONMENT_VALUE_BYTES_MAX || v.contains('\0');
        let odd = |k: &String| {
            k.is_empty()
                || k.starts_with(|c: char| c.is_ascii_digit())
                || !k.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if pairs.len() > limits::ENVIRONMENT_MAX
            || pairs.values().any(long)
            || pairs.keys().any(odd)
        {
            return invalid(
                "environment",
                "at most 256 variables named like `A_1`, values of at most 4096 bytes",
            );
        }
        if self.retries_max > limits::RETRIES_MAX {
            return invalid("retry.max", "at most 100");
        }
        if !STOP_SIGNALS.contains(&self.stop_signal.as_str()) {
            return invalid("checkpoint.signal", "use TERM, INT, USR1 or USR2");
        }
        if self.grace > DurationMicros::from_secs(3_600) {
            return invalid("checkpoint.grace", "at most 1h");
        }
        if self.image.as_ref().is_some_and(|i| i.is_empty() || i.len() > limits::TEXT_BYTES_MAX) {
            return invalid("image", "needs 1 to 1024 bytes");
        }
        if self.budget.is_some_and(|budget| budget.0 <= 0) {
            return invalid("limits.budget", "must be above zero");
        }
        if self.residency_countries.as_ref().is_some_and(|c| c.is_empty() || c.len() > 250) {
            return invalid("residency.countries", "name 1 to 250 countries, or leave it out");
        }
        self.terms.check(self)?;
        self.check_inputs()
    }

    fn check_inputs(&self) -> Result<(), Reject> {
        Reject::limit("inputs", self.inputs.len(), limits::INPUTS_MAX.saturating_add(1))?;
        for (position, input) in self.inputs.iter().enumerate() {
            let mount = input.mount.as_str();
            let plain = mount.len() > 1
                && mount.len() <= 255
                && mount.starts_with('/')
                && !mount.contains('\0')
                && mount.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            if !plain {
                let message = format!(
                    "`{}` is not an absolute path without `..`: write for example `/data`",
                    limits::cut(mount)
                );
                return Err(Reject::invalid("data", message));
            }
            if self.inputs.iter().take(position).any(|other| other.mount == input.mount) {
                return Err(Reject::invalid("data", format!("`{mount}` is mounted twice")));
            }
        }
        Ok(())
    }
}
