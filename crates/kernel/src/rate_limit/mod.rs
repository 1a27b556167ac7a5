//! Rate limits: how many requests and tokens per minute, and how many requests at once, somebody may ask of
//! models, and their share when a model is overloaded.
//!
//! States: set → set anew → deleted. There is one for each owner. All that stand over a call hold at once,
//! so a lower one can only tighten. Gateways count, since a log would be far too slow; what is kept here is
//! what they hold everybody to.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, existing};

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{Meta, State, Subject, budget::Owner};

/// What somebody may ask; `None` for no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Requests in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<u32>,
    /// Share of an overloaded model, relative to the others who wait; from 1. Of organisations and
    /// projects only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// A limit in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Its id.
    pub id: Id<kinds::RateLimit>,
    /// Whose calls it counts; one for each owner.
    pub owner: Owner,
    /// What they may ask.
    pub terms: Terms,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts a limit into force, in place of the one of the same owner.
    Set {
        /// Whose calls it counts.
        owner: Owner,
        /// What they may ask.
        terms: Terms,
    },
    /// Takes one out of force.
    Delete {
        /// The limit.
        id: Id<kinds::RateLimit>,
    },
}

/// What can happen to rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One came into force.
    Set {
        /// Its id; that of the limit it replaces, if any.
        id: Id<kinds::RateLimit>,
        /// Whose calls it counts.
        owner: Owner,
        /// What they may ask.
        terms: Terms,
    },
    /// One went out of force.
    Deleted {
        /// The limit.
        id: Id<kinds::RateLimit>,
        /// Whose calls it counted.
        owner: Owner,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Set { .. } => "rate_limit.set",
            Self::Deleted { .. } => "rate_limit.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Set { id, .. } | Self::Deleted { id, .. } => (*id).into(),
        }
    }

    /// Whose calls it is about.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        match self {
            Self::Set { owner, .. } | Self::Deleted { owner, .. } => *owner,
        }
    }
}

impl State {
    /// The rate limit of an owner.
    #[must_use]
    pub fn rate_limit_of(&self, owner: Owner) -> Option<&RateLimit> {
        let id = self.index.rate_limits.get(&owner)?;
        self.rate_limits.get(id)
    }
}
