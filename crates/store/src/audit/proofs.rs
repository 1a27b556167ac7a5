//! Proof files checked offline: receipts and `.tlog-proof` files, and a tenant's exported entries. Nothing is
//! asked of anybody; the verifier key and the witnesses' keys are all that is believed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use ledger::cosignature::{Quorum, Tally};
use ledger::receipt::{ReceiptEntry, TLOG_PROOF_HEADER, TlogProof, VerifiedEntry};
use ledger::{
    Checkpoint, CheckpointError, Receipt, ReceiptError, SignedNote, TreeHead, VerifierKey,
    leaf_hash, proof,
};
use serde::{Deserialize, Serialize};

use super::answer::{self, ProvenAnswer};
use crate::folder::read_small;

/// Value of the field `format` of an export's manifest.
pub const EVENTS_FORMAT: &str = "cocarde-events/v1";
/// Files of an export.
pub const EVENTS_MANIFEST: &str = "manifest.json";
/// The checkpoint that an export's proofs lead to.
pub const EVENTS_CHECKPOINT: &str = "checkpoint";
/// The entries of an export, one JSON object a line.
pub const EVENTS_ENTRIES: &str = "entries.jsonl";

/// Longest line of an export: an entry in base64 and 65 hashes.
const LINE_BYTES_MAX: u64 = 128 << 10;

/// What a proof file was found to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The signed checkpoint.
    pub checkpoint: Checkpoint,
    /// The label of a receipt, not proven.
    pub subject: Option<String>,
    /// The proven entries.
    pub entries: Vec<VerifiedEntry>,
    /// The answer of a model that the receipt is of.
    pub answer: Option<ProvenAnswer>,
    /// What the trusted witnesses say of the checkpoint.
    pub tally: Tally,
}

/// Checks a receipt (JSON) or a `.tlog-proof` that carries its entry.
///
/// # Errors
/// The first thing that does not hold. Whether enough witnesses agree is in the answer.
pub fn verify_proof(
    bytes: &[u8],
    key: &VerifierKey,
    quorum: &Quorum,
) -> Result<Proven, ReceiptError> {
    if !bytes.starts_with(TLOG_PROOF_HEADER.as_bytes()) {
        let receipt = Receipt::parse(bytes)?;
        let verified = receipt.verify(key)?;
        let (subject, entries) = (Some(verified.subject), verified.entries);
        let tally = receipt.tally(quorum)?;
        let answer = receipt.answer.as_ref().map(|inner| answer::prove(&entries, inner));
        let answer = answer.transpose()?;
        return Ok(Proven { checkpoint: verified.checkpoint, subject, entries, answer, tally });
    }
    let form = |reason: &str| ReceiptError::Form { reason: reason.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| form("it is not text"))?;
    let proof: TlogProof = text.parse()?;
    let (checkpoint, leaf) = proof.verify_carried(key, key.name())?;
    let entries = vec![VerifiedEntry { index: proof.index, leaf: leaf.to_vec() }];
    let note = SignedNote::parse(proof.checkpoint.as_bytes()).map_err(CheckpointError::from)?;
    let tally = quorum.tally(&note);
    Ok(Proven { checkpoint, subject: None, entries, answer: None, tally })
}

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsManifest {
    /// [`EVENTS_FORMAT`].
    pub format: String,
    /// The log's name.
    pub origin: String,
    /// Id of the organisation or project.
    pub owner: String,
    /// Entries of the checkpoint: everything before this was looked at.
    pub size: u64,
    /// Entries of the tenant among them.
    pub count: u64,
}

/// What an export was found to prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventsReport {
    /// The manifest.
    pub manifest: EventsManifest,
    /// Positions proven, ascending.
    #[serde(skip)]
    pub indices: Vec<u64>,
    /// Cosignatures of trusted witnesses on the checkpoint.
    pub cosignatures: usize,
    /// True if they are a quorum.
    pub is_final: bool,
}

/// Why an export proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line, or what the manifest says.
    #[error("line {line} of `entries.jsonl`: {reason}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What does not hold.
        reason: String,
    },
    /// The manifest does not fit the files beside it.
    #[error("the manifest says {what}, the files say otherwise: {found}")]
    Manifest {
        /// What it says.
        what: String,
        /// What was found.
        found: String,
    },
}

/// Checks a tenant's export: the checkpoint's signature, and that each entry is in the log, once and in order.
///
/// # Errors
/// The first thing that does not hold. That no entry is missing only somebody with the whole log can say:
/// compare the positions with a census of it.
pub fn verify_events(
    dir: &Path,
    key: &VerifierKey,
    quorum: &Quorum,
) -> Result<EventsReport, EventsError> {
    let unreadable =
        |name: &str, reason: String| EventsError::Unreadable { path: dir.join(name), reason };
    let small = |name: &str| {
        read_small(&dir.join(name)).map_err(|error| unreadable(name, error.to_string()))
    };
    let manifest: EventsManifest = serde_json::from_slice(&small(EVENTS_MANIFEST)?)
        .map_err(|error| unreadable(EVENTS_MANIFEST, error.to_string()))?;
    let note = small(EVENTS_CHECKPOINT)?;
    let checkpoint = Checkpoint::open(&note, key, key.name())?;
    let said = |what: String, found: String| Err(EventsError::Manifest { what, found });
    if manifest.format != EVENTS_FORMAT {
        return said(format!("format `{}`", manifest.format), EVENTS_FORMAT.to_owned());
    }
    if manifest.origin != checkpoint.origin() || manifest.size != checkpoint.size() {
        let what = format!("log `{}` of {} entries", manifest.origin, manifest.size);
        return said(what, format!("`{}` of {}", checkpoint.origin(), checkpoint.size()));
    }
    let file = File::open(dir.join(EVENTS_ENTRIES));
    let file = file.map_err(|error| unreadable(EVENTS_ENTRIES, error.to_string()))?;
    let indices = read_lines(BufReader::new(file), &checkpoint.head())?;
    if u64::try_from(indices.len()) != Ok(manifest.count) {
        return said(format!("{} entries", manifest.count), format!("{}", indices.len()));
    }
    let note = SignedNote::parse(&note).map_err(CheckpointError::from)?;
    let tally = quorum.tally(&note);
    let (cosignatures, is_final) = (tally.cosignatures.len(), tally.is_final());
    Ok(EventsReport { manifest, indices, cosignatures, is_final })
}

fn read_lines(mut reader: BufReader<File>, head: &TreeHead) -> Result<Vec<u64>, EventsError> {
    let mut indices: Vec<u64> = Vec::new();
    let mut line = 0_u64;
    loop {
        line = line.saturating_add(1);
        let wrong = |reason: String| EventsError::Line { line, reason };
        let text = next_line(&mut reader).map_err(|error| wrong(error.to_string()))?;
        let Some(text) = text else { return Ok(indices) };
        let entry: ReceiptEntry =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if indices.last().is_some_and(|last| *last >= entry.index) {
            return Err(wrong(format!("entry {} is not after the one before", entry.index)));
        }
        proof::verify_inclusion(head, entry.index, &leaf_hash(&entry.leaf), &entry.proof)
            .map_err(|error| wrong(format!("entry {} is not proven: {error}", entry.index)))?;
        indices.push(entry.index);
    }
}

fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let n_read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
    match text.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(text)),
        Some(_) if u64::try_from(n_read).is_ok_and(|n| n < LINE_BYTES_MAX) => {
            Err(io::Error::other("it is cut short"))
        }
        Some(_) => Err(io::Error::other("it is too long")),
    }
}
