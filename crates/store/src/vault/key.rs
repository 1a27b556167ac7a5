//! The key that wraps the tenants' data keys. It may be a file, a text, or somebody else's service
//! that can refuse; a data key must never leave this process in any other form than wrapped.

use std::fmt;
use std::time::Duration;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::clock;

/// Thirty-two secret bytes that are overwritten when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

const NONCE_BYTES: usize = 24;

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Which key-encryption key wrapped it.
    pub key_id: String,
    /// The wrapped bytes, as that one gave them.
    pub bytes: Vec<u8>,
}

/// Why a key cannot be wrapped or unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Whoever holds it says no.
    #[error("`{key}` refuses: {reason}")]
    Refused {
        /// Which key-encryption key.
        key: String,
        /// What it said.
        reason: String,
    },
    /// It does not answer.
    #[error("`{key}` cannot be reached: {reason}")]
    Unreachable {
        /// Which key-encryption key.
        key: String,
        /// What went wrong.
        reason: String,
    },
    /// It was wrapped by another key, or changed.
    #[error(
        "it was wrapped by key `{wrapped_by}` and does not open with `{key}`: give that one with `--kek`"
    )]
    Other {
        /// Who wrapped it.
        wrapped_by: String,
        /// What was tried.
        key: String,
    },
    /// The key itself is missing or malformed.
    #[error("{place} {reason}")]
    Unusable {
        /// Where it should be.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// Wraps and unwraps data keys. `context` names the tenant and is authenticated: a key wrapped for
/// one tenant does not unwrap for another.
pub trait KeyEncryption: Send + Sync + fmt::Debug {
    /// Wraps a data key with the current key.
    ///
    /// # Errors
    /// If it is refused or cannot be reached.
    fn wrap(&self, context: &[u8], key: &Secret) -> Result<Wrapped, KeyError>;

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// If it is refused, cannot be reached, or was wrapped otherwise.
    fn unwrap(&self, context: &[u8], wrapped: &Wrapped) -> Result<Secret, KeyError>;

    /// How long an unwrapped key may be used without asking again. A withheld key is in force after
    /// that time; zero asks each time.
    fn keep_unwrapped(&self) -> Duration {
        Duration::ZERO
    }

    /// True if something other than this process holds it, and hands nothing of it out.
    fn is_service(&self) -> bool {
        false
    }

    /// What it is and where, for people; never the key.
    fn describe(&self) -> String;
}

/// A key-encryption key that this process holds.
pub struct LocalKey {
    cipher: XChaCha20Poly1305,
    id: String,
    place: String,
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("id", &self.id).field("place", &self.place).finish()
    }
}

impl LocalKey {
    /// Takes the key; `place` says to people where it is from.
    #[must_use]
    pub fn new(secret: &Secret, place: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"cocarde key-encryption key id\n");
        hasher.update(secret.as_slice());
        let digest = units::Digest(hasher.finalize().into());
        let cipher = XChaCha20Poly1305::new((&**secret).into());
        Self { cipher, id: format!("local:{}", digest.short()), place: place.to_owned() }
    }

    /// A name that tells keys apart and gives nothing away.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl KeyEncryption for LocalKey {
    fn wrap(&self, context: &[u8], key: &Secret) -> Result<Wrapped, KeyError> {
        let unusable = |reason: String| KeyError::Unusable { place: self.place.clone(), reason };
        let mut nonce = [0_u8; NONCE_BYTES];
        clock::fill(&mut nonce).map_err(|error| unusable(error.to_string()))?;
        let payload = Payload { msg: key.as_slice(), aad: context };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| unusable("cannot wrap".to_owned()))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(Wrapped { key_id: self.id.clone(), bytes })
    }

    fn unwrap(&self, context: &[u8], wrapped: &Wrapped) -> Result<Secret, KeyError> {
        let other = || KeyError::Other { wrapped_by: wrapped.key_id.clone(), key: self.id.clone() };
        let (nonce, sealed) = wrapped.bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(other)?;
        let payload = Payload { msg: sealed, aad: context };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| other())?;
        let opened = Zeroizing::new(opened);
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| other())?;
        Ok(Zeroizing::new(bytes))
    }

    fn describe(&self) -> String {
        format!("key {} from {}", self.id, self.place)
    }
}
