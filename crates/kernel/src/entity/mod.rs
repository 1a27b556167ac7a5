//! Legal entities: who runs, owns and controls what. The register that residency and scores rest on.
//!
//! What follows from it (jurisdiction, the test of SecNumCloud 3.2 §19.6) is computed by
//! [`policy::ownership`] and never declared. No natural person is named here: the register is in the
//! log.

mod apply;
mod decide;

pub(crate) use apply::{apply, assessments};
pub(crate) use decide::decide;

use std::collections::BTreeMap;

use policy::ownership::{self, Assessment, Facts};
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, State, Subject};

/// A legal entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Its id.
    pub id: Id<kinds::Entity>,
    /// A short name, unique on the platform.
    pub name: Name,
    /// What the register says of it.
    pub facts: Facts,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Registers one.
    Register {
        /// A short name, unique on the platform.
        name: Name,
        /// What the register says of it.
        facts: Facts,
    },
    /// Replaces what the register says.
    Update {
        /// The entity.
        id: Id<kinds::Entity>,
        /// What it says now.
        facts: Facts,
    },
}

/// What can happen to entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was registered.
    Registered {
        /// Its id.
        id: Id<kinds::Entity>,
        /// Its name.
        name: Name,
        /// What the register says of it.
        facts: Facts,
    },
    /// What the register says was replaced.
    Updated {
        /// The entity.
        id: Id<kinds::Entity>,
        /// What it says now.
        facts: Facts,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "entity.registered",
            Self::Updated { .. } => "entity.updated",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Registered { id, .. } | Self::Updated { id, .. } => (*id).into(),
        }
    }
}

const fn target(command: &Command) -> Option<Id<kinds::Entity>> {
    match command {
        Command::Register { .. } => None,
        Command::Update { id, .. } => Some(*id),
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.entities.get(&id)).map(|one| one.meta.version)
}

/// The register as the ownership graph reads it.
struct Register<'a>(&'a BTreeMap<Id<kinds::Entity>, Entity>);

impl ownership::Register for Register<'_> {
    fn facts(&self, id: Id<kinds::Entity>) -> Option<&Facts> {
        self.0.get(&id).map(|entity| &entity.facts)
    }
}

/// Whether an entity meets SecNumCloud 3.2 §19.6, and under whose law it is; as of the last change
/// of the register.
#[must_use]
pub fn assessment(state: &State, id: Id<kinds::Entity>) -> Option<&Assessment> {
    state.index.assessments.get(&id)
}
