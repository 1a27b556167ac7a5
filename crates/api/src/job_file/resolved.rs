//! A job with every value read and every default filled in, in integer units.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{
    Bytes, Country, DataClass, DurationMicros, MicroEuro, MilliCpu, Name, UnixMicros, kinds,
};

use crate::{
    quantity_text::{AtLeast, GpuRequest},
    reference::{ArtefactRef, InputRef, ProjectRef, Ref},
};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All values, in their fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    )*};
}

words! {
    /// What kind of work a workload is.
    WorkloadKind {
        /// Trains a model from the start.
        Train = "train",
        /// Any work that ends.
        Batch = "batch",
        /// Measures a model.
        Eval = "eval",
        /// Trains a model further.
        Finetune = "finetune",
        /// A person's notebook or shell.
        Dev = "dev",
        /// Runs until stopped, and answers on a port.
        Service = "service",
    }
    /// How close nodes are, from closest.
    TopologyLevel {
        /// On one node.
        Node = "node",
        /// In one rack, which is one NVLink domain; `rack` says the same.
        #[serde(alias = "rack")]
        Nvlink = "nvlink",
        /// Below one spine of the network.
        Spine = "spine",
        /// On one site.
        Site = "site",
    }
    /// After what a job is tried again.
    RetryCause {
        /// Its node was lost.
        NodeFailure = "node-failure",
        /// It made room for other work.
        Preempted = "preempted",
        /// It ended badly by itself.
        Failure = "failure",
    }
    /// How something that is waited for must have ended.
    DependencyEnd {
        /// Well.
        Success = "success",
        /// In any way.
        Any = "any",
    }
    /// Who is slowed first when power is short.
    PowerClass {
        /// First.
        Flexible = "flexible",
        /// After all flexible work.
        Standard = "standard",
        /// Last.
        Critical = "critical",
    }
    /// The signal that asks a job to stop.
    StopSignal {
        /// SIGTERM.
        Term = "TERM",
        /// SIGINT.
        Int = "INT",
        /// SIGUSR1.
        Usr1 = "USR1",
        /// SIGUSR2.
        Usr2 = "USR2",
    }
}

/// A job with nothing left to be chosen but its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedJob {
    /// What kind of work it is.
    pub kind: WorkloadKind,
    /// The workload's name.
    pub name: Name,
    /// Its project.
    pub project: ProjectRef,
    /// A container image, or a plain process.
    pub image: Option<String>,
    /// Fewest nodes, at least 1.
    pub nodes_min: u32,
    /// Most nodes, at least the fewest.
    pub nodes_max: u32,
    /// GPUs on each node.
    pub gpus: GpuRequest,
    /// Cores on each node.
    pub cpu: AtLeast<MilliCpu>,
    /// Memory on each node.
    pub memory: AtLeast<Bytes>,
    /// True if it has its nodes whole.
    pub exclusive: bool,
    /// How close the nodes must be.
    pub topology: Topology,
    /// Shell commands that prepare each node; may be empty.
    pub setup: String,
    /// Shell commands that do the work.
    pub run: String,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Read-only inputs by absolute mount path.
    pub inputs: BTreeMap<String, InputRef>,
    /// How it is stopped.
    pub checkpoint: Checkpoint,
    /// Longest run of an attempt, or none.
    pub time_limit: Option<DurationMicros>,
    /// Most that it may cost, or only what the project's budgets say.
    pub budget: Option<MicroEuro>,
    /// When it is tried again.
    pub retry: Retry,
    /// Where it may run.
    pub residency: Residency,
    /// What it makes.
    pub outputs: Outputs,
    /// The port of a service; `None` lets the engine choose.
    pub port: Option<u16>,
    /// -1000 to 1000, larger first.
    pub priority: i32,
    /// When, after what and on which terms it runs.
    pub terms: Terms,
}

/// When, after what and on which terms a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whether it may be preempted.
    pub preemptible: bool,
    /// How long an attempt runs before it may be preempted.
    pub guaranteed: DurationMicros,
    /// What must have ended first, sorted, each once.
    pub after: Vec<After>,
    /// The numbers of its tasks, if it is an array.
    pub array: Option<ArrayRange>,
    /// Until when its start may be put off.
    pub deferrable: Option<Deferrable>,
    /// Who is slowed first when power is short.
    pub power_class: PowerClass,
}

impl ResolvedJob {
    /// The shell script of one rank: setup, then run.
    #[must_use]
    pub fn script(&self) -> String {
        if self.setup.is_empty() {
            return self.run.clone();
        }
        format!("{}\n{}", self.setup, self.run)
    }
}

/// Priorities by name, from last to first.
pub const PRIORITY_CLASSES: [(&str, i32); 4] =
    [("low", -100), ("normal", 0), ("high", 100), ("urgent", 500)];

/// The numbers of an array's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayRange {
    /// The first.
    pub first: u32,
    /// The last that may occur.
    pub last: u32,
    /// From one to the next; at least 1.
    pub step: u32,
    /// Most tasks that run at once; `None` for all that fit.
    pub running_max: Option<u32>,
}

/// Something that must have ended first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct After {
    /// By id, or by name: the newest of the project.
    pub workload: Ref<kinds::Workload>,
    /// How it must have ended.
    pub on: DependencyEnd,
}

/// Until when a start may be put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferrable {
    /// Latest start.
    pub until: Option<When>,
    /// Latest end.
    pub deadline: Option<When>,
    /// What is to be least over its run.
    pub by: DeferBy,
}

/// What a start is put off for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeferBy {
    /// Cleaner energy.
    #[default]
    Carbon,
    /// Cheaper energy.
    Price,
}

/// A point in time, or how long after the submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A time.
    At(UnixMicros),
    /// After the submission.
    In(DurationMicros),
}

/// How close nodes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topology {
    /// The wanted level.
    pub within: TopologyLevel,
    /// Size of the groups that must be that close; `None` for all nodes together.
    pub segment: Option<u32>,
    /// The level to fall back to; not closer than `within`.
    pub otherwise: TopologyLevel,
}

/// How a job is stopped so that it can go on later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where checkpoints are; `None` if it keeps none.
    pub path: Option<String>,
    /// The signal sent first.
    pub signal: StopSignal,
    /// Time between the signal and SIGKILL.
    pub grace: DurationMicros,
}

/// When a job is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// After what, sorted, each once.
    pub on: Vec<RetryCause>,
    /// Most retries.
    pub max: u32,
}

/// Where a job may run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Residency {
    /// Only these countries, sorted; empty for wherever policy allows.
    pub countries: Vec<Country>,
    /// At least this class; `None` for that of the inputs.
    pub class: Option<DataClass>,
}

/// What a job makes, as new versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The model.
    pub model: Option<ArtefactRef>,
    /// The dataset.
    pub dataset: Option<ArtefactRef>,
}
