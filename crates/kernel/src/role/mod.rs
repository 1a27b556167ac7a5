//! Custom roles: permissions that an organisation put together under a name. States: created →
//! changed → deleted. Built-in roles are in [`crate::access`].
//!
//! A custom role is only ever narrower than an administrator of the organisation.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use std::collections::BTreeSet;

use policy::access::{Mask, permissions};
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, Reject, State, Subject, access::Role as BuiltIn};

/// A custom role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: Id<kinds::Role>,
    /// The organisation that made it and in which it can be given.
    pub organisation: Id<kinds::Organisation>,
    /// Unique there, and no name of a built-in role.
    pub name: Name,
    /// Groups of permissions and operations of the API, by name.
    pub permissions: BTreeSet<String>,
    /// Version and times.
    pub meta: Meta,
}

impl Role {
    /// What it permits in this version: names that are not known any more permit nothing.
    #[must_use]
    pub fn mask(&self) -> Mask {
        mask_of(&self.permissions)
    }
}

pub(crate) fn mask_of(names: &BTreeSet<String>) -> Mask {
    permissions(names.iter().map(String::as_str)).and(BuiltIn::Administrator.mask())
}

/// What can be asked about custom roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// Whose it is.
        organisation: Id<kinds::Organisation>,
        /// Unique there.
        name: Name,
        /// Groups and operations, by name.
        permissions: BTreeSet<String>,
    },
    /// Gives it other permissions; whoever has the role has them from then on.
    Set {
        /// The role.
        id: Id<kinds::Role>,
        /// Groups and operations, by name.
        permissions: BTreeSet<String>,
    },
    /// Deletes one that nobody has.
    Delete {
        /// The role.
        id: Id<kinds::Role>,
    },
}

/// What can happen to custom roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Role>,
        /// Whose it is.
        organisation: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
        /// Its permissions.
        permissions: BTreeSet<String>,
    },
    /// It has other permissions.
    Changed {
        /// The role.
        id: Id<kinds::Role>,
        /// All its permissions from now on.
        permissions: BTreeSet<String>,
    },
    /// It was deleted.
    Deleted {
        /// The role.
        id: Id<kinds::Role>,
        /// Whose it was.
        organisation: Id<kinds::Organisation>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "role.created",
            Self::Changed { .. } => "role.changed",
            Self::Deleted { .. } => "role.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Changed { id, .. } | Self::Deleted { id, .. } => {
                (*id).into()
            }
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.roles.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Role>> {
    match command {
        Command::Create { .. } => None,
        Command::Set { id, .. } | Command::Delete { id } => Some(*id),
    }
}

/// The role, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Role>) -> Result<&Role, Reject> {
    state.roles.get(&id).ok_or_else(|| Reject::not_found("role", id))
}
