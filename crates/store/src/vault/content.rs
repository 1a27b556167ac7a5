//! Keys for content that is too large for a record: a key of its own for each subject, kept as that
//! subject's record. Whoever holds the content may never see the tenant's key, and content outlives
//! neither its record nor its tenant's key: without them nobody opens it, wherever a copy lies.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::key::Secret;
use super::seal::{NONCE_BYTES, joined};
use super::{Tenant, Vault, VaultError, fill};

/// Seals and opens the content of one subject. It lives in memory only, for as long as somebody works.
#[derive(Clone)]
pub struct ContentKey {
    tenant: Tenant,
    subject: String,
    secret: Secret,
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret stays out.
        f.debug_struct("ContentKey").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Vault {
    /// The key of a subject's content, made when it has none yet.
    ///
    /// # Errors
    /// [`VaultError::Key`] if the tenant's key is withheld, [`VaultError::Destroyed`] after its end.
    pub fn content_key(&self, tenant: Tenant, subject: &str) -> Result<ContentKey, VaultError> {
        let mut inner = self.lock();
        let damaged = || VaultError::Damaged { tenant, subject: subject.to_owned() };
        let mut secret: Secret = Zeroizing::new([0_u8; 32]);
        // Under one lock: of two that come at once, both get the same key.
        match inner.open_record(tenant, subject)? {
            Some(opened) => {
                let plain = Zeroizing::new(opened.plain);
                *secret = plain.as_slice().try_into().map_err(|_| damaged())?;
            }
            None => {
                fill(&mut *secret)?;
                inner.put(tenant, subject, &*secret, &[])?;
            }
        }
        Ok(ContentKey { tenant, subject: subject.to_owned(), secret })
    }
}

impl ContentKey {
    /// Seals `plain` for one place: it opens there and nowhere else.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        fill(&mut nonce)?;
        let payload = Payload { msg: plain, aad: &self.bound_to(place) };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed.map_err(|_| self.damaged())?);
        Ok(bytes)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if it was changed or moved, or belongs to another subject.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (nonce, sealed) =
            sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| self.damaged())?;
        let payload = Payload { msg: sealed, aad: &self.bound_to(place) };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| self.damaged())
    }

    fn bound_to(&self, place: &str) -> Vec<u8> {
        joined(&[b"cocarde vault content v1", self.subject.as_bytes(), place.as_bytes()])
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.secret).into())
    }

    fn damaged(&self) -> VaultError {
        VaultError::Damaged { tenant: self.tenant, subject: self.subject.clone() }
    }
}
