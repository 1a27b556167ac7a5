//! Capability tokens that were revoked before their holder's key or account was.
//!
//! A token is made and narrowed without the log knowing, so that only its end is here: by a hash of the
//! signature of one of its blocks. It must never say what a token allows, nor be one.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Digest, Id, UnixMicros, kinds};

use crate::Subject;

/// Whose rights a token carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Of a key.
    Key(Id<kinds::Key>),
    /// Of a person.
    User(Id<kinds::User>),
}

/// A block of tokens that counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Whose rights they carried.
    pub holder: Holder,
    /// Since when they count no more.
    pub at: UnixMicros,
}

/// What can be asked about capability tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Revokes all tokens with this block; final.
    Revoke {
        /// Whose rights they carry.
        holder: Holder,
        /// SHA-256 of the block's signature.
        block: Digest,
    },
}

/// What can happen to capability tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// All tokens with this block were revoked.
    Revoked {
        /// Whose rights they carried.
        holder: Holder,
        /// SHA-256 of the block's signature.
        block: Digest,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Revoked { .. } => "capability.revoked",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self.holder() {
            Holder::Key(id) => id.into(),
            Holder::User(id) => id.into(),
        }
    }

    /// Whose rights the tokens carried.
    #[must_use]
    pub const fn holder(&self) -> Holder {
        match self {
            Self::Revoked { holder, .. } => *holder,
        }
    }
}
