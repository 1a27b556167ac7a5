//! Projects: the unit of access, budget and billing inside an organisation.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, Reject, State, Subject};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: Id<kinds::Project>,
    /// The organisation that owns it.
    pub organisation: Id<kinds::Organisation>,
    /// Unique in the organisation.
    pub name: Name,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// The organisation that will own it.
        organisation: Id<kinds::Organisation>,
        /// Unique in the organisation.
        name: Name,
    },
}

/// What can happen to projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Project>,
        /// Its owner.
        organisation: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "project.created",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } => (*id).into(),
        }
    }
}

/// The project, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Project>) -> Result<&Project, Reject> {
    state.projects.get(&id).ok_or_else(|| Reject::not_found("project", id))
}
