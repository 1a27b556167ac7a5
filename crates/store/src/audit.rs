//! The offline audit of a data folder or a copy of one: reads only, believes nothing. It computes
//! the Merkle root again, checks every signed checkpoint, every column, every snapshot, and replays
//! the log against the policy then in force. It never repairs, and lists all that it finds.
//!
//! What no audit of one copy can find: a log cut short together with its later checkpoints and
//! snapshots. That takes a checkpoint kept elsewhere.

mod answer;
mod blobs;
mod database;
mod follow;
mod proofs;
mod rows;
mod source;
mod witnessed;

pub use answer::{ANSWER_FORMAT, AnswerLeaf, ProvenAnswer};
pub(crate) use database::open as open_database;
pub use follow::follow;
pub use proofs::{
    EVENTS_CHECKPOINT, EVENTS_ENTRIES, EVENTS_FORMAT, EVENTS_MANIFEST, EventsError, EventsManifest,
    EventsReport, Proven, verify_events, verify_proof,
};
pub use source::{CHECKPOINT_PATH, FINAL_PATH, LogSource, Mirror, SourceError, TILE_BYTES_MAX};

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use kernel::State;
use ledger::cosignature::Quorum;
use ledger::tile::{decode_bundle, entry_bundles};
use ledger::{
    Finding as LedgerFinding, Hash, Receipt, ReceiptError, TreeHead, VerifiedReceipt, VerifierKey,
};
use serde::Serialize;
use units::Digest;

use crate::finality::FINAL_FILE;
use crate::folder::{self, FolderError};
use crate::log_store::StoreError;
use crate::snapshots::SnapshotFiles;
use witnessed::{Origin, Witnessed};

/// Most findings that a report lists; the rest is counted.
pub const FINDINGS_MAX: usize = 2_000;

/// What to check beyond the log.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also read every blob that a dataset or model version lists.
    pub blobs: bool,
    /// The verifier key, if the auditor has it from elsewhere; the folder's own otherwise.
    pub key: Option<VerifierKey>,
    /// Checkpoints that the auditor has from before or from others: the log must extend each of them.
    pub checkpoints: Vec<Vec<u8>>,
    /// Witnesses that the auditor trusts, and how many must agree.
    pub quorum: Quorum,
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
    /// Usage entries from which the bill was made again.
    pub usage_entries: u64,
    /// Invoice lines that were recomputed from them.
    pub invoice_lines: u64,
    /// Entries of the newest checkpoint with a quorum of the trusted witnesses, if there is one.
    pub final_size: Option<u64>,
    /// Cosignatures on it that hold.
    pub cosignatures: u64,
    /// Entries whose time was compared with that of witnesses.
    pub clock_checks: u64,
    /// Hash tiles made again and compared, for a log that is served.
    pub tiles: Option<u64>,
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

    fn of(origin: &str, read: &rows::Read, mut list: List, started: Instant) -> Self {
        list.found.sort_by_key(|finding| finding.seq.unwrap_or(u64::MAX));
        Self {
            origin: origin.to_owned(),
            entries: read.head.size,
            root: read.head.root,
            checkpoints: read.checkpoints,
            placements: read.placements,
            refusals: read.refusals,
            decisions: read.decisions,
            effects: read.effects,
            effects_before_decisions: read.effects_before_decisions,
            lacking: read.lacking.clone(),
            usage_entries: read.usage_entries,
            invoice_lines: read.invoice_lines,
            final_size: None,
            cosignatures: 0,
            clock_checks: 0,
            tiles: None,
            state_hash: read.state_hash,
            snapshots: read.snapshots,
            blobs: None,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            findings: list.found,
            findings_dropped: list.dropped,
        }
    }

    fn with(mut self, witnessed: &Witnessed) -> Self {
        self.final_size = witnessed.final_size;
        self.cosignatures = witnessed.cosignatures;
        self.clock_checks = witnessed.clock_checks;
        self
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
    /// A served log cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing says whose log it is.
    #[error(
        "the log's verifier key is not known: give it, from a source that is not the log itself"
    )]
    NoKey,
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
    let witnessed = &mut kept(dir, (&key, &options.quorum), &options.checkpoints, &mut list);
    let read = rows::read(&connection, snapshots, (&key, &format.origin), witnessed, &mut list);
    let blobs = options
        .blobs
        .then(|| blobs::check(&dir.join(folder::BLOBS_FOLDER), &read.state, &mut list));
    let report = AuditReport::of(&format.origin, &read, list, started).with(witnessed);
    Ok(AuditReport { blobs, ..report })
}

/// The checkpoints outside of the log: those that were given, and the final one beside it.
fn kept(
    dir: &Path,
    trust: (&VerifierKey, &Quorum),
    given: &[Vec<u8>],
    list: &mut List,
) -> Witnessed {
    let mut witnessed = Witnessed::default();
    for note in given {
        witnessed.take(note, Origin::Earlier, trust, list);
    }
    let file = dir.join(FINAL_FILE);
    match folder::read_small(&file) {
        Ok(note) => witnessed.take(&note, Origin::Final, trust, list),
        Err(_) if !file.exists() && trust.1.needed() == 0 => {}
        Err(_) if !file.exists() => {
            list.push(
                None,
                "there is no final checkpoint: no quorum of witnesses has seen this log",
            );
        }
        Err(error) => list.push(None, error.to_string()),
    }
    witnessed
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

/// Shows every leaf of a data folder or mirror in order, as stored and unchecked; for a census.
///
/// # Errors
/// If the folder cannot be read to its end.
pub fn leaves(dir: &Path, mut each: impl FnMut(&[u8])) -> Result<u64, AuditError> {
    if !Mirror::is_one(dir) {
        folder::read_format(dir)?;
        return Ok(rows::leaves(&database::open(dir)?, each)?);
    }
    let mirror = Mirror::new(dir, None);
    let missing =
        |path: &str, reason: &str| SourceError { path: path.to_owned(), reason: reason.to_owned() };
    let note = mirror.get(CHECKPOINT_PATH)?.ok_or_else(|| missing(CHECKPOINT_PATH, "missing"))?;
    let said = String::from_utf8_lossy(&note);
    let size = said.lines().nth(1).and_then(|line| line.parse().ok());
    let size = size.ok_or_else(|| missing(CHECKPOINT_PATH, "not a checkpoint"))?;
    for tile in entry_bundles(0, size) {
        let path = tile.to_string();
        let bytes = mirror.get(&path)?.ok_or_else(|| missing(&path, "missing"))?;
        let entries = decode_bundle(&tile, &bytes).map_err(|e| missing(&path, &e.to_string()))?;
        entries.into_iter().for_each(&mut each);
    }
    Ok(size)
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
