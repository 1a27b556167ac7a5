//! SHA-256 digests as values; the hashing itself happens where the bytes are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A SHA-256 digest; text form `sha256:` and 64 lower-case hexadecimal digits (as in OCI).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

const PREFIX: &str = "sha256:";
/// Value of each byte as a lower-case hexadecimal digit; `NOT_A_DIGIT` for all others.
const DIGITS: [u8; 256] = digits();
const NOT_A_DIGIT: u8 = 0xff;

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time over 16 digits and 256 places: a fault would not compile"
)]
const fn digits() -> [u8; 256] {
    let alphabet = b"0123456789abcdef";
    let mut table = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < alphabet.len() {
        table[alphabet[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
}

impl Digest {
    /// The 64 hexadecimal digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        self.with_text(|text| text.get(PREFIX.len()..).unwrap_or_default().to_owned())
    }

    /// Looks at the text form, which is on the stack: digests are written with every request.
    fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; PREFIX.len() + 64];
        let (start, rest) = text.split_at_mut(PREFIX.len());
        start.copy_from_slice(PREFIX.as_bytes());
        for (pair, byte) in rest.as_chunks_mut().0.iter_mut().zip(self.0) {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
            *pair = [digit(byte >> 4), digit(byte & 0x0f)];
        }
        // Digits are ASCII: the text is never anything else.
        look(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// The first twelve digits, enough for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseDigestError(pub String);

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a digest: expected `sha256:` and 64 hexadecimal digits", self.0)
    }
}

impl std::error::Error for ParseDigestError {}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let refuse = || ParseDigestError(text.chars().take(80).collect());
        let hex = text.strip_prefix(PREFIX).filter(|h| h.len() == 64).ok_or_else(refuse)?;
        let digit = |byte: u8| DIGITS.get(usize::from(byte)).copied().unwrap_or(NOT_A_DIGIT);
        let mut bytes = [0u8; 32];
        // Digits have four bits: a higher bit says that something was none.
        let mut seen = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().as_chunks().0) {
            let [high, low] = pair.map(digit);
            seen |= high | low;
            *byte = (high << 4) | (low & 0x0f);
        }
        if seen > 0x0f { Err(refuse()) } else { Ok(Self(bytes)) }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| s.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::deserialize_text(d)
    }
}
