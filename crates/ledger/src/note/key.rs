//! Ed25519 keys of signed notes and their text forms (`signed-note` §Signatures; the texts are
//! those of Go's `sumdb/note`). A secret must never appear in `Debug`, `Display` or an error.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};

use super::{NoteError, NoteSignature};

/// Algorithm byte of Ed25519 in key ids and encoded keys.
const ED25519: u8 = 0x01;

/// Algorithm byte of Ed25519 cosignatures (C2SP `tlog-cosignature` §Format).
pub(crate) const ED25519_COSIGNATURE: u8 = 0x04;

/// What an encoded signer key starts with.
const SIGNER_PREFIX: &str = "PRIVATE+KEY+";

/// Longest key name that is accepted, in bytes.
pub(crate) const KEY_NAME_BYTES_MAX: usize = 255;

/// A named Ed25519 secret key.
#[derive(Clone)]
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

/// A named Ed25519 public key. Its text is `name+hash+base64`, the form auditors are given.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    public: ed25519_dalek::VerifyingKey,
}

impl SigningKey {
    /// The key with this name and secret seed. The caller draws the seed from the system's
    /// secure random source; the same seed gives the same key.
    ///
    /// # Errors
    /// `KeyName`.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let verifier = VerifierKey::new(name, secret.verifying_key());
        Ok(SigningKey { secret, verifier })
    }

    /// Reads `PRIVATE+KEY+name+hash+base64`.
    ///
    /// # Errors
    /// `SignerKey` for any other text, also when the hash does not fit the key.
    pub fn from_secret_text(text: &str) -> Result<Self, NoteError> {
        let parts = text.strip_prefix(SIGNER_PREFIX).and_then(|rest| split_key(rest, ED25519));
        let (name, id, seed) = parts.ok_or(NoteError::SignerKey)?;
        let key = SigningKey::from_seed(name, seed).map_err(|_| NoteError::SignerKey)?;
        if key.verifier.id == id { Ok(key) } else { Err(NoteError::SignerKey) }
    }

    /// The text form, which is a secret: write it only to a file that others cannot read.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let seed = self.secret.to_bytes();
        format!("{SIGNER_PREFIX}{}", join_key((self.name(), self.verifier.id), ED25519, &seed))
    }

    /// The public half, for those who verify.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The key's name, usually the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    pub(super) fn sign_text(&self, text: &str) -> NoteSignature {
        NoteSignature {
            key_name: self.name().to_owned(),
            key_id: self.verifier.id,
            signature: self.secret.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({}, secret not shown)", self.verifier)
    }
}

impl VerifierKey {
    fn new(name: &str, public: ed25519_dalek::VerifyingKey) -> Self {
        let id = key_id(name, ED25519, public.as_bytes());
        VerifierKey { name: name.to_owned(), id, public }
    }

    /// The key's name, usually the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short id: an identifier, not a proof of anything.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the public key (RFC 8032).
    #[must_use]
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Strict verification: weak keys and signatures with a second spelling are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.public.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&join_key((&self.name, self.id), ED25519, self.public.as_bytes()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = split_key(text, ED25519).ok_or(NoteError::VerifierKey)?;
        check_name(name).map_err(|_| NoteError::VerifierKey)?;
        let public =
            ed25519_dalek::VerifyingKey::from_bytes(&public).map_err(|_| NoteError::VerifierKey)?;
        let key = VerifierKey::new(name, public);
        if key.id == id { Ok(key) } else { Err(NoteError::VerifierKey) }
    }
}

/// First four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key).
pub(crate) fn key_id(name: &str, algorithm: u8, public: &[u8; 32]) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', algorithm]);
    hasher.update(public);
    let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
    u32::from_be_bytes([a, b, c, d])
}

/// Writes `name+hash+base64`.
pub(crate) fn join_key((name, id): (&str, u32), algorithm: u8, key: &[u8; 32]) -> String {
    let mut bytes = vec![algorithm];
    bytes.extend_from_slice(key);
    format!("{name}+{id:08x}+{}", STANDARD.encode(bytes))
}

/// Splits `name+hash+base64` of one algorithm into name, key id and the 32 key bytes.
pub(crate) fn split_key(text: &str, algorithm: u8) -> Option<(&str, u32, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    let (id_text, encoded) = rest.split_once('+')?;
    let id = u32::from_str_radix(id_text, 16).ok()?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (found, key) = bytes.split_first()?;
    let key = <[u8; 32]>::try_from(key).ok()?;
    // One spelling only: the id is written with eight lower-case digits.
    (*found == algorithm && format!("{id:08x}") == id_text).then_some((name, id, key))
}

/// Key names are not empty and have no Unicode space, plus sign or control character.
pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let bad =
        |character: char| character.is_whitespace() || character.is_control() || character == '+';
    if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX || name.chars().any(bad) {
        return Err(NoteError::KeyName { name: name.chars().take(100).collect() });
    }
    Ok(())
}
