//! The offline audit of a data folder or a copy of one: reads only, believes nothing. It computes
//! the Merkle root again, checks every signed checkpoint, every column, every snapshot, and replays
//! the log against the policy then in force. It never repairs, and lists all that it finds.
//!
//! What no audit of one copy can find: a log cut short together with its later checkpoints and
//! snapshots. That takes a checkpoint kept elsewhere.

mod blobs;
mod database;
mod rows;

pub(crate) use database::open as open_database;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use kernel::State;
use ledger::{
    Finding as LedgerFinding, Hash, Receipt, ReceiptError, TreeHead, VerifiedReceipt, VerifierKey,
};
use serde::Serialize;
use units::Digest;

use crate::folder::{self, FolderError};
use crate::log_store::StoreError;
use crate::snapshots::SnapshotFiles;

/// Most findings that a report lists; the rest is counted.
pub const FINDINGS_MAX: usize = 2_000;

/// What to check beyond the log.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also read every blob that a dataset or model version lists.
    pub blobs: bool,
    /// The verifier key, if the auditor has it from elsewhere; the folder's own otherwise.
    pub key: Option<VerifierKey>,
}

/// Something that a sound log does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry concerned, or the first of those concerned, if known.
    pub seq: Option<u64>,
    /// What is wrong.
    pub message: String,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// The log's name.
    pub origin: String,
    /// Entries read.
    pub entries: u64,
    /// Root computed from them.
    pub root: Hash,
    /// Checkpoints whose signature and root are right.
    pub checkpoints: u64,
    /// Placements checked against the policy then in force.
    pub placements: u64,
    /// Refusals on record.
    pub refusals: u64,
    /// Decisions and refusals asked again from what they were made from.
    pub decisions: u64,
    /// Placements, movements of data and minutes of inference that name decisions before them.
    pub effects: u64,
    /// The same in entries of versions that kept no decisions.
    pub effects_before_decisions: u64,
    /// Objects without a country, operating entity, controlling jurisdiction or owner.
    pub lacking: Vec<String>,
    /// Hash of the state that the log gives.
    pub state_hash: Digest,
    /// Snapshots compared with the state at their position.
    pub snapshots: u64,
    /// Blobs read, if asked for.
    pub blobs: Option<u64>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Everything found, in order of entries; at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    pub findings_dropped: u64,
}

impl AuditReport {
    /// True if nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Size and root, to compare with a checkpoint kept elsewhere.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.entries, root: self.root }
    }
}

/// Why there is nothing to audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database cannot even be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Audits a data folder, running or not, or a copy of one.
///
/// # Errors
/// Only if it cannot be opened; whatever is wrong inside is a finding.
pub fn verify(dir: &Path, options: &Options) -> Result<AuditReport, AuditError> {
    let started = Instant::now();
    let format = folder::read_format(dir)?;
    let key = match &options.key {
        Some(key) => key.clone(),
        None => folder::read_verifier(dir, &format)?,
    };
    // Before the log, which a running platform makes longer: a snapshot is never ahead of it.
    let files = SnapshotFiles::of(dir).all();
    let connection = database::open(dir)?;
    let mut list = List::default();
    database::check(&connection, &mut list);
    let mut snapshots = rows::snapshots(&connection, &mut list);
    snapshots.extend(files.unwrap_or_else(|error| {
        list.push(None, format!("the snapshots cannot be read: {error}"));
        BTreeMap::new()
    }));
    let read = rows::read(&connection, snapshots, (&key, &format.origin), &mut list);
    let blobs = options
        .blobs
        .then(|| blobs::check(&dir.join(folder::BLOBS_FOLDER), &read.state, &mut list));
    list.found.sort_by_key(|finding| finding.seq.unwrap_or(u64::MAX));
    Ok(AuditReport {
        origin: format.origin,
        entries: read.head.size,
        root: read.head.root,
        checkpoints: read.checkpoints,
        placements: read.placements,
        refusals: read.refusals,
        decisions: read.decisions,
        effects: read.effects,
        effects_before_decisions: read.effects_before_decisions,
        lacking: read.lacking,
        state_hash: read.state_hash,
        snapshots: read.snapshots,
        blobs,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        findings: list.found,
        findings_dropped: list.dropped,
    })
}

/// What a replay gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Entries folded.
    pub entries: u64,
    /// Hash of the state.
    pub state_hash: Digest,
}

/// Folds the whole log from its first entry, without snapshots and without checking more than that
/// every leaf can be read.
///
/// # Errors
/// If the folder or database cannot be read, or a leaf is not an entry.
pub fn replay(dir: &Path) -> Result<Replay, AuditError> {
    folder::read_format(dir)?;
    let connection = database::open(dir)?;
    let state: State = rows::fold(&connection)?;
    Ok(Replay { entries: state.size, state_hash: state.hash() })
}

/// Checks a receipt with nothing but the log's verifier key.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_receipt(json: &[u8], key: &VerifierKey) -> Result<VerifiedReceipt, ReceiptError> {
    Receipt::parse(json)?.verify(key)
}

/// Findings, bounded.
#[derive(Debug, Default)]
pub(crate) struct List {
    found: Vec<Finding>,
    dropped: u64,
}

impl List {
    pub(crate) fn push(&mut self, seq: Option<u64>, message: impl Into<String>) {
        if self.found.len() < FINDINGS_MAX {
            self.found.push(Finding { seq, message: message.into() });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.dropped = self.dropped.saturating_add(other.dropped);
        for finding in other.found {
            self.push(finding.seq, finding.message);
        }
    }
}

/// The entry that a finding of the ledger is about.
fn seq_of(finding: &LedgerFinding) -> Option<u64> {
    match finding {
        LedgerFinding::RootMismatch { good_size, .. } => Some(*good_size),
        LedgerFinding::EntriesMissing { entries, .. } => Some(*entries),
        LedgerFinding::IndexGap { expected, .. } => Some(*expected),
        LedgerFinding::EntryTooLarge { index, .. } => Some(*index),
        LedgerFinding::CheckpointOrder { size, .. }
        | LedgerFinding::CheckpointUnchecked { size } => Some(*size),
        LedgerFinding::CheckpointRefused { .. }
        | LedgerFinding::NothingSigned { .. }
        | LedgerFinding::TileUnreadable { .. }
        | LedgerFinding::TileMismatch { .. } => None,
    }
}
