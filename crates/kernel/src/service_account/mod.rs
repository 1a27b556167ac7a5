//! Service accounts: programs that act, with somebody who answers for them and an end.
//!
//! States: active → expired ⇄ renewed, → deleted. One whose owner is suspended may do nothing.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, Name, UnixMicros, kinds};

use crate::{Meta, Reject, State, Subject, access::Scope, user};

/// A program's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its id.
    pub id: Id<kinds::ServiceAccount>,
    /// The organisation or project that it belongs to.
    pub scope: Scope,
    /// Unique there.
    pub name: Name,
    /// Who answers for it.
    pub owner: Id<kinds::User>,
    /// From when on it may do nothing.
    pub expires_at: UnixMicros,
    /// Version and times.
    pub meta: Meta,
}

impl ServiceAccount {
    /// True if it may act at this time.
    #[must_use]
    pub fn is_active(&self, state: &State, at: UnixMicros) -> bool {
        let owner = state.users.get(&self.owner);
        at < self.expires_at && owner.is_some_and(|owner| owner.status == user::Status::Active)
    }
}

/// What can be asked about service accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// Where it belongs: an organisation or a project.
        scope: Scope,
        /// Unique there.
        name: Name,
        /// Who answers for it.
        owner: Id<kinds::User>,
        /// Its end.
        expires_at: UnixMicros,
    },
    /// Gives it another end.
    Renew {
        /// The account.
        id: Id<kinds::ServiceAccount>,
        /// Its new end.
        expires_at: UnixMicros,
    },
    /// Gives it another owner.
    Assign {
        /// The account.
        id: Id<kinds::ServiceAccount>,
        /// Who answers for it from now on.
        owner: Id<kinds::User>,
    },
    /// Deletes it with everything that was given to it; its keys stop.
    Delete {
        /// The account.
        id: Id<kinds::ServiceAccount>,
    },
}

/// What can happen to service accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::ServiceAccount>,
        /// Where it belongs.
        scope: Scope,
        /// Its name.
        name: Name,
        /// Who answers for it.
        owner: Id<kinds::User>,
        /// Its end.
        expires_at: UnixMicros,
    },
    /// It has another end.
    Renewed {
        /// The account.
        id: Id<kinds::ServiceAccount>,
        /// Its new end.
        expires_at: UnixMicros,
    },
    /// It has another owner.
    Assigned {
        /// The account.
        id: Id<kinds::ServiceAccount>,
        /// Who answers for it.
        owner: Id<kinds::User>,
    },
    /// It was deleted; its bindings were deleted before.
    Deleted {
        /// The account.
        id: Id<kinds::ServiceAccount>,
        /// Where it belonged.
        scope: Scope,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "service_account.created",
            Self::Renewed { .. } => "service_account.renewed",
            Self::Assigned { .. } => "service_account.assigned",
            Self::Deleted { .. } => "service_account.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::Renewed { id, .. }
            | Self::Assigned { id, .. }
            | Self::Deleted { id, .. } => (*id).into(),
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.service_accounts.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::ServiceAccount>> {
    match command {
        Command::Create { .. } => None,
        Command::Renew { id, .. } | Command::Assign { id, .. } | Command::Delete { id } => {
            Some(*id)
        }
    }
}

/// The account, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::ServiceAccount>) -> Result<&ServiceAccount, Reject> {
    state.service_accounts.get(&id).ok_or_else(|| Reject::not_found("service account", id))
}
