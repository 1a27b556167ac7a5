//! Why work is stopped, and whether it may come back.

use serde::{Deserialize, Serialize};

/// Why something is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Somebody asked.
    User,
    /// A budget of the project, or the workload's own, is used up.
    Budget,
    /// Its time limit passed.
    TimeLimit,
    /// Its endpoint was deleted.
    EndpointDeleted,
    /// Its endpoint needs it no more.
    ScaledDown,
    /// Its node is being drained; it goes back to the queue.
    NodeDrained,
    /// A node of it was lost; it goes back to the queue unless it asked not to.
    NodeLost,
    /// Another rank failed; the gang ends together.
    GangMemberFailed,
    /// It makes room for other work; it goes back to the queue unless it asked not to.
    Preempted,
    /// What it waited for ended badly.
    DependencyFailed,
    /// Policy no longer allows it where it is; it goes back to the queue.
    PolicyChanged,
    /// Data that it reads is erased, or may no longer be used for training.
    DataWithdrawn,
    /// The course that it belongs to ended.
    CourseClosed,
}

impl StopCause {
    /// True if the workload ends for good.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::User
            | Self::Budget
            | Self::TimeLimit
            | Self::EndpointDeleted
            | Self::ScaledDown
            | Self::DependencyFailed
            | Self::DataWithdrawn
            | Self::CourseClosed => true,
            Self::NodeDrained
            | Self::NodeLost
            | Self::GangMemberFailed
            | Self::Preempted
            | Self::PolicyChanged => false,
        }
    }

    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "on request",
            Self::Budget => "budget used up",
            Self::TimeLimit => "time limit reached",
            Self::EndpointDeleted => "endpoint deleted",
            Self::ScaledDown => "its endpoint needs it no more",
            Self::NodeDrained => "node drained",
            Self::NodeLost => "node lost",
            Self::GangMemberFailed => "another rank failed",
            Self::Preempted => "preempted",
            Self::DependencyFailed => "what it waited for did not succeed",
            Self::PolicyChanged => "policy no longer allows it there",
            Self::DataWithdrawn => "its data was erased or withdrawn",
            Self::CourseClosed => "its course ended",
        }
    }
}
