//! Receipts: one JSON file that proves, offline and with nothing but the log's verifier key, that
//! given entries are in the log. The `subject` is a label for people: it is not proven, so nothing
//! may be decided on it; what is proven is each entry's index and bytes.

mod inner_leaf;
mod tlog_proof;

pub use inner_leaf::InnerLeaf;
pub use tlog_proof::{TLOG_PROOF_BYTES_MAX, TLOG_PROOF_HEADER, TlogProof};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cosignature::{Quorum, Tally};
use crate::hash::{Hash, leaf_hash};
use crate::note::{SignedNote, VerifierKey};
use crate::proof::{self, HashReader, MAX_PROOF_HASHES, ProofError};
use crate::tile::MAX_ENTRY_BYTES;

/// Value of the field `format`.
pub const RECEIPT_FORMAT: &str = "cocarde-receipt/v1";

/// Most bytes in a receipt's JSON text.
pub const RECEIPT_BYTES_MAX: usize = 64 << 20;

/// Most entries in a receipt.
pub const RECEIPT_ENTRIES_MAX: usize = 100_000;

/// Most bytes in a receipt's subject.
pub const RECEIPT_SUBJECT_BYTES_MAX: usize = 1_000;

/// A receipt as written in its file. Not to be believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`RECEIPT_FORMAT`].
    pub format: String,
    /// What it is about, for people, such as `job_…`. Not proven.
    pub subject: String,
    /// The signed checkpoint that the proofs lead to, as served by the log.
    pub checkpoint: String,
    /// The entries, by ascending index.
    pub entries: Vec<ReceiptEntry>,
    /// Something that is not in the log, but under a root that an entry names: one answer of a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<InnerLeaf>,
}

/// One proven entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptEntry {
    /// Position in the log, from 0.
    pub index: u64,
    /// The entry's bytes as stored; base64 in the file.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub leaf: Vec<u8>,
    /// Inclusion proof, from the leaf's sibling up to the root's child.
    pub proof: Vec<Hash>,
}

/// What a receipt was found to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// The signed checkpoint.
    pub checkpoint: Checkpoint,
    /// The label for people, not proven.
    pub subject: String,
    /// The proven entries, by ascending index.
    pub entries: Vec<VerifiedEntry>,
}

/// An entry that is in the log, at this index, with these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// Position in the log, from 0.
    pub index: u64,
    /// The entry's bytes as stored.
    pub leaf: Vec<u8>,
}

/// Why a receipt cannot be made or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// More than [`RECEIPT_BYTES_MAX`].
    #[error("a receipt has at most {RECEIPT_BYTES_MAX} bytes, this one {bytes}; split it")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Not the JSON of a receipt or the text of a proof.
    #[error("this is not a receipt or proof: {reason}; ask the log for it again")]
    Form {
        /// What is wrong, with line and column where known.
        reason: String,
    },
    /// Another format or a newer version.
    #[error(
        "the receipt's format is `{found}`, not `{RECEIPT_FORMAT}`; use a version that knows it"
    )]
    Format {
        /// Format found.
        found: String,
    },
    /// Too long a label.
    #[error(
        "a subject has at most {RECEIPT_SUBJECT_BYTES_MAX} bytes, this one {bytes}; shorten it"
    )]
    Subject {
        /// Bytes found.
        bytes: usize,
    },
    /// No entry, or more than [`RECEIPT_ENTRIES_MAX`].
    #[error("a receipt has 1 to {RECEIPT_ENTRIES_MAX} entries, not {count}; split it")]
    EntryCount {
        /// Entries found.
        count: usize,
    },
    /// Entries out of order or twice.
    #[error("entry {index} is not after the one before it; sort the entries, each once")]
    Order {
        /// The entry out of order.
        index: u64,
    },
    /// An entry that no log of this format can hold.
    #[error("entry {index} has {bytes} bytes, at most {MAX_ENTRY_BYTES} fit a log")]
    EntryTooLarge {
        /// The entry.
        index: u64,
        /// Its bytes.
        bytes: usize,
    },
    /// The checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What the receipt says of an answer does not hold.
    #[error("the answer is not proven: {reason}")]
    Answer {
        /// What does not hold.
        reason: String,
    },
    /// An entry's proof does not hold.
    #[error("entry {index} is not proven")]
    Proof {
        /// The entry.
        index: u64,
        /// Why.
        source: ProofError,
    },
}

impl Receipt {
    /// Makes a receipt from a signed checkpoint (its served text), the entries (index and bytes,
    /// by ascending index) and the tree. Every proof is checked once before it is handed out.
    ///
    /// # Errors
    /// For an unreadable checkpoint, entries out of order, and entries that are not in the tree.
    pub fn build(
        subject: &str,
        checkpoint: &str,
        entries: Vec<(u64, Vec<u8>)>,
        reader: &dyn HashReader,
    ) -> Result<Self, ReceiptError> {
        let note = SignedNote::parse(checkpoint.as_bytes()).map_err(CheckpointError::from)?;
        let head = note.text().parse::<Checkpoint>()?.head();
        let mut proven = Vec::with_capacity(entries.len());
        for (index, leaf) in entries {
            let fails = |source| ReceiptError::Proof { index, source };
            let path = proof::inclusion(reader, index, head.size).map_err(fails)?;
            proof::verify_inclusion(&head, index, &leaf_hash(&leaf), &path).map_err(fails)?;
            proven.push(ReceiptEntry { index, leaf, proof: path });
        }
        let receipt = Receipt {
            format: RECEIPT_FORMAT.to_owned(),
            subject: subject.to_owned(),
            checkpoint: checkpoint.to_owned(),
            entries: proven,
            answer: None,
        };
        receipt.check_shape()?;
        Ok(receipt)
    }

    /// Reads a receipt's file without believing it.
    ///
    /// # Errors
    /// `TooLarge`, `Form`, `Format`, and the limits on subject and entries.
    pub fn parse(json: &[u8]) -> Result<Self, ReceiptError> {
        if json.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge { bytes: json.len() });
        }
        let receipt: Receipt = serde_json::from_slice(json)
            .map_err(|error| ReceiptError::Form { reason: error.to_string() })?;
        receipt.check_shape()?;
        Ok(receipt)
    }

    /// The receipt's file: indented JSON and a final newline.
    ///
    /// # Errors
    /// `Form` when the JSON writer refuses, which plain text and numbers give no reason for.
    pub fn to_json(&self) -> Result<String, ReceiptError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| ReceiptError::Form { reason: error.to_string() })?;
        Ok(text + "\n")
    }

    /// Checks everything, for a log whose origin is the key's name, as it is for every log of
    /// Cocarde.
    ///
    /// # Errors
    /// See [`verify_origin`](Self::verify_origin).
    pub fn verify(&self, key: &VerifierKey) -> Result<VerifiedReceipt, ReceiptError> {
        self.verify_origin(key, key.name())
    }

    /// Checks everything: format, checkpoint signature and origin, and each entry's proof.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_origin(
        &self,
        key: &VerifierKey,
        origin: &str,
    ) -> Result<VerifiedReceipt, ReceiptError> {
        self.check_shape()?;
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key, origin)?;
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let ReceiptEntry { index, leaf, proof } = entry;
            proof::verify_inclusion(&checkpoint.head(), *index, &leaf_hash(leaf), proof)
                .map_err(|source| ReceiptError::Proof { index: *index, source })?;
            entries.push(VerifiedEntry { index: *index, leaf: leaf.clone() });
        }
        Ok(VerifiedReceipt { checkpoint, subject: self.subject.clone(), entries })
    }

    /// What the known witnesses say of the receipt's checkpoint. It stands beside
    /// [`verify`](Self::verify), which checks the log's own signature.
    ///
    /// # Errors
    /// `Checkpoint` if that is not a note.
    pub fn tally(&self, quorum: &Quorum) -> Result<Tally, ReceiptError> {
        let note = SignedNote::parse(self.checkpoint.as_bytes()).map_err(CheckpointError::from)?;
        Ok(quorum.tally(&note))
    }

    /// The same proof of one entry (by its place in this receipt) as a C2SP `.tlog-proof` text,
    /// for tools that do not know receipts. The entry's bytes are in its `extra` line.
    #[must_use]
    pub fn tlog_proof(&self, place: usize) -> Option<TlogProof> {
        let entry = self.entries.get(place)?;
        Some(TlogProof {
            index: entry.index,
            path: entry.proof.clone(),
            checkpoint: self.checkpoint.clone(),
            extra: Some(entry.leaf.clone()),
        })
    }

    fn check_shape(&self) -> Result<(), ReceiptError> {
        if self.format != RECEIPT_FORMAT {
            return Err(ReceiptError::Format { found: self.format.chars().take(100).collect() });
        }
        if self.subject.len() > RECEIPT_SUBJECT_BYTES_MAX {
            return Err(ReceiptError::Subject { bytes: self.subject.len() });
        }
        let count = self.entries.len();
        if count == 0 || count > RECEIPT_ENTRIES_MAX {
            return Err(ReceiptError::EntryCount { count });
        }
        let mut previous = None;
        for entry in &self.entries {
            let index = entry.index;
            if previous.is_some_and(|previous| previous >= index) {
                return Err(ReceiptError::Order { index });
            }
            if entry.leaf.len() > MAX_ENTRY_BYTES {
                return Err(ReceiptError::EntryTooLarge { index, bytes: entry.leaf.len() });
            }
            if entry.proof.len() > MAX_PROOF_HASHES {
                let source = ProofError::WrongLength { found: entry.proof.len() };
                return Err(ReceiptError::Proof { index, source });
            }
            previous = Some(index);
        }
        self.answer.as_ref().map_or(Ok(()), InnerLeaf::check_shape)
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| serde::de::Error::custom("a leaf is standard base64"))
}

#[cfg(test)]
mod tests;
