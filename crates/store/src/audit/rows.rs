//! One pass over all rows with three readers: this thread computes the Merkle root and checks the
//! checkpoints, one replays with the kernel's auditor, one compares columns and snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use kernel::audit::{Audit, Auditor};
use kernel::{Entry, State};
use ledger::{Checkpoint, SignedNote, TreeHead, Verifier, VerifierKey};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use units::{Digest, UnixMicros};

use super::witnessed::Witnessed;
use super::{List, seq_of};
use crate::log_store::StoreError;
use crate::seal;
use crate::sqlite::{failed, unsigned};

/// Rows handed on at a time (few enough to stay in a core's cache), and chunks that may wait.
const CHUNK_ROWS: usize = 128;
const CHUNKS_WAITING: usize = 4;

/// Findings of one kind that are listed.
const PER_SOURCE_MAX: usize = 500;

/// A row as it is, whatever that is.
struct RawRow {
    seq: u64,
    at: Option<i64>,
    kind: Vec<u8>,
    subject: Vec<u8>,
    leaf: Vec<u8>,
}

type Chunk = Arc<Vec<RawRow>>;

/// What a pass gives beside its findings.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) head: TreeHead,
    pub(super) checkpoints: u64,
    pub(super) placements: u64,
    pub(super) refusals: u64,
    pub(super) decisions: u64,
    pub(super) effects: u64,
    pub(super) effects_before_decisions: u64,
    pub(super) lacking: Vec<String>,
    pub(super) usage_entries: u64,
    pub(super) invoice_lines: u64,
    pub(super) state_hash: Digest,
    pub(super) snapshots: u64,
    pub(super) state: State,
}

impl Read {
    /// What the verifier and the replay found; the rest is empty.
    pub(super) fn of(
        report: &ledger::verify::Report,
        audit: Option<Audit>,
        list: &mut List,
    ) -> Self {
        take_findings(report, list);
        let mut read = Self {
            head: report.head,
            checkpoints: report.checkpoints_good,
            placements: 0,
            refusals: 0,
            decisions: 0,
            effects: 0,
            effects_before_decisions: 0,
            lacking: Vec::new(),
            usage_entries: 0,
            invoice_lines: 0,
            state_hash: Digest([0; 32]),
            snapshots: 0,
            state: State::default(),
        };
        match audit {
            Some(audit) => read.take_audit(audit, list),
            None => list.push(None, "the replay panicked: an entry cannot be folded"),
        }
        read
    }

    fn take_audit(&mut self, audit: Audit, list: &mut List) {
        self.placements = audit.placements;
        self.refusals = audit.refusals;
        self.decisions = audit.decisions;
        self.effects = audit.effects;
        self.effects_before_decisions = audit.effects_before_decisions;
        self.lacking = audit.lacking.iter().map(ToString::to_string).collect();
        self.usage_entries = audit.usage_entries;
        self.invoice_lines = audit.invoice_lines;
        self.state_hash = audit.state_hash;
        for finding in audit.findings.into_iter().take(PER_SOURCE_MAX) {
            list.push(Some(finding.seq), finding.message);
        }
    }
}

fn take_findings(report: &ledger::verify::Report, list: &mut List) {
    let findings = report.findings.as_slice();
    for finding in findings.iter().take(PER_SOURCE_MAX) {
        list.push(seq_of(finding), finding.to_string());
    }
    let left = findings.len().saturating_sub(PER_SOURCE_MAX);
    let left = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(report.findings.dropped());
    list.dropped = list.dropped.saturating_add(left);
    if report.unsigned_entries() > 0 && report.findings.is_empty() {
        list.push(Some(report.proven_size), "no checkpoint signs this entry and those after it");
    }
}

pub(super) fn read(
    connection: &Connection,
    snapshots: BTreeMap<u64, Vec<u8>>,
    (key, origin): (&VerifierKey, &str),
    witnessed: &mut Witnessed,
    list: &mut List,
) -> Read {
    let mut verifier = Verifier::new(key.clone(), origin);
    let (audit, columns) = thread::scope(|scope| {
        let (audit_in, audit_rows) = sync_channel::<Chunk>(CHUNKS_WAITING);
        let (columns_in, columns_rows) = sync_channel::<Chunk>(CHUNKS_WAITING);
        let auditor = scope.spawn(move || replay(&audit_rows));
        let columns = scope.spawn(move || Columns::new(key, snapshots).run(&columns_rows));
        let hand_on = |chunk: Vec<RawRow>| {
            let chunk = Arc::new(chunk);
            // A reader that has stopped has panicked; that is found when it is joined.
            let _ = audit_in.send(Arc::clone(&chunk));
            let _ = columns_in.send(chunk);
        };
        if let Err(error) = stream(connection, (&mut verifier, witnessed), list, hand_on) {
            list.push(None, format!("the database cannot be read to its end: {error}"));
        }
        drop((audit_in, columns_in));
        (auditor.join(), columns.join())
    });
    let mut read = Read::of(&verifier.finish(), audit.ok(), list);
    match columns {
        Ok(columns) => {
            list.join(columns.list);
            if columns.state.hash() != read.state_hash {
                list.push(None, "two replays of the same log gave different states");
            }
            read.snapshots = columns.n_compared;
            read.state = columns.state;
        }
        Err(_) => list.push(None, "the fold panicked: an entry cannot be folded"),
    }
    read
}

fn replay(rows: &Receiver<Chunk>) -> Audit {
    let mut auditor = Auditor::new();
    while let Ok(chunk) = rows.recv() {
        for row in chunk.iter() {
            auditor.feed(&row.leaf);
        }
    }
    auditor.finish()
}

/// Reads all rows in order, each checkpoint before the entry after it.
fn stream(
    connection: &Connection,
    (verifier, witnessed): (&mut Verifier, &mut Witnessed),
    list: &mut List,
    mut hand_on: impl FnMut(Vec<RawRow>),
) -> rusqlite::Result<()> {
    let mut checkpoints =
        connection.prepare("SELECT size, signed FROM checkpoint ORDER BY size")?;
    let mut checkpoints = checkpoints.query([])?;
    let mut next_checkpoint = next_signed(&mut checkpoints)?;
    let mut rows =
        connection.prepare("SELECT seq, at, kind, subject, leaf FROM log ORDER BY seq")?;
    let mut rows = rows.query([])?;
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    while let Some(row) = rows.next()? {
        let row = RawRow {
            seq: unsigned(row.get(0)?),
            at: row.get(1).ok(),
            kind: bytes(row.get_ref(2)?),
            subject: bytes(row.get_ref(3)?),
            leaf: bytes(row.get_ref(4)?),
        };
        while let Some((size, signed)) = next_checkpoint.take_if(|(size, _)| *size <= row.seq) {
            witnessed.give_until(verifier, size);
            give_checkpoint(verifier, list, size, &signed);
            next_checkpoint = next_signed(&mut checkpoints)?;
        }
        witnessed.give_until(verifier, row.seq);
        verifier.entry(row.seq, &row.leaf);
        if witnessed.wants_time(row.seq)
            && let Some(at) = row.at
        {
            witnessed.entry_time(row.seq, UnixMicros(at), list);
        }
        chunk.push(row);
        if chunk.len() >= CHUNK_ROWS {
            hand_on(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ROWS)));
        }
    }
    hand_on(chunk);
    while let Some((size, signed)) = next_checkpoint {
        witnessed.give_until(verifier, size);
        give_checkpoint(verifier, list, size, &signed);
        next_checkpoint = next_signed(&mut checkpoints)?;
    }
    witnessed.give_until(verifier, u64::MAX);
    Ok(())
}

fn next_signed(rows: &mut rusqlite::Rows<'_>) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((unsigned(row.get(0)?), bytes(row.get_ref(1)?))))
}

fn give_checkpoint(verifier: &mut Verifier, list: &mut List, size: u64, signed: &[u8]) {
    verifier.checkpoint(signed);
    // What is malformed or wrongly signed the verifier reports; here only the column matters.
    let says =
        SignedNote::parse(signed).ok().and_then(|note| note.text().parse::<Checkpoint>().ok());
    if let Some(checkpoint) = says
        && checkpoint.size() != size
    {
        let found = checkpoint.size();
        list.push(Some(size), format!("the checkpoint stored for size {size} is for {found}"));
    }
}

fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        // Another type never equals what is expected of a text.
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    }
}

/// Snapshots that an earlier version left in the database.
pub(super) fn snapshots(connection: &Connection, list: &mut List) -> BTreeMap<u64, Vec<u8>> {
    let read = || -> rusqlite::Result<BTreeMap<u64, Vec<u8>>> {
        let mut statement = connection.prepare("SELECT seq, state FROM snapshot ORDER BY seq")?;
        statement
            .query_map([], |row| Ok((unsigned(row.get(0)?), bytes(row.get_ref(1)?))))?
            .collect()
    };
    read().unwrap_or_else(|error| {
        list.push(None, format!("the snapshots cannot be read: {error}"));
        BTreeMap::new()
    })
}

/// Compares what each row says of its leaf, and each snapshot with the fold at its position.
struct Columns<'a> {
    key: &'a VerifierKey,
    snapshots: BTreeMap<u64, Vec<u8>>,
    state: State,
    n_compared: u64,
    list: List,
}

impl<'a> Columns<'a> {
    fn new(key: &'a VerifierKey, snapshots: BTreeMap<u64, Vec<u8>>) -> Self {
        Self { key, snapshots, state: State::default(), n_compared: 0, list: List::default() }
    }

    fn run(mut self, rows: &Receiver<Chunk>) -> Self {
        while let Ok(chunk) = rows.recv() {
            for row in chunk.iter() {
                self.row(row);
            }
        }
        for seq in std::mem::take(&mut self.snapshots).into_keys() {
            self.list.push(Some(seq), format!("a snapshot of entry {seq} lies beyond the log"));
        }
        self
    }

    fn row(&mut self, row: &RawRow) {
        match Entry::from_leaf(&row.leaf) {
            Ok(entry) => {
                self.compare(row, &entry);
                self.state.apply(&entry);
            }
            // The replay reports it; the position is taken all the same.
            Err(_) => self.state.size = self.state.size.saturating_add(1),
        }
        if let Some(sealed) = self.snapshots.remove(&self.state.size) {
            self.compare_snapshot(&sealed);
        }
    }

    fn compare(&mut self, row: &RawRow, entry: &Entry) {
        let mut differs = |column: &str| {
            self.list.push(Some(row.seq), format!("column `{column}` is not what the leaf says"));
        };
        if row.at != Some(entry.at.0) {
            differs("at");
        }
        if row.kind != entry.event.kind().as_bytes() {
            differs("kind");
        }
        if row.subject != entry.event.subject().to_string().as_bytes() {
            differs("subject");
        }
    }

    fn compare_snapshot(&mut self, sealed: &[u8]) {
        let seq = self.state.size;
        match seal::open(self.key, seq, sealed) {
            Err(error) => self.list.push(Some(seq), error.to_string()),
            Ok((_, state)) => {
                let replayed = self.state.to_snapshot().unwrap_or_default();
                if replayed == state {
                    self.n_compared = self.n_compared.saturating_add(1);
                } else if State::from_snapshot(state).is_ok() {
                    let message = "the snapshot is not the state that the log gives";
                    self.list.push(Some(seq), message);
                }
                // A sealed state of another version has another shape and proves nothing here.
            }
        }
    }
}

/// Folds all rows and nothing else.
pub(super) fn fold(connection: &Connection) -> Result<State, StoreError> {
    let action = "replay the log";
    let run = || -> rusqlite::Result<Result<State, (u64, String)>> {
        let mut state = State::default();
        let mut statement = connection.prepare("SELECT leaf FROM log ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match Entry::from_leaf(&bytes(row.get_ref(0)?)) {
                Ok(entry) => state.apply(&entry),
                Err(error) => return Ok(Err((state.size, error.to_string()))),
            }
        }
        Ok(Ok(state))
    };
    let folded = run().map_err(|error| failed(action, &error))?;
    folded.map_err(|(seq, reason)| StoreError::Failed {
        action,
        reason: format!("entry {seq} is {reason}"),
    })
}

/// Shows every leaf in order; answers how many there are.
pub(super) fn leaves(
    connection: &Connection,
    mut each: impl FnMut(&[u8]),
) -> Result<u64, StoreError> {
    let mut run = || -> rusqlite::Result<u64> {
        let mut statement = connection.prepare("SELECT leaf FROM log ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut count = 0_u64;
        while let Some(row) = rows.next()? {
            each(&bytes(row.get_ref(0)?));
            count = count.saturating_add(1);
        }
        Ok(count)
    };
    run().map_err(|error| failed("read the log", &error))
}
