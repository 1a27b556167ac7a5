//! How a record is sealed: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under a key derived from the
//! tenant's, bound to its place. It must never use a nonce or salt twice, nor open what was moved.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use units::Digest;
use zeroize::Zeroizing;

use super::key::Secret;
use super::{Tenant, VaultError};

/// Bytes of salt before the content.
pub(super) const SALT_BYTES: usize = 32;
/// Bytes of nonce before the sealed bytes.
pub(super) const NONCE_BYTES: usize = 24;

/// The keys that a tenant's data key gives: one use, one key.
#[derive(Clone)]
pub(super) struct TenantKeys {
    record: Secret,
    lookup: Secret,
}

impl TenantKeys {
    pub(super) fn derive(data_key: &Secret) -> Self {
        let sub_key = |label: &[u8]| Zeroizing::new(mac(data_key, &[label]));
        Self {
            record: sub_key(b"cocarde vault record v1"),
            lookup: sub_key(b"cocarde vault lookup v1"),
        }
    }
}

/// Where a record belongs; authenticated with it.
pub(super) struct Place<'a> {
    pub(super) tenant: Tenant,
    pub(super) subject: &'a str,
    /// Counts the contents of one subject.
    pub(super) version: u64,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let tenant = self.tenant.to_string();
        joined(&[b"cocarde vault record v1", tenant.as_bytes(), self.subject.as_bytes(), &version])
    }

    pub(super) fn damaged(&self) -> VaultError {
        VaultError::Damaged { tenant: self.tenant, subject: self.subject.to_owned() }
    }
}

/// A record, opened.
pub(super) struct Opened {
    pub(super) plain: Vec<u8>,
    pub(super) lookups: Vec<(String, String)>,
    pub(super) commitment: Digest,
}

/// Seals salt, lookups and content; `random` is fresh: salt, then nonce.
pub(super) fn seal(
    keys: &TenantKeys,
    place: &Place<'_>,
    random: &[u8; SALT_BYTES + NONCE_BYTES],
    plain: &[u8],
    lookups: &[(&str, &str)],
) -> Result<(Vec<u8>, Digest), VaultError> {
    let (salt, nonce) = random.split_at(SALT_BYTES);
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| place.damaged())?;
    let mut message = Zeroizing::new(Vec::with_capacity(SALT_BYTES.saturating_add(plain.len())));
    message.extend_from_slice(salt);
    let pairs = Zeroizing::new(serde_json::to_vec(lookups).unwrap_or_default());
    let length = u32::try_from(pairs.len()).map_err(|_| place.damaged())?;
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&pairs);
    message.extend_from_slice(plain);
    let commitment = commitment(salt, plain);
    let payload = Payload { msg: &message, aad: &place.bytes() };
    let sealed = cipher(keys).encrypt(&XNonce::from(nonce), payload);
    let mut bytes = nonce.to_vec();
    bytes.extend_from_slice(&sealed.map_err(|_| place.damaged())?);
    Ok((bytes, commitment))
}

pub(super) fn open(
    keys: &TenantKeys,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Opened, VaultError> {
    let (nonce, sealed) =
        sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| place.damaged())?;
    let payload = Payload { msg: sealed, aad: &place.bytes() };
    let opened = cipher(keys).decrypt(&XNonce::from(*nonce), payload);
    let message = Zeroizing::new(opened.map_err(|_| place.damaged())?);
    let parts = || {
        let (salt, rest) = message.split_at_checked(SALT_BYTES)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (pairs, plain) = rest.split_at_checked(length)?;
        Some((salt, serde_json::from_slice(pairs).ok()?, plain))
    };
    let (salt, lookups, plain) = parts().ok_or_else(|| place.damaged())?;
    Ok(Opened { plain: plain.to_vec(), lookups, commitment: commitment(salt, plain) })
}

/// SHA-256(salt ‖ content).
fn commitment(salt: &[u8], plain: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(plain);
    Digest(hasher.finalize().into())
}

/// The blind index of a value: equal values of one tenant and purpose meet, and without the tenant's
/// key nobody can try guesses.
pub(super) fn lookup(keys: &TenantKeys, purpose: &str, value: &str) -> [u8; 32] {
    mac(&keys.lookup, &[&joined(&[purpose.as_bytes(), value.as_bytes()])])
}

/// What a wrapped data key is bound to.
pub(super) fn key_context(tenant: Tenant) -> Vec<u8> {
    format!("cocarde vault data key v1 {tenant}").into_bytes()
}

fn cipher(keys: &TenantKeys) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*keys.record).into())
}

/// HMAC-SHA-256 (RFC 2104).
fn mac(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the block of 64 bytes is filled up with zeros.
    let mut block = Zeroizing::new([0_u8; 64]);
    block.iter_mut().zip(key.iter()).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Parts with their lengths before them: no two lists give the same bytes.
pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
