//! API keys: only the SHA-256 of a secret is ever in the log. States: active → expired or revoked.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, UnixMicros, kinds};

use crate::{
    Meta, Subject,
    access::{Role, Scope},
};

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id; public.
    pub id: Id<kinds::Key>,
    /// A name for people; not unique.
    pub name: Name,
    /// Where it is valid.
    pub scope: Scope,
    /// What it may do there.
    pub role: Role,
    /// SHA-256 of the secret.
    pub secret_hash: Digest,
    /// From when on it is refused.
    pub expires_at: Option<UnixMicros>,
    /// Since when it is revoked.
    pub revoked_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Key {
    /// True if the key is accepted at this time.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixMicros) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What can be asked about keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// For people.
        name: Name,
        /// Where it is valid.
        scope: Scope,
        /// What it may do.
        role: Role,
        /// SHA-256 of the secret, which the caller keeps.
        secret_hash: Digest,
        /// From when on it is refused.
        expires_at: Option<UnixMicros>,
    },
    /// Revokes one; final.
    Revoke {
        /// The key.
        id: Id<kinds::Key>,
    },
}

/// What can happen to keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Key>,
        /// Its name.
        name: Name,
        /// Where it is valid.
        scope: Scope,
        /// What it may do.
        role: Role,
        /// SHA-256 of its secret.
        secret_hash: Digest,
        /// From when on it is refused.
        expires_at: Option<UnixMicros>,
    },
    /// One was revoked.
    Revoked {
        /// Its id.
        id: Id<kinds::Key>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "key.created",
            Self::Revoked { .. } => "key.revoked",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Revoked { id } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Key>> {
    match command {
        Command::Create { .. } => None,
        Command::Revoke { id } => Some(*id),
    }
}
