//! Organisations: the tenants. States: created (there is no deletion while the log must add up).

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, Subject};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id.
    pub id: Id<kinds::Organisation>,
    /// Unique on the platform.
    pub name: Name,
    /// Version and times.
    pub meta: Meta,
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
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "organisation.created",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } => (*id).into(),
        }
    }
}
