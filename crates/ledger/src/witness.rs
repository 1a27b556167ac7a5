//! C2SP `tlog-witness` 1.0 without its HTTP: what a witness answers to a request, given what it has
//! cosigned before. It never cosigns two histories of one log, and never a smaller tree after a larger one.
//!
//! The caller keeps the order: [`Witness::judge`], store what was accepted durably, then
//! [`Witness::record`], then [`Accepted::cosign`]; and lets no second request in between.

mod request;

pub use request::{
    AddCheckpoint, PROOF_LINES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, RequestError,
    read_cosignatures,
};

use std::collections::BTreeMap;

use crate::checkpoint::Checkpoint;
use crate::cosignature::CosigningKey;
use crate::note::{NoteSignature, VerifierKey};
use crate::proof::{self, ProofError};
use crate::tree::TreeHead;

/// Media type of a 409's body, which is the size last cosigned (`tlog-witness` §add-checkpoint).
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// What a witness knows: the logs it watches with their keys, and the last head it cosigned of each.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    keys: BTreeMap<String, Vec<VerifierKey>>,
    heads: BTreeMap<String, TreeHead>,
}

/// A checkpoint that passed all checks. Only this can be cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    checkpoint: Checkpoint,
    text: String,
    note: String,
}

/// Why a request gets no cosignature; the status is fixed by the specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: not a request.
    #[error(transparent)]
    Malformed(#[from] RequestError),
    /// 404: no such log is watched.
    #[error("the log `{origin}` is not watched here; ask the witness's operator to add it")]
    UnknownLog {
        /// Its origin, cut.
        origin: String,
    },
    /// 403: no key of the log has signed it.
    #[error("the checkpoint is not signed by a known key of the log `{origin}`")]
    NotSigned {
        /// The log.
        origin: String,
    },
    /// 400: the old size is above the new one.
    #[error("the old size {old} is above the checkpoint's size {size}; swap the two")]
    SizesReversed {
        /// The request's old size.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// 409: the old size is not that of the last cosigned checkpoint.
    #[error("the last checkpoint cosigned here has size {size}; prove from there")]
    OtherSize {
        /// The size last cosigned, 0 if none was.
        size: u64,
    },
    /// 409: another root of the same size: two histories.
    #[error("another root was cosigned here for size {size}: the log shows two histories")]
    OtherRoot {
        /// The size.
        size: u64,
    },
    /// 422: the new tree does not extend the old one, as far as this proof shows.
    #[error("the consistency proof from size {old} does not hold: {reason}")]
    BadProof {
        /// The size last cosigned.
        old: u64,
        /// What does not hold.
        reason: ProofError,
    },
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::SizesReversed { .. } => 400,
            Self::NotSigned { .. } => 403,
            Self::UnknownLog { .. } => 404,
            Self::OtherSize { .. } | Self::OtherRoot { .. } => 409,
            Self::BadProof { .. } => 422,
        }
    }

    /// The size last cosigned, which a 409 names.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::OtherSize { size } | Self::OtherRoot { size } => Some(*size),
            Self::Malformed(_)
            | Self::UnknownLog { .. }
            | Self::NotSigned { .. }
            | Self::SizesReversed { .. }
            | Self::BadProof { .. } => None,
        }
    }

    /// True if the log itself signed what does not fit: worth keeping, it may prove misbehaviour.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        match self {
            Self::OtherRoot { .. } | Self::BadProof { .. } => true,
            Self::Malformed(_)
            | Self::UnknownLog { .. }
            | Self::NotSigned { .. }
            | Self::SizesReversed { .. }
            | Self::OtherSize { .. } => false,
        }
    }
}

impl Witness {
    /// Watches no log yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches a log, or trusts one more key of it.
    pub fn trust(&mut self, origin: &str, key: VerifierKey) {
        let keys = self.keys.entry(origin.to_owned()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// The origins watched, in order, each with the head last cosigned.
    pub fn logs(&self) -> impl Iterator<Item = (&str, Option<TreeHead>)> {
        self.keys.keys().map(|origin| (origin.as_str(), self.heads.get(origin).copied()))
    }

    /// Takes back what [`Accepted::note`] was stored of before a restart, if a known key has signed it.
    ///
    /// # Errors
    /// `Malformed`, `UnknownLog` or `NotSigned`.
    pub fn restore(&mut self, note: &str) -> Result<(), Refusal> {
        let request = AddCheckpoint::of_note(0, note)?;
        let checkpoint = self.open(&request)?;
        self.heads.insert(checkpoint.origin().to_owned(), checkpoint.head());
        Ok(())
    }

    /// Judges the body of `POST add-checkpoint`. Changes nothing.
    ///
    /// # Errors
    /// [`Refusal`], in the specification's order.
    pub fn judge(&self, body: &[u8]) -> Result<Accepted, Refusal> {
        let request = AddCheckpoint::parse(body)?;
        let checkpoint = self.open(&request)?;
        let (old, head) = (request.old, checkpoint.head());
        if old > head.size {
            return Err(Refusal::SizesReversed { old, size: head.size });
        }
        let stored = self.heads.get(checkpoint.origin()).copied();
        let size = stored.map_or(0, |stored| stored.size);
        if old != size {
            return Err(Refusal::OtherSize { size });
        }
        match stored {
            Some(stored) if stored.size == head.size && stored.root != head.root => {
                return Err(Refusal::OtherRoot { size });
            }
            Some(stored) => proof::verify_consistency(&stored, &head, &request.proof),
            None if request.proof.is_empty() => Ok(()),
            None => Err(ProofError::WrongLength { found: request.proof.len() }),
        }
        .map_err(|reason| Refusal::BadProof { old, reason })?;
        let text = request.note.text().to_owned();
        Ok(Accepted { checkpoint, text, note: request.note.to_string() })
    }

    /// Remembers what was accepted and stored.
    pub fn record(&mut self, accepted: &Accepted) {
        let checkpoint = &accepted.checkpoint;
        self.heads.insert(checkpoint.origin().to_owned(), checkpoint.head());
    }

    /// Finds the log by the origin and checks its signature; unknown signatures are ignored.
    fn open(&self, request: &AddCheckpoint) -> Result<Checkpoint, Refusal> {
        let checkpoint =
            Checkpoint::read_with_extensions(request.note.text()).map_err(RequestError::from)?;
        let origin = || checkpoint.origin().chars().take(100).collect();
        let keys = self.keys.get(checkpoint.origin());
        let keys = keys.ok_or_else(|| Refusal::UnknownLog { origin: origin() })?;
        if keys.iter().any(|key| request.note.verify(key).is_ok()) {
            return Ok(checkpoint);
        }
        Err(Refusal::NotSigned { origin: origin() })
    }
}

impl Accepted {
    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed note as it came: what a witness stores before it answers.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The cosignature, at a time in seconds since 1970. Only after [`note`](Self::note) is durable.
    #[must_use]
    pub fn cosign(&self, key: &CosigningKey, time_s: u64) -> NoteSignature {
        key.cosign(&self.text, time_s)
    }
}

#[cfg(test)]
mod tests;
