//! Places where data is kept: artefacts, the log, its copies, backups, accounts and keys.
//!
//! A place stands in a site and takes country, operator, jurisdiction and owner from it, or names an
//! operator and owner of its own. Registering one is a movement of data, so decisions stand before it.

mod apply;
mod decide;
mod sending;

pub(crate) use apply::apply;
pub(crate) use decide::{artefact_ask, asks, decide, require_artefact};
pub use sending::Sent;
pub(crate) use sending::asks as sending_asks;

use policy::Category;
use serde::{Deserialize, Serialize};
use units::{Id, Name, UnixMicros, kinds};

use crate::{Meta, State, Subject};

/// What is kept at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Datasets, models and outputs: each version asks for itself where it goes.
    Artefacts,
    /// Scratch and checkpoints of work.
    Volume,
    /// The log that the platform writes.
    Log,
    /// A copy of the log.
    Replica,
    /// Checkpoints that a witness keeps.
    Witness,
    /// Everything, to be restored from.
    Backup,
    /// Accounts and sealed personal data.
    Accounts,
    /// Keys that open other data.
    Keys,
    /// What tenants take away: exports, the work of a course.
    Exports,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 9] = [
        Self::Artefacts,
        Self::Volume,
        Self::Log,
        Self::Replica,
        Self::Witness,
        Self::Backup,
        Self::Accounts,
        Self::Keys,
        Self::Exports,
    ];

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artefacts => "artefacts",
            Self::Volume => "volume",
            Self::Log => "log",
            Self::Replica => "replica",
            Self::Witness => "witness",
            Self::Backup => "backup",
            Self::Accounts => "accounts",
            Self::Keys => "keys",
            Self::Exports => "exports",
        }
    }

    /// The categories of data that come there by registering it.
    #[must_use]
    pub const fn categories(self) -> &'static [Category] {
        match self {
            // Customers' data asks for itself, version by version and placement by placement.
            Self::Artefacts | Self::Volume => &[],
            Self::Log | Self::Replica => {
                &[Category::Derived, Category::Account, Category::Provider]
            }
            Self::Witness => &[Category::Provider],
            Self::Backup => &Category::ALL,
            Self::Accounts => &[Category::Account],
            Self::Keys => &[Category::Account, Category::Provider],
            Self::Exports => &[Category::Customer, Category::Derived, Category::Account],
        }
    }
}

/// A place where data is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Its id.
    pub id: Id<kinds::Storage>,
    /// Unique on the platform.
    pub name: Name,
    /// What is kept there.
    pub purpose: Purpose,
    /// Where it stands.
    pub site: Id<kinds::Site>,
    /// Who runs it, if not who runs the site.
    pub operator_entity: Option<Id<kinds::Entity>>,
    /// Who owns it, if not who owns the site.
    pub owner_entity: Option<Id<kinds::Entity>>,
    /// Positions of the decisions that allowed it.
    pub decided: Vec<u64>,
    /// Since when nothing is kept there any more.
    pub retired_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about places of storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Registers one.
    Register {
        /// Unique on the platform.
        name: Name,
        /// What is kept there.
        purpose: Purpose,
        /// Where it stands.
        site: Id<kinds::Site>,
        /// Who runs it, if not who runs the site.
        operator_entity: Option<Id<kinds::Entity>>,
        /// Who owns it, if not who owns the site.
        owner_entity: Option<Id<kinds::Entity>>,
    },
    /// Says that nothing is kept there any more.
    Retire {
        /// The place.
        id: Id<kinds::Storage>,
    },
    /// Sends something there: the data leaves after this is on record.
    Send {
        /// The place.
        id: Id<kinds::Storage>,
        /// What goes.
        what: Sent,
    },
}

/// What can happen to places of storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was registered.
    Registered {
        /// Its id.
        id: Id<kinds::Storage>,
        /// Its name.
        name: Name,
        /// What is kept there.
        purpose: Purpose,
        /// Where it stands.
        site: Id<kinds::Site>,
        /// Who runs it, if not who runs the site.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator_entity: Option<Id<kinds::Entity>>,
        /// Who owns it, if not who owns the site.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner_entity: Option<Id<kinds::Entity>>,
        /// Positions of the decisions that allowed it, one for each category of data.
        decided: Vec<u64>,
    },
    /// Nothing is kept there any more.
    Retired {
        /// The place.
        id: Id<kinds::Storage>,
    },
    /// Something is on its way there; none of it has left yet.
    Sent {
        /// The place.
        id: Id<kinds::Storage>,
        /// What goes.
        what: Sent,
        /// Positions of the decisions that allow it.
        decided: Vec<u64>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "storage.registered",
            Self::Retired { .. } => "storage.retired",
            Self::Sent { .. } => "storage.sent",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Registered { id, .. } | Self::Retired { id } | Self::Sent { id, .. } => {
                (*id).into()
            }
        }
    }
}

const fn target(command: &Command) -> Option<Id<kinds::Storage>> {
    match command {
        Command::Register { .. } => None,
        Command::Retire { id } | Command::Send { id, .. } => Some(*id),
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.storages.get(&id)).map(|one| one.meta.version)
}

/// The place in use for a purpose: the oldest that is not retired.
#[must_use]
pub fn in_use(state: &State, purpose: Purpose) -> Option<&Storage> {
    state.storages.values().find(|one| one.purpose == purpose && one.retired_at.is_none())
}
