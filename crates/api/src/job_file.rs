//! The job file: what a person writes to describe a workload, in YAML or JSON.
//!
//! [`JobFile`] holds the file as written, so that it round-trips; [`JobFile::resolve`] reads every
//! value and fills every default. An unknown field is an error, never ignored.

mod file_of;
mod lists;
mod parse;
mod resolve;
mod resolved;
mod scalar;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lists::{AfterText, OneOrMany};
pub use parse::{BRACKETS_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, JobFileError};
pub use resolved::{
    After, ArrayRange, Checkpoint, DeferBy, Deferrable, DependencyEnd, Outputs, PRIORITY_CLASSES,
    PowerClass, Residency, ResolvedJob, Retry, RetryCause, StopSignal, Terms, Topology,
    TopologyLevel, When, WorkloadKind,
};
pub use scalar::Scalar;

/// A job file as written. Defaults are those of [`JobFile::resolve`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a job: a map with at least `type`, `name` and `run`")]
pub struct JobFile {
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: WorkloadKind,
    /// The workload's name.
    pub name: String,
    /// `organisation/project`, or a project's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// A container image; a plain process if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `16`, or `8..16` if elastic; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Scalar>,
    /// What each node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesText>,
    /// How close the nodes must be to each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<TopologyText>,
    /// Shell commands that prepare each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// Shell commands that do the work.
    pub run: String,
    /// Environment variables.
    #[serde(
        default,
        alias = "env",
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "scalar::environment"
    )]
    pub environment: BTreeMap<String, Scalar>,
    /// Read-only inputs by mount path: `/data: "dataset://nlp/corpus@v12"`, or `model://…`.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "scalar::unique_map"
    )]
    pub data: BTreeMap<String, String>,
    /// How it is stopped so that it can go on later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointText>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsText>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryText>,
    /// Where it may run; may only tighten the project's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<ResidencyText>,
    /// What it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<OutputsText>,
    /// The port of a service; chosen by the engine if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Scalar>,
    /// `low`, `normal`, `high`, `urgent`, or -1000 to 1000, larger first; `normal`, which is 0, if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Scalar>,
    /// Whether it may make room for other work; false for `service` and `dev`, true for others, if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptible: Option<bool>,
    /// How long an attempt runs before it may be preempted, such as `1h`; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed: Option<String>,
    /// What must have ended first: `[prepare]` by name (the newest of the project) or id, or
    /// `{ prepare: any }` if it may end badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterText>,
    /// Many tasks that differ in `ARRAY_INDEX`: `0-99`, or `0-99%10` for at most 10 at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<Scalar>,
    /// Until when its start may be put off, for cheaper or cleaner energy; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferrable: Option<DeferrableText>,
    /// Who is slowed first when power is short; `standard` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_class: Option<PowerClass>,
}

/// Until when a start may be put off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ until: 12h }`")]
#[schemars(rename = "JobDeferrable")]
pub struct DeferrableText {
    /// Latest start: a time, or a duration after the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Latest end, reckoned with the time limit: a time, or a duration after the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What is to be least over its run; `carbon` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<DeferBy>,
}

/// What each node must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a map such as `{ gpu: GB200:4, cpu: 64.., memory: 400GB }`"
)]
#[schemars(rename = "JobResources")]
pub struct ResourcesText {
    /// `4` of any model or `GB200:4`; `GB200|B200:4` or `[GB200:4, H100:8]` for any of these; `0.5`
    /// or `H100:0.5` for a share of one, `H100:1g.10gb` for a MIG instance; the same as a map,
    /// `{ model: H100, share: 0.5 }`, with `count`, `share` or `profile`; none if absent.
    #[serde(default, alias = "accelerators", skip_serializing_if = "Option::is_none")]
    pub gpu: Option<OneOrMany>,
    /// Cores: `4`, `0.5`, or `64..` for at least; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Scalar>,
    /// `400GB`, `16GiB`, or `400GB..` for at least; 1 GiB if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Scalar>,
    /// True for whole nodes, with all that they have; false if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive: Option<bool>,
}

/// How close nodes must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ within: nvlink, else: spine }`")]
#[schemars(rename = "JobTopology")]
pub struct TopologyText {
    /// The wanted level; the site if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<TopologyLevel>,
    /// Only groups of so many nodes must be that close; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Scalar>,
    /// The level to fall back to; the same level if absent.
    #[serde(default, rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<TopologyLevel>,
}

/// How a job is stopped so that it can go on later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ path: /ckpt, grace: 300s }`")]
#[schemars(rename = "JobCheckpoint")]
pub struct CheckpointText {
    /// Where checkpoints are; none are kept if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The signal sent first; TERM if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<StopSignal>,
    /// Time between the signal and SIGKILL, such as `300s`; 30s if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<String>,
}

/// What a job may use at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ time: 24h, budget: 100 EUR }`")]
#[schemars(rename = "JobLimits")]
pub struct LimitsText {
    /// Longest run of an attempt, such as `24h`; 24h if absent, none for a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Most that it may cost, such as `12000 EUR`; only the project's budgets if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Scalar>,
}

/// When a job is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ on: [node-failure], max: 5 }`")]
#[schemars(rename = "JobRetry")]
pub struct RetryText {
    /// After what; node-failure and preempted if absent, for a service also failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<RetryCause>>,
    /// Most retries, 0 to 1000; 0 if absent, 100 for a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Scalar>,
}

/// Where a job may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ countries: [FR], class: restricted }`")]
#[schemars(rename = "JobResidency")]
pub struct ResidencyText {
    /// Two-letter codes; wherever policy allows if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub countries: Option<Vec<String>>,
    /// `public`, `internal`, `confidential` or `restricted`; that of the inputs if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// What a job makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as `{ model: \"registry://nlp/words\" }`")]
#[schemars(rename = "JobOutputs")]
pub struct OutputsText {
    /// Where the model goes as a new version: `registry://project/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where the dataset goes as a new version: `registry://project/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
}

#[cfg(test)]
mod tests;
