//! Groups: users who are given roles together. States: created → deleted.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, Reject, State, Subject};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: Id<kinds::Group>,
    /// The organisation that it belongs to; `None` for those who run the platform.
    pub home: Option<Id<kinds::Organisation>>,
    /// Unique in its home.
    pub name: Name,
    /// Users of the same home.
    pub members: BTreeSet<Id<kinds::User>>,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates an empty one.
    Create {
        /// Where it belongs; `None` for the platform.
        home: Option<Id<kinds::Organisation>>,
        /// Unique there.
        name: Name,
    },
    /// Adds a user of the same home.
    AddMember {
        /// The group.
        id: Id<kinds::Group>,
        /// The user.
        user: Id<kinds::User>,
    },
    /// Removes a user.
    RemoveMember {
        /// The group.
        id: Id<kinds::Group>,
        /// The user.
        user: Id<kinds::User>,
    },
    /// Deletes it with everything that was given to it.
    Delete {
        /// The group.
        id: Id<kinds::Group>,
    },
}

/// What can happen to groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Group>,
        /// Where it belongs.
        home: Option<Id<kinds::Organisation>>,
        /// Its name.
        name: Name,
    },
    /// A user was added.
    MemberAdded {
        /// The group.
        id: Id<kinds::Group>,
        /// The user.
        user: Id<kinds::User>,
    },
    /// A user was removed.
    MemberRemoved {
        /// The group.
        id: Id<kinds::Group>,
        /// The user.
        user: Id<kinds::User>,
    },
    /// It was deleted; its bindings were deleted before.
    Deleted {
        /// The group.
        id: Id<kinds::Group>,
        /// Where it belonged.
        home: Option<Id<kinds::Organisation>>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "group.created",
            Self::MemberAdded { .. } => "group.member_added",
            Self::MemberRemoved { .. } => "group.member_removed",
            Self::Deleted { .. } => "group.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::MemberAdded { id, .. }
            | Self::MemberRemoved { id, .. }
            | Self::Deleted { id, .. } => (*id).into(),
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.groups.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Group>> {
    match command {
        Command::Create { .. } => None,
        Command::AddMember { id, .. }
        | Command::RemoveMember { id, .. }
        | Command::Delete { id } => Some(*id),
    }
}

/// The group, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Group>) -> Result<&Group, Reject> {
    state.groups.get(&id).ok_or_else(|| Reject::not_found("group", id))
}
