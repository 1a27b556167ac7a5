//! C2SP `tlog-cosignature` 1.0, Ed25519: a witness's statement that, at a time, a checkpoint was the
//! largest consistent one that it had seen of a log. What is signed is `cosignature/v1`, the time, and
//! the whole text of the checkpoint. A cosignature says nothing of what the entries mean.

mod policy;
mod quorum;

pub use policy::{POLICY_BYTES_MAX, PolicyError, TrustPolicy};
pub use quorum::{Cosignature, Quorum, QuorumError, Tally, WITNESSES_MAX};

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;

use crate::note::key::{self, ED25519_COSIGNATURE};
use crate::note::{NoteError, NoteSignature, SignedNote};

/// Latest time that a cosignature may carry, in seconds since 1970 (`tlog-cosignature` §Format).
pub const TIMESTAMP_MAX: u64 = i64::MAX.unsigned_abs();

/// A witness's named Ed25519 secret key.
#[derive(Clone)]
pub struct CosigningKey {
    secret: ed25519_dalek::SigningKey,
    public: CosignerKey,
}

/// A witness's named public key. Its text is `name+hash+base64` with algorithm byte 0x04, so that it is
/// never taken for the key of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct CosignerKey {
    name: String,
    id: u32,
    public: ed25519_dalek::VerifyingKey,
}

impl CosigningKey {
    /// The key with this name and secret seed, which the caller draws from the system's secure random
    /// source. The name should be a URL without scheme.
    ///
    /// # Errors
    /// `KeyName`.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        key::check_name(name)?;
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = CosignerKey::new(name, secret.verifying_key());
        Ok(Self { secret, public })
    }

    /// The public half, for logs and verifiers.
    #[must_use]
    pub fn public(&self) -> &CosignerKey {
        &self.public
    }

    /// Signs a checkpoint's text at a time in seconds since 1970, at most [`TIMESTAMP_MAX`]. Only an
    /// accepted request leads here: see [`Accepted::cosign`](crate::witness::Accepted::cosign).
    pub(crate) fn cosign(&self, text: &str, time_s: u64) -> NoteSignature {
        let time_s = time_s.min(TIMESTAMP_MAX);
        let signed = self.secret.sign(message(text, time_s).as_bytes());
        let mut signature = time_s.to_be_bytes().to_vec();
        signature.extend_from_slice(&signed.to_bytes());
        NoteSignature { key_name: self.public.name.clone(), key_id: self.public.id, signature }
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CosigningKey({}, secret not shown)", self.public)
    }
}

impl CosignerKey {
    fn new(name: &str, public: ed25519_dalek::VerifyingKey) -> Self {
        let id = key::key_id(name, ED25519_COSIGNATURE, public.as_bytes());
        Self { name: name.to_owned(), id, public }
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the public key (RFC 8032).
    #[must_use]
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Whether a signature line claims to be this witness's.
    #[must_use]
    pub fn is_of(&self, line: &NoteSignature) -> bool {
        line.key_id == self.id && line.key_name == self.name
    }

    /// Checks that the witness cosigned the note and answers when, in seconds since 1970: the latest
    /// time if it did so more than once. Lines of others are ignored; every line of this witness must
    /// hold.
    ///
    /// # Errors
    /// `NotSignedBy` or `BadSignature`.
    pub fn verify(&self, note: &SignedNote) -> Result<u64, NoteError> {
        let bad = || NoteError::BadSignature { name: self.name.clone() };
        let mut latest = None;
        for line in note.signatures().iter().filter(|line| self.is_of(line)) {
            let time_s = self.time_of(note.text(), line).ok_or_else(bad)?;
            latest = latest.max(Some(time_s));
        }
        latest.ok_or_else(|| NoteError::NotSignedBy { name: self.name.clone() })
    }

    /// The time of one line of this witness, if it holds for this text.
    fn time_of(&self, text: &str, line: &NoteSignature) -> Option<u64> {
        let (time, signature) = line.signature.split_first_chunk::<8>()?;
        let time_s = u64::from_be_bytes(*time);
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        let holds = time_s <= TIMESTAMP_MAX
            && self.public.verify_strict(message(text, time_s).as_bytes(), &signature).is_ok();
        holds.then_some(time_s)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            key::join_key((&self.name, self.id), ED25519_COSIGNATURE, self.public.as_bytes());
        formatter.write_str(&text)
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CosignerKey({self})")
    }
}

impl FromStr for CosignerKey {
    type Err = QuorumError;

    fn from_str(text: &str) -> Result<Self, QuorumError> {
        let refused = || QuorumError::Key { text: text.chars().take(100).collect() };
        let (name, id, public) = key::split_key(text, ED25519_COSIGNATURE).ok_or_else(refused)?;
        key::check_name(name).map_err(|_| refused())?;
        let public = ed25519_dalek::VerifyingKey::from_bytes(&public).map_err(|_| refused())?;
        let key = Self::new(name, public);
        if key.id == id { Ok(key) } else { Err(refused()) }
    }
}

/// What is signed (`tlog-cosignature` §Ed25519 signed message).
fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

#[cfg(test)]
mod tests;
