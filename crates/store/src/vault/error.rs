//! Why the vault does not do what it was asked. No message may hold content, a looked-up value or a key.

use super::Tenant;
use super::key::KeyError;

/// Why the vault cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key-encryption key is withheld or out of reach: nothing sealed can be read or written.
    #[error("the key of {tenant} cannot be used: {source}")]
    Key {
        /// Whose data key it is.
        tenant: Tenant,
        /// What the key-encryption key said.
        source: KeyError,
    },
    /// No space left.
    #[error("the disk is full: free some space, then try again")]
    Full,
    /// SQLite cannot do it.
    #[error("cannot {action}: {reason}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// A record does not open under its tenant's key in its place: somebody changed or moved it.
    #[error("the record of `{subject}` of {tenant} is damaged: restore the vault from a backup")]
    Damaged {
        /// Whose.
        tenant: Tenant,
        /// Of whom or what.
        subject: String,
    },
    /// Another record is found by this value already.
    #[error("this {purpose} belongs to `{subject}` already: give another")]
    LookupTaken {
        /// What the value is.
        purpose: String,
        /// Whose it is.
        subject: String,
    },
    /// A text or content is too long, or there are too many.
    #[error("{what} has more than {limit}: shorten it")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// What is allowed.
        limit: u64,
    },
    /// The tenant's key was destroyed; nothing can be kept for it ever again.
    #[error("the key of {tenant} was destroyed: nothing can be kept for it any more")]
    Destroyed {
        /// Whose.
        tenant: Tenant,
    },
    /// The platform's own key is not destroyed as a whole.
    #[error("the platform's own key is not destroyed: erase its subjects one by one")]
    PlatformKey,
    /// Deleted, but bytes may still be in the file since another process reads it.
    #[error(
        "erased, but the file is being read and still holds the bytes: erase again in a moment"
    )]
    NotYetGone,
    /// The system has no randomness to give.
    #[error("the system gives no random numbers: {reason}")]
    Entropy {
        /// What it said.
        reason: String,
    },
}
