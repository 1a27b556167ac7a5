//! Workloads: what people run, and what became of it.
//!
//! ```text
//! submit ─► queued ─► placed ─► running ─► ended: succeeded | failed | stopped
//!             ▲          │         │  └──► stopping ─► ended
//!             └──────────┴─────────┴───── requeued (retry, preemption, a node drained or lost,
//!                                          a service that ended)
//! ```
//! An attempt is one placement of the whole gang; each rank of it reports for itself.

mod apply;
mod array;
mod cap;
mod cause;
mod decide;
mod depend;
mod event;
mod honoured;
mod index;
mod keyed;
mod lawful;
mod line;
mod lose;
mod near;
mod need;
mod node_runs;
mod part;
mod preempt;
mod report;
mod spec;
mod stop;
mod submit;
mod table;
mod terms;

pub(crate) use apply::{apply, metered, outputs_registered};
pub use array::{Array, Tally, Task, due, tally};
pub use cap::SetCap;
pub use cause::StopCause;
pub(crate) use decide::decide;
pub use depend::{is_due, unmet};
pub(crate) use depend::{n_unmet, with_consequences};
pub use event::{Command, Event, Place, Report};
pub(crate) use event::{get, target};
pub use honoured::{HONOURED, Honoured, Unhonoured, unhonoured};
pub(crate) use index::index_into;
pub(crate) use keyed::tightened;
pub use lawful::{allowed_at, asks, is_allowed_at};
pub(crate) use line::Line;
pub use line::queue_position;
pub(crate) use lose::lose_all_on;
pub(crate) use near::require_near;
pub use node_runs::NodeRuns;
pub use part::GpuSeat;
pub(crate) use part::{Book, check_seats};
pub use preempt::{Preempt, Preemption};
pub use spec::{Input, Kind, Outputs, RetryOn, Spec};
pub(crate) use stop::{stop_all_of, stop_all_on, stop_one};
pub(crate) use submit::submit;
pub use table::Workloads;
pub use terms::{Condition, Deferrable, Dependency, GpuChoice, Level, PowerClass, Terms, Topology};

use policy::Decision;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, MicroEuro, MilliWatt, UnixMicros, kinds};

use crate::{Actor, Meta, node::Capacity, usage::Counters};

/// Where a workload stands. Every state says since when and, where there is one, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for a placement.
    Queued {
        /// Since when.
        since: UnixMicros,
        /// Not to be placed before this time (back-off), if any.
        not_before: Option<UnixMicros>,
        /// Why it is (again) in the queue.
        reason: String,
    },
    /// Has nodes; its engine has not reported yet.
    Placed {
        /// Since when.
        since: UnixMicros,
    },
    /// At least one rank runs.
    Running {
        /// Since when.
        since: UnixMicros,
    },
    /// Is being stopped.
    Stopping {
        /// Since when.
        since: UnixMicros,
        /// Why.
        cause: StopCause,
    },
    /// Final.
    Ended {
        /// Since when.
        at: UnixMicros,
        /// How.
        outcome: Outcome,
    },
}

/// How a workload ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every rank returned 0.
    Succeeded,
    /// It failed and no retry was left.
    Failed {
        /// What went wrong, for its owner.
        message: String,
    },
    /// It was stopped.
    Stopped {
        /// Why.
        cause: StopCause,
    },
}

/// Where one rank of an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankStatus {
    /// The engine has not reported yet.
    Assigned,
    /// It runs.
    Running,
    /// A service that answers at this address.
    Ready {
        /// `host:port`.
        address: String,
    },
    /// A service that does not answer.
    Unready,
    /// It is over.
    Exited {
        /// Exit code, if it returned one.
        code: Option<i32>,
        /// Signal, if one ended it.
        signal: Option<i32>,
        /// Why, when the engine knows more.
        reason: Option<String>,
    },
}

impl RankStatus {
    /// True once the rank can do nothing more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Exited { .. })
    }

    /// True if it did all that it was to do.
    #[must_use]
    pub const fn has_succeeded(&self) -> bool {
        matches!(self, Self::Exited { code: Some(0), .. })
    }
}

/// One rank of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rank {
    /// Where it runs.
    pub node: Id<kinds::Node>,
    /// Where it stands.
    pub status: RankStatus,
    /// What it has used, as metered so far.
    pub used: Counters,
    /// What it takes of its node, where that is not simply what the specification says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Capacity>,
    /// Where its part of a GPU lies; then `taken` has no whole GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<GpuSeat>,
}

/// One placement of the whole gang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Where it runs.
    pub site: Id<kinds::Site>,
    /// The policy decision that allowed it.
    pub decision: Decision,
    /// Positions in the log of all decisions that allowed it; empty in older entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<u64>,
    /// When it was placed.
    pub placed_at: UnixMicros,
    /// When it was over.
    pub ended_at: Option<UnixMicros>,
    /// Its ranks in order.
    pub ranks: Vec<Rank>,
    /// For whom it made room, if it was preempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption: Option<Preemption>,
    /// The power limit that is recorded for each of its GPUs. Whether hardware keeps it is its
    /// engine's to say, and no engine of this version does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_limit: Option<MilliWatt>,
}

/// Whether what a workload made is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStatus {
    /// It makes nothing that is to be registered, or has not succeeded yet.
    None,
    /// It succeeded; the importer has work.
    Pending,
    /// It is registered.
    Registered,
    /// It could not be registered.
    Failed {
        /// Why, with the remedy.
        message: String,
    },
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its id.
    pub id: Id<kinds::Workload>,
    /// Who pays.
    pub project: Id<kinds::Project>,
    /// Who submitted it: their budgets count what it uses.
    pub by: Actor,
    /// What was asked, with every default filled in.
    pub spec: Spec,
    /// Which task of which array it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Class of its data: the highest of what was asked and of its inputs.
    pub class: DataClass,
    /// Where it stands.
    pub phase: Phase,
    /// Grows with every change of what engines must do.
    pub generation: u64,
    /// The last attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Attempts so far.
    pub n_attempts: u32,
    /// Attempts that failed.
    pub n_failures: u32,
    /// Attempts that made room for other work.
    #[serde(default, skip_serializing_if = "terms::is_default")]
    pub n_preemptions: u32,
    /// Others were stopped to make room for it, and it has not been placed since.
    #[serde(default, skip_serializing_if = "terms::is_default")]
    pub has_claim: bool,
    /// What all attempts used.
    pub used: Counters,
    /// What it cost so far: its share of the project's lines.
    pub cost: MicroEuro,
    /// What became of its outputs.
    pub outputs: OutputStatus,
    /// Position of its first entry in the log.
    pub submitted_seq: u64,
    /// Position of its last entry, once it has ended and its outputs are settled.
    pub last_seq: u64,
    /// Version and times.
    pub meta: Meta,
}

impl Workload {
    /// The attempt in progress, or the last one.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// True once it is final.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// True for an array: it stands for its tasks and never runs itself.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        self.spec.terms.array.is_some()
    }

    /// True while it holds capacity.
    #[must_use]
    pub const fn holds_nodes(&self) -> bool {
        match self.phase {
            Phase::Placed { .. } | Phase::Running { .. } | Phase::Stopping { .. } => true,
            Phase::Queued { .. } | Phase::Ended { .. } => false,
        }
    }

    /// Its turn within its project; the lowest is first.
    pub(crate) fn turn(&self) -> (i128, u64, Id<kinds::Workload>) {
        let settings = sched::Settings::default();
        let with_age = settings.turn(self.spec.priority, self.meta.created_at.0);
        (with_age, self.submitted_seq, self.id)
    }

    /// One word for people and filters.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match &self.phase {
            Phase::Queued { .. } => "queued",
            Phase::Placed { .. } => "placed",
            Phase::Running { .. } => "running",
            Phase::Stopping { .. } => "stopping",
            Phase::Ended { outcome, .. } => match outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed { .. } => "failed",
                Outcome::Stopped { .. } => "stopped",
            },
        }
    }

    /// Addresses of its ranks that answer their health probe; none unless it runs.
    pub fn ready_addresses(&self) -> impl Iterator<Item = String> + '_ {
        let running = matches!(self.phase, Phase::Running { .. });
        let ranks = self.attempts.last().filter(|_| running).into_iter().flat_map(|a| &a.ranks);
        ranks.filter_map(|rank| match &rank.status {
            RankStatus::Ready { address } => Some(address.clone()),
            RankStatus::Assigned
            | RankStatus::Running
            | RankStatus::Unready
            | RankStatus::Exited { .. } => None,
        })
    }
}
