//! Secrets of API keys: made once, shown once, kept only as a SHA-256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use units::Digest;

/// What every secret starts with, so that scanners and people recognise it.
pub(crate) const PREFIX: &str = "cck_";

/// A fresh secret from the system's randomness.
///
/// # Errors
/// If the system has no randomness to give.
pub(crate) fn fresh() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What the log keeps of a secret.
#[must_use]
pub(crate) fn hash(secret: &str) -> Digest {
    Digest(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_recognisable() {
        let (a, b) = (fresh().unwrap(), fresh().unwrap());
        assert!(a.starts_with(PREFIX) && a.len() == PREFIX.len() + 43);
        assert_ne!(hash(&a), hash(&b));
    }
}
