//! API keys: only the SHA-256 of a secret is ever in the log. States: active → expired or revoked;
//! an active one may get a new secret.
//!
//! A key never allows more than its owner may at that moment, and stops with its owner.

mod apply;
mod decide;

pub(crate) use apply::{apply, index_into};
pub(crate) use decide::decide;
pub use decide::is_at_home;

use serde::{Deserialize, Serialize};
use units::{Country, Digest, DurationMicros, Id, Name, UnixMicros, kinds};

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
    /// Whose it is; older keys, and the platform's first, are nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What it is limited to beside role and scope.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// The secret before the last rotation, and until when it still opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<(Digest, UnixMicros)>,
    /// Version and times.
    pub meta: Meta,
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Somebody's.
    User(Id<kinds::User>),
    /// A program's.
    ServiceAccount(Id<kinds::ServiceAccount>),
}

/// What a key is limited to; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Public names of the models that it may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<Name>>,
    /// Countries in which its work may run and its calls be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub countries: Option<Vec<Country>>,
}

impl Limits {
    /// True without any limit.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.models.is_none() && self.countries.is_none()
    }

    /// True if a model of this public name may be called.
    #[must_use]
    pub fn allow_model(&self, name: &Name) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(name))
    }

    /// True if a country may be used.
    #[must_use]
    pub fn allow_country(&self, country: Country) -> bool {
        self.countries.as_ref().is_none_or(|countries| countries.contains(&country))
    }
}

impl Key {
    /// True if the key is accepted at this time, as far as it depends on the key alone.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixMicros) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// True if a secret of this hash opens it at this time.
    #[must_use]
    pub fn opens_with(&self, hash: Digest, now: UnixMicros) -> bool {
        let earlier = self.earlier.is_some_and(|(earlier, until)| earlier == hash && now < until);
        self.secret_hash == hash || earlier
    }
}

/// What a key is issued from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// For people.
    pub name: Name,
    /// Where it is valid.
    pub scope: Scope,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the secret, which the caller keeps.
    pub secret_hash: Digest,
    /// From when on it is refused.
    pub expires_at: Option<UnixMicros>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// What it is limited to.
    pub limits: Limits,
}

/// What can be asked about keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one without owner and limits.
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
    /// Issues one that may do no more than who asks for it.
    Issue(Box<Issue>),
    /// Puts a new secret in place of the old one.
    Rotate {
        /// The key.
        id: Id<kinds::Key>,
        /// SHA-256 of the new secret.
        secret_hash: Digest,
        /// How long the old one still opens.
        overlap: DurationMicros,
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
    /// One was created, of nobody and without limits.
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
    /// One was issued.
    Issued {
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
        /// Whose it is.
        owner: Option<Owner>,
        /// What it is limited to.
        limits: Limits,
    },
    /// Its secret was replaced.
    Rotated {
        /// Its id.
        id: Id<kinds::Key>,
        /// SHA-256 of the new secret.
        secret_hash: Digest,
        /// Until when the earlier one still opens.
        earlier_until: UnixMicros,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "key.created",
            Self::Revoked { .. } => "key.revoked",
            Self::Issued { .. } => "key.issued",
            Self::Rotated { .. } => "key.rotated",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::Revoked { id }
            | Self::Issued { id, .. }
            | Self::Rotated { id, .. } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Key>> {
    match command {
        Command::Create { .. } | Command::Issue(_) => None,
        Command::Revoke { id } | Command::Rotate { id, .. } => Some(*id),
    }
}
