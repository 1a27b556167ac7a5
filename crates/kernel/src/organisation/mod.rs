//! Organisations: the tenants. States: open → closed, when their erasure begins; their entries stay, as
//! the log must add up.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, Name, UnixMicros, kinds};

use crate::{Meta, State, Subject};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id.
    pub id: Id<kinds::Organisation>,
    /// Unique on the platform.
    pub name: Name,
    /// Whether what its people asked models, and data made from it, may be used for training.
    #[serde(default, skip_serializing_if = "is_no")]
    pub training_allowed: bool,
    /// Since when it is closed for good: its erasure has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<UnixMicros>,
    /// Since when it is its own: from the first administrator of its own on, the platform has no right
    /// to what is the tenant's without a consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_no(value: &bool) -> bool {
    !*value
}

impl Organisation {
    /// True if nothing can be added to it any more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed_at.is_some()
    }
}

/// What can be asked about organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// Unique on the platform.
        name: Name,
    },
    /// Allows or forbids training on captured data; forbidden at first.
    AllowTraining {
        /// The organisation.
        id: Id<kinds::Organisation>,
        /// Whether it is allowed.
        allowed: bool,
    },
}

/// What can happen to organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
    },
    /// Training on captured data was allowed or forbidden.
    TrainingAllowed {
        /// The organisation.
        id: Id<kinds::Organisation>,
        /// Whether it is allowed.
        allowed: bool,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "organisation.created",
            Self::TrainingAllowed { .. } => "organisation.training_allowed",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::TrainingAllowed { id, .. } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Organisation>> {
    match command {
        Command::Create { .. } => None,
        Command::AllowTraining { id, .. } => Some(*id),
    }
}

/// An administrator of the organisation itself appeared: from the first one on it is its own.
pub(crate) fn seal(
    state: &mut State,
    (role, scope): (crate::access::Role, crate::access::Scope),
    stamp: &crate::Stamp,
) {
    let crate::access::Scope::Organisation(id) = scope else { return };
    if role != crate::access::Role::Administrator {
        return;
    }
    if let Some(organisation) = state.organisations.get_mut(&id) {
        organisation.sealed_at.get_or_insert(stamp.at);
    }
}
