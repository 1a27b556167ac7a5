//! Snapshots under seal: a state's bytes behind a note that the log's key has signed, so that a
//! changed snapshot is noticed before anything is folded onto it. A snapshot is never the truth:
//! without a good one the log is replayed from the start.

use ledger::{Hash, SignedNote, SigningKey, VerifierKey};
use sha2::{Digest as _, Sha256};
use units::Digest;

/// First line of the note.
const HEADER: &str = "cocarde-snapshot/v1";

/// What the seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Entries folded.
    pub(crate) seq: u64,
    /// Root of the log at that size.
    pub(crate) root: Hash,
}

/// Why a snapshot is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot's seal does not hold: {reason}")]
pub(crate) struct SealError {
    pub(crate) reason: String,
}

/// Puts a state under seal.
pub(crate) fn seal(key: &SigningKey, seal: &Seal, state: &[u8]) -> Result<Vec<u8>, SealError> {
    let note = SignedNote::sign(&text(key.name(), seal, state), key)
        .map_err(|error| broken(&error.to_string()))?
        .to_string();
    let length = u32::try_from(note.len()).map_err(|_| broken("the note is too long"))?;
    let mut bytes = Vec::with_capacity(state.len().saturating_add(note.len()).saturating_add(4));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(note.as_bytes());
    bytes.extend_from_slice(state);
    Ok(bytes)
}

/// Opens a sealed state; every byte is covered by the signature.
pub(crate) fn open<'a>(
    key: &VerifierKey,
    seq: u64,
    sealed: &'a [u8],
) -> Result<(Seal, &'a [u8]), SealError> {
    let short = || broken("it is cut short");
    let (length, rest) = sealed.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| short())?;
    let (note, state) = rest.split_at_checked(length).ok_or_else(short)?;
    let note = SignedNote::parse(note).map_err(|error| broken(&error.to_string()))?;
    note.verify(key).map_err(|error| broken(&error.to_string()))?;
    let root = note.text().lines().nth(3).and_then(|line| line.parse::<Hash>().ok());
    let seal = Seal { seq, root: root.ok_or_else(|| broken("it names no root"))? };
    // Comparing the whole text checks header, origin, position, root and digest at once.
    if note.text() != text(key.name(), &seal, state) {
        return Err(broken("the state or its position was changed"));
    }
    Ok((seal, state))
}

fn text(origin: &str, seal: &Seal, state: &[u8]) -> String {
    let digest = Digest(Sha256::digest(state).into());
    format!("{HEADER}\n{origin}\n{}\n{}\n{digest}\n", seal.seq, seal.root)
}

fn broken(reason: &str) -> SealError {
    SealError { reason: reason.to_owned() }
}
