//! The bodies of `POST add-checkpoint`: `old N`, the proof's lines, an empty line, the checkpoint; and
//! the signature lines that answer it. Reading believes nothing.

use std::fmt;

use crate::checkpoint::CheckpointError;
use crate::hash::Hash;
use crate::note::{NoteError, NoteSignature, SIGNATURES_MAX, SignedNote};

/// Most proof lines (`tlog-witness` §add-checkpoint).
pub const PROOF_LINES_MAX: usize = 63;

/// Most bytes of a request: 63 hashes and a checkpoint of 100 signatures of any kind we know fit.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;

/// Most bytes of an answer.
pub const RESPONSE_BYTES_MAX: usize = 64 << 10;

/// A request for a cosignature. Its `Display` is the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness cosigned last, as far as the log knows; 0 for none.
    pub old: u64,
    /// Consistency proof from there, empty from 0.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: SignedNote,
}

/// Why bytes are not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Above [`REQUEST_BYTES_MAX`].
    #[error("a request has at most {REQUEST_BYTES_MAX} bytes, this one {bytes}")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Not text, or without the empty line before the checkpoint.
    #[error("a request is `old N`, proof lines, an empty line, and a checkpoint")]
    Form,
    /// The first line.
    #[error("the first line is not `old` and a decimal number without leading zero")]
    OldSize,
    /// A proof line.
    #[error("proof line {line} is not a hash: base64 of 32 bytes")]
    ProofLine {
        /// Line after the first, from 1.
        line: usize,
    },
    /// Above [`PROOF_LINES_MAX`].
    #[error("a proof has at most {PROOF_LINES_MAX} lines")]
    TooManyProofLines,
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl AddCheckpoint {
    /// A request for the cosignature of a signed checkpoint, without a proof yet.
    ///
    /// # Errors
    /// `Checkpoint` if that is not a note.
    pub fn of_note(old: u64, note: &str) -> Result<Self, RequestError> {
        let note = SignedNote::parse(note.as_bytes()).map_err(CheckpointError::from)?;
        Ok(Self { old, proof: Vec::new(), note })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// For every departure from the format.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge { bytes: body.len() });
        }
        let text = std::str::from_utf8(body).map_err(|_| RequestError::Form)?;
        let (head, note) = text.split_once("\n\n").ok_or(RequestError::Form)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|text| text.parse::<u64>().ok().filter(|n| n.to_string() == text));
        let mut request = Self::of_note(old.ok_or(RequestError::OldSize)?, note)?;
        for (line, text) in (1..).zip(lines) {
            if line > PROOF_LINES_MAX {
                return Err(RequestError::TooManyProofLines);
            }
            request.proof.push(text.parse().map_err(|_| RequestError::ProofLine { line })?);
        }
        Ok(request)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(formatter, "{hash}")?;
        }
        write!(formatter, "\n{}", self.note)
    }
}

/// Reads a witness's answer: one or more signature lines, none of them believed.
///
/// # Errors
/// `Text`, `SignatureLine` or a limit.
pub fn read_cosignatures(body: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
    if body.len() > RESPONSE_BYTES_MAX {
        return Err(NoteError::TooLarge { bytes: body.len() });
    }
    let text = std::str::from_utf8(body).map_err(|_| NoteError::Text)?;
    let text = text.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
    let count = text.split('\n').count();
    if count > SIGNATURES_MAX {
        return Err(NoteError::TooManySignatures { count });
    }
    (1..)
        .zip(text.split('\n'))
        .map(|(line, text)| NoteSignature::parse(text).ok_or(NoteError::SignatureLine { line }))
        .collect()
}
