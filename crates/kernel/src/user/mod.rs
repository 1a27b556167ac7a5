//! Users: people, as an id and a commitment. States: active ⇄ suspended.
//!
//! Name, address and the identity at a provider are sealed beside the log; what stands here must
//! never say who somebody is.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, home_exists};

use serde::{Deserialize, Serialize};
use units::{Digest, Id, kinds};

use crate::{Meta, Reject, State, Subject};

/// Somebody who signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their id.
    pub id: Id<kinds::User>,
    /// The organisation that they belong to; `None` for people who run the platform.
    pub home: Option<Id<kinds::Organisation>>,
    /// Whether they may act.
    pub status: Status,
    /// SHA-256 of salt and personal data, both of which are elsewhere.
    pub commitment: Digest,
    /// Version and times.
    pub meta: Meta,
}

/// Whether a user may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They may.
    Active,
    /// They may not, and neither may their keys.
    Suspended,
}

impl Status {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// What can be asked about users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one. The id comes from whoever asks, because the personal data is sealed under it
    /// before anything is in the log.
    Create {
        /// A fresh id.
        id: Id<kinds::User>,
        /// Where they belong; `None` for the platform.
        home: Option<Id<kinds::Organisation>>,
        /// Commitment to the personal data.
        commitment: Digest,
    },
    /// Suspends one: all sessions and keys stop at once.
    Suspend {
        /// The user.
        id: Id<kinds::User>,
    },
    /// Lets a suspended one act again.
    Resume {
        /// The user.
        id: Id<kinds::User>,
    },
    /// Other personal data was sealed in place of the earlier.
    ReplaceData {
        /// The user.
        id: Id<kinds::User>,
        /// Commitment to the new data.
        commitment: Digest,
    },
}

/// What can happen to users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Their id.
        id: Id<kinds::User>,
        /// Where they belong; `None` for the platform.
        home: Option<Id<kinds::Organisation>>,
        /// Commitment to the personal data.
        commitment: Digest,
    },
    /// One was suspended.
    Suspended {
        /// The user.
        id: Id<kinds::User>,
    },
    /// One may act again.
    Resumed {
        /// The user.
        id: Id<kinds::User>,
    },
    /// Personal data was replaced.
    DataReplaced {
        /// The user.
        id: Id<kinds::User>,
        /// Commitment to the new data.
        commitment: Digest,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "user.created",
            Self::Suspended { .. } => "user.suspended",
            Self::Resumed { .. } => "user.resumed",
            Self::DataReplaced { .. } => "user.data_replaced",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }

    /// Whom it is about.
    #[must_use]
    pub const fn id(&self) -> Id<kinds::User> {
        match self {
            Self::Created { id, .. }
            | Self::Suspended { id }
            | Self::Resumed { id }
            | Self::DataReplaced { id, .. } => *id,
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.users.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::User>> {
    match command {
        Command::Create { .. } => None,
        Command::Suspend { id } | Command::Resume { id } | Command::ReplaceData { id, .. } => {
            Some(*id)
        }
    }
}

/// The user, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::User>) -> Result<&User, Reject> {
    state.users.get(&id).ok_or_else(|| Reject::not_found("user", id))
}
