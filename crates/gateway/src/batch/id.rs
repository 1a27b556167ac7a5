//! Ids of files and batches: UUIDs, since Mistral's clients read nothing else. OpenAI's take any text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What OpenAI's ids of batches begin with.
const BATCH: &str = "batch_";
/// Places of the hyphens in the text.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// Characters of the text.
const LENGTH: usize = 36;

/// An id, in the order of their making.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uuid([u8; 16]);

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12")]
pub(crate) struct NoId;

impl Uuid {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As OpenAI writes the id of a batch.
    pub(crate) fn batch_text(self) -> String {
        format!("{BATCH}{}", self.to_string().replace('-', ""))
    }

    /// Reads what [`Self::batch_text`] wrote.
    pub(crate) fn from_batch_text(text: &str) -> Option<Self> {
        text.strip_prefix(BATCH).and_then(digits)
    }
}

/// Sixteen bytes of 32 digits in lower case.
fn digits(text: &str) -> Option<Uuid> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0_u8; 16];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = *pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(Uuid(bytes))
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let hyphens = text.bytes().enumerate().filter(|(_, byte)| *byte == b'-').map(|(at, _)| at);
        if text.len() != LENGTH || !hyphens.eq(HYPHENS) {
            return Err(NoId);
        }
        digits(&text.replace('-', "")).ok_or(NoId)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
