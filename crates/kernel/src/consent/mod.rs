//! Consents: a tenant lets named people of the platform see, or administer, part of what is its own,
//! for at most a week. States: in force → over or revoked.
//!
//! Only somebody of the tenant grants one: the signed log names who. Every request that a consent made
//! possible is an entry of its own before it is answered, so that a visit can be gone through again.

mod apply;
mod decide;

pub(crate) use apply::{apply, index_into};
pub(crate) use decide::decide;

use std::collections::BTreeSet;

use policy::access::Mask;
use serde::{Deserialize, Serialize};
use units::{Id, UnixMicros, kinds};

use crate::{
    Actor, Meta, Reject, State, Subject,
    access::{Role, Scope},
};

/// What a consent allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// To read, as a viewer of the tenant.
    Read,
    /// To administer, as an administrator of the tenant.
    Administer,
}

impl Level {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Administer => "administer",
        }
    }

    /// What it permits.
    #[must_use]
    pub fn mask(self) -> Mask {
        match self {
            Self::Read => Role::Viewer.mask(),
            Self::Administer => Role::Administrator.mask(),
        }
    }
}

/// A tenant's permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Its id.
    pub id: Id<kinds::Consent>,
    /// The organisation or project that may be seen.
    pub scope: Scope,
    /// The people of the platform who may.
    pub users: BTreeSet<Id<kinds::User>>,
    /// What they may.
    pub level: Level,
    /// From when on not any more.
    pub until: UnixMicros,
    /// Who of the tenant granted it.
    pub granted_by: Actor,
    /// Since when it is revoked.
    pub revoked_at: Option<UnixMicros>,
    /// Requests that it made possible.
    pub n_used: u64,
    /// Version and times.
    pub meta: Meta,
}

impl Consent {
    /// True if it allows something at this time.
    #[must_use]
    pub fn is_in_force(&self, at: UnixMicros) -> bool {
        self.revoked_at.is_none() && at < self.until
    }
}

/// What can be asked about consents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Grants one.
    Grant {
        /// What may be seen.
        scope: Scope,
        /// By whom.
        users: BTreeSet<Id<kinds::User>>,
        /// In which way.
        level: Level,
        /// Until when.
        until: UnixMicros,
    },
    /// Takes it back at once.
    Revoke {
        /// The consent.
        id: Id<kinds::Consent>,
    },
    /// Records a request that it makes possible; refused when it is over.
    Use {
        /// The consent.
        id: Id<kinds::Consent>,
        /// The operation of the API.
        operation: String,
        /// Method, path and query of the request.
        request: String,
    },
}

/// What can happen to consents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was granted by the entry's actor.
    Granted {
        /// Its id.
        id: Id<kinds::Consent>,
        /// What may be seen.
        scope: Scope,
        /// By whom.
        users: BTreeSet<Id<kinds::User>>,
        /// In which way.
        level: Level,
        /// Until when.
        until: UnixMicros,
    },
    /// It was taken back.
    Revoked {
        /// The consent.
        id: Id<kinds::Consent>,
        /// What it was about.
        scope: Scope,
    },
    /// The entry's actor made a request under it.
    Used {
        /// The consent.
        id: Id<kinds::Consent>,
        /// What it is about.
        scope: Scope,
        /// The operation of the API.
        operation: String,
        /// Method, path and query of the request.
        request: String,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Granted { .. } => "consent.granted",
            Self::Revoked { .. } => "consent.revoked",
            Self::Used { .. } => "consent.used",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Granted { id, .. } | Self::Revoked { id, .. } | Self::Used { id, .. } => {
                (*id).into()
            }
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Granted { scope, .. }
            | Self::Revoked { scope, .. }
            | Self::Used { scope, .. } => *scope,
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.consents.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Consent>> {
    match command {
        Command::Grant { .. } => None,
        Command::Revoke { id } | Command::Use { id, .. } => Some(*id),
    }
}

/// The consent, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Consent>) -> Result<&Consent, Reject> {
    state.consents.get(&id).ok_or_else(|| Reject::not_found("consent", id))
}
