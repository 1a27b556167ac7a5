//! The C2SP draft `tlog-proof`: one entry's index, inclusion proof and checkpoint as text, for
//! tools of others. Its optional `extra` line carries the entry's bytes here, so that one file is enough; the
//! line itself proves nothing: the bytes count only once their hash leads to the root.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ReceiptError;
use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash};
use crate::note::{NOTE_BYTES_MAX, VerifierKey};
use crate::proof::{self, MAX_PROOF_HASHES};

/// First line of the format.
pub const TLOG_PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most bytes of a proof's file: an entry in base64, hashes, and a checkpoint.
pub const TLOG_PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX;

/// A proof of one entry. `Display` writes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Position in the log, from 0.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling up to the root's child.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim, with the witnesses' cosignatures if there are any.
    pub checkpoint: String,
    /// The `extra` line's bytes: the entry, in a proof of ours. Not to be believed before
    /// [`verify_carried`](Self::verify_carried).
    pub extra: Option<Vec<u8>>,
}

impl TlogProof {
    /// Checks that `leaf` is in the log `origin`, at the proof's index.
    ///
    /// # Errors
    /// `Checkpoint` or `Proof`.
    pub fn verify(
        &self,
        leaf: &[u8],
        key: &VerifierKey,
        origin: &str,
    ) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key, origin)?;
        proof::verify_inclusion(&checkpoint.head(), self.index, &leaf_hash(leaf), &self.path)
            .map_err(|source| ReceiptError::Proof { index: self.index, source })?;
        Ok(checkpoint)
    }

    /// Checks that the entry that the file carries is in the log `origin`, and answers its bytes.
    ///
    /// # Errors
    /// `Form` if the file carries none; `Checkpoint` or `Proof`.
    pub fn verify_carried(
        &self,
        key: &VerifierKey,
        origin: &str,
    ) -> Result<(Checkpoint, &[u8]), ReceiptError> {
        let reason = "the proof carries no entry in an `extra` line".to_owned();
        let leaf = self.extra.as_deref().ok_or(ReceiptError::Form { reason })?;
        Ok((self.verify(leaf, key, origin)?, leaf))
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{TLOG_PROOF_HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(formatter, "{hash}")?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = ReceiptError;

    fn from_str(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > TLOG_PROOF_BYTES_MAX {
            return Err(ReceiptError::TooLarge { bytes: text.len() });
        }
        let refuse = |reason: &str| ReceiptError::Form { reason: reason.to_owned() };
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or_else(|| refuse("a proof has a blank line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(TLOG_PROOF_HEADER) {
            return Err(refuse("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut extra = None;
        if let Some(text) = lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            let bytes = STANDARD.decode(text);
            extra = Some(bytes.map_err(|_| refuse("the extra line is not base64"))?);
            lines.next();
        }
        let index_text = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index_text
            .and_then(|text| text.parse::<u64>().ok().filter(|index| index.to_string() == text))
            .ok_or_else(|| refuse("the index line is not `index` and a decimal number"))?;
        let path = lines
            .take(MAX_PROOF_HASHES.saturating_add(1))
            .map(|line| line.parse::<Hash>().map_err(|_| refuse("a proof line is not a hash")))
            .collect::<Result<Vec<_>, _>>()?;
        if path.len() > MAX_PROOF_HASHES {
            return Err(refuse("the proof has too many lines"));
        }
        Ok(TlogProof { index, path, checkpoint: checkpoint.to_owned(), extra })
    }
}
