//! Commands and events of workloads.

use policy::Decision;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, MilliWatt, UnixMicros, kinds};

use super::{GpuSeat, NodeRuns, Outcome, Preempt, Preemption, RankStatus, SetCap, Spec, StopCause};
use crate::{Reject, State, Subject, usage::Counters};

/// A proposed placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// The generation that the proposal was made for.
    pub generation: u64,
    /// One node per rank, all of one site.
    pub nodes: Vec<Id<kinds::Node>>,
    /// Where each rank's part of a GPU lies; empty for work that asks for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<GpuSeat>,
}

/// What an engine saw of one rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// The attempt.
    pub attempt: u32,
    /// The rank.
    pub rank: u32,
    /// Where it stands.
    pub status: RankStatus,
    /// What it has used since the attempt began.
    pub used: Counters,
    /// True if the energy counter was measured.
    pub energy_measured: bool,
    /// Where the energy counter comes from.
    pub energy_source: String,
}

/// What can be asked about workloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts one into the queue.
    Submit {
        /// Who pays.
        project: Id<kinds::Project>,
        /// What it asks for.
        spec: Box<Spec>,
    },
    /// Gives one its nodes; what the scheduler proposes.
    Place(Place),
    /// Says what an engine saw.
    Report(Report),
    /// Makes one go to make room; what the scheduler proposes.
    Preempt(Preempt),
    /// Limits the power of one, or no longer; what the scheduler proposes.
    SetCap(SetCap),
    /// Stops one.
    Stop {
        /// The workload.
        id: Id<kinds::Workload>,
    },
    /// Says that what one made could not be registered.
    FailOutputs {
        /// The workload.
        id: Id<kinds::Workload>,
        /// Why, with the remedy.
        message: String,
    },
}

/// What can happen to workloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was put into the queue.
    Submitted {
        /// Its id.
        id: Id<kinds::Workload>,
        /// Who pays.
        project: Id<kinds::Project>,
        /// What it asks for.
        spec: Box<Spec>,
        /// Class of its data as decided.
        class: DataClass,
    },
    /// One was given its nodes.
    Placed {
        /// The workload.
        id: Id<kinds::Workload>,
        /// The attempt that this begins.
        attempt: u32,
        /// The generation that this begins.
        generation: u64,
        /// Where.
        site: Id<kinds::Site>,
        /// One node per rank.
        nodes: Vec<Id<kinds::Node>>,
        /// Why the policy allowed it.
        decision: Decision,
        /// Where each rank's part of a GPU lies; empty for work that has none. Work with a part in
        /// entries older than this field has a whole GPU.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seats: Vec<GpuSeat>,
        /// Positions in the log of the decisions that allow it; empty in older entries.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decided: Vec<u64>,
    },
    /// A rank changed.
    RankChanged {
        /// The workload.
        id: Id<kinds::Workload>,
        /// The attempt.
        attempt: u32,
        /// The rank.
        rank: u32,
        /// Where it stands now.
        status: RankStatus,
    },
    /// One is to be stopped.
    StopRequested {
        /// The workload.
        id: Id<kinds::Workload>,
        /// The generation that this begins.
        generation: u64,
        /// Why.
        cause: StopCause,
        /// For whom it makes room, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preemption: Option<Preemption>,
    },
    /// An attempt is over and the workload waits again.
    Requeued {
        /// The workload.
        id: Id<kinds::Workload>,
        /// Why.
        reason: String,
        /// True if it counts as a failure.
        failure: bool,
        /// Not to be placed before this time.
        not_before: Option<UnixMicros>,
    },
    /// It is over.
    Ended {
        /// The workload.
        id: Id<kinds::Workload>,
        /// How.
        outcome: Outcome,
    },
    /// What it made could not be registered.
    OutputsFailed {
        /// The workload.
        id: Id<kinds::Workload>,
        /// Why.
        message: String,
    },
    /// A large gang was given its nodes: what [`Event::Placed`] says, with the nodes by position,
    /// because thousands of ids of 26 bytes do not fit into one entry. [`NodeRuns`] says how to
    /// read them.
    PlacedMany {
        /// The workload.
        id: Id<kinds::Workload>,
        /// The attempt that this begins.
        attempt: u32,
        /// The generation that this begins.
        generation: u64,
        /// Where.
        site: Id<kinds::Site>,
        /// One node per rank.
        nodes: NodeRuns,
        /// Why the policy allowed it.
        decision: Decision,
        /// Positions in the log of the decisions that allow it; empty in older entries.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decided: Vec<u64>,
    },
    /// The power limit of its GPUs was recorded or lifted. An engine that cannot limit its GPUs goes
    /// on as before.
    PowerLimitSet {
        /// The workload.
        id: Id<kinds::Workload>,
        /// The attempt.
        attempt: u32,
        /// The limit of one GPU; `None` for none.
        limit: Option<MilliWatt>,
        /// Why.
        reason: String,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Submitted { .. } => "workload.submitted",
            // Two forms of one thing: who counts placements means both.
            Self::Placed { .. } | Self::PlacedMany { .. } => "workload.placed",
            Self::RankChanged { .. } => "workload.rank_changed",
            Self::StopRequested { .. } => "workload.stop_requested",
            Self::Requeued { .. } => "workload.requeued",
            Self::Ended { .. } => "workload.ended",
            Self::OutputsFailed { .. } => "workload.outputs_failed",
            Self::PowerLimitSet { .. } => "workload.power_limit_set",
        }
    }

    pub(crate) fn id(&self) -> Id<kinds::Workload> {
        match self {
            Self::Submitted { id, .. }
            | Self::Placed { id, .. }
            | Self::PlacedMany { id, .. }
            | Self::RankChanged { id, .. }
            | Self::StopRequested { id, .. }
            | Self::Requeued { id, .. }
            | Self::Ended { id, .. }
            | Self::OutputsFailed { id, .. }
            | Self::PowerLimitSet { id, .. } => *id,
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }
}

/// The workload whose version a command changes.
pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Workload>> {
    match command {
        Command::Submit { .. } => None,
        Command::Place(place) => Some(place.workload),
        Command::Report(report) => Some(report.workload),
        Command::Preempt(preempt) => Some(preempt.workload),
        Command::SetCap(cap) => Some(cap.workload),
        Command::Stop { id, .. } | Command::FailOutputs { id, .. } => Some(*id),
    }
}

/// The workload, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Workload>) -> Result<&super::Workload, Reject> {
    state.workloads.get(&id).ok_or_else(|| Reject::not_found("workload", id))
}
