//! From what is stored to what is in memory: the one path for a start and for every doubt later.
//! Every leaf is hashed and the root compared with the last signed checkpoint; the state is folded
//! from the newest sealed snapshot on. A log that does not fit its checkpoint is never repaired.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use kernel::{Entry, State};
use ledger::{Checkpoint, Hash, SigningKey, Tree, leaf_hash};

use crate::log_store::{Head, LogStore, Row, StoreError};
use crate::seal::{self, Seal};

/// Leaves per step of the pipeline.
const CHUNK_ROWS: usize = 1_024;

/// Chunks between two stages: enough to keep both busy, small enough to bound memory.
const CHUNKS_WAITING: usize = 4;

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootReport {
    /// Entries in the log, all of them hashed and compared with the checkpoint.
    pub entries: u64,
    /// Entries folded, which are those after the snapshot.
    pub folded: u64,
    /// Position of the snapshot that was used.
    pub snapshot: Option<u64>,
    /// Why a stored snapshot was not used. An audit says more.
    pub snapshot_ignored: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why a log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not as it was signed.
    #[error(
        "the log is corrupt at entry {seq}: {reason}; restore from a backup, or run `cocarde audit verify` to list everything"
    )]
    LogCorrupt {
        /// The first entry known to be wrong, or the size at which the root is.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Everything in memory that follows from the log.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    pub(crate) state: State,
    pub(crate) tree: Tree,
    pub(crate) head: Head,
    pub(crate) report: BootReport,
}

/// Reads the whole log and rebuilds everything from it.
pub(crate) fn rebuild(store: &mut dyn LogStore, key: &SigningKey) -> Result<Rebuilt, BootError> {
    let started = Instant::now();
    let head = store.head()?;
    let root = signed_root(&head, key)?;
    let mut ignored = None;
    let snapshot = match load_snapshot(store, key, &head) {
        Ok(found) => found,
        Err(LoadError::Store(error)) => return Err(error.into()),
        Err(LoadError::Unusable(reason)) => {
            ignored = Some(reason);
            None
        }
    };
    let snapshot_seq = snapshot.as_ref().map(|(seal, _)| seal.seq);
    let mut fold = Fold::new(snapshot);
    fold.run(store, head.size)?;
    if fold.tree.root() != root {
        let reason = "the entries are not those that the last checkpoint signs".to_owned();
        return Err(BootError::LogCorrupt { seq: head.size, reason });
    }
    if let Some(reason) = fold.seal_mismatch {
        // The log fits its checkpoint, so the snapshot is what is wrong: fold again without it.
        ignored = Some(reason);
        fold = Fold::new(None);
        fold.run(store, head.size)?;
    }
    if let Some(reason) = &ignored {
        tracing::warn!(store.snapshot_ignored = %reason, "the snapshot is not used: {reason}");
    }
    let report = BootReport {
        entries: head.size,
        folded: fold.n_folded,
        snapshot: snapshot_seq.filter(|_| ignored.is_none()),
        snapshot_ignored: ignored,
        took: started.elapsed(),
    };
    Ok(Rebuilt { state: fold.state, tree: fold.tree, head, report })
}

/// The root that the last checkpoint signs, which must be of exactly this size.
fn signed_root(head: &Head, key: &SigningKey) -> Result<Hash, BootError> {
    let corrupt = |reason: String| BootError::LogCorrupt { seq: head.size, reason };
    let Some(signed) = &head.checkpoint else {
        if head.size == 0 {
            return Ok(ledger::EMPTY_ROOT);
        }
        return Err(corrupt("no checkpoint signs its entries".to_owned()));
    };
    let checkpoint = Checkpoint::open(signed.as_bytes(), key.verifier(), key.name())
        .map_err(|error| corrupt(format!("the last checkpoint is refused: {error}")))?;
    if checkpoint.size() != head.size {
        let size = checkpoint.size();
        return Err(corrupt(format!("the last checkpoint signs {size} entries")));
    }
    Ok(checkpoint.root())
}

enum LoadError {
    Store(StoreError),
    Unusable(String),
}

fn load_snapshot(
    store: &mut dyn LogStore,
    key: &SigningKey,
    head: &Head,
) -> Result<Option<(Seal, State)>, LoadError> {
    let Some(snapshot) = store.latest_snapshot().map_err(LoadError::Store)? else {
        return Ok(None);
    };
    let (seal, bytes) = seal::open(key.verifier(), snapshot.seq, &snapshot.bytes)
        .map_err(|error| LoadError::Unusable(error.to_string()))?;
    let state = State::from_snapshot(bytes)
        .map_err(|error| LoadError::Unusable(format!("it is of another version: {error}")))?;
    if seal.seq > head.size || state.size != seal.seq {
        return Err(LoadError::Unusable("it is not of this log".to_owned()));
    }
    Ok(Some((seal, state)))
}

/// A chunk of rows after hashing and parsing; entries below the snapshot are not parsed.
type Parsed = Result<Vec<(Hash, Option<Entry>)>, BootError>;

struct Fold {
    state: State,
    tree: Tree,
    seal: Option<Seal>,
    seal_mismatch: Option<String>,
    n_folded: u64,
}

impl Fold {
    fn new(snapshot: Option<(Seal, State)>) -> Self {
        let (seal, state) =
            snapshot.map_or_else(|| (None, State::default()), |(seal, state)| (Some(seal), state));
        Self { state, tree: Tree::new(), seal, seal_mismatch: None, n_folded: 0 }
    }

    /// One thread reads, the others hash and parse in turn, this one folds in order.
    fn run(&mut self, store: &mut dyn LogStore, size: u64) -> Result<(), BootError> {
        let first_folded = self.state.size;
        let n_workers = thread::available_parallelism().map_or(1, |n| n.get().clamp(1, 4));
        thread::scope(|scope| {
            let mut inputs = Vec::new();
            let mut outputs = Vec::new();
            for _ in 0..n_workers {
                let (rows_in, rows) = sync_channel::<Vec<Row>>(CHUNKS_WAITING);
                let (parsed_in, parsed) = sync_channel::<Parsed>(CHUNKS_WAITING);
                scope.spawn(move || parse_all(&rows, &parsed_in, first_folded));
                inputs.push(rows_in);
                outputs.push(parsed);
            }
            let reader = scope.spawn(move || read_all(store, &inputs, size));
            let folded = self.take_all(&outputs);
            // Closing the outputs ends workers and reader should the fold have stopped early.
            drop(outputs);
            let read = reader.join().unwrap_or_else(|_| {
                Err(BootError::LogCorrupt { seq: size, reason: "the reader stopped".to_owned() })
            });
            folded.and(read)
        })
    }

    fn take_all(&mut self, outputs: &[Receiver<Parsed>]) -> Result<(), BootError> {
        for output in outputs.iter().cycle() {
            let Ok(chunk) = output.recv() else { return Ok(()) };
            for (hash, entry) in chunk? {
                self.take(hash, entry.as_ref());
            }
        }
        Ok(())
    }

    fn take(&mut self, hash: Hash, entry: Option<&Entry>) {
        self.tree.append(hash);
        if let Some(entry) = entry {
            self.state.apply(entry);
            self.n_folded = self.n_folded.saturating_add(1);
        }
        if let Some(seal) = &self.seal
            && seal.seq == self.tree.size()
            && seal.root != self.tree.root()
        {
            self.seal_mismatch = Some("it was taken of another log".to_owned());
        }
    }
}

fn read_all(
    store: &mut dyn LogStore,
    workers: &[SyncSender<Vec<Row>>],
    size: u64,
) -> Result<(), BootError> {
    let mut next = 0_u64;
    for worker in workers.iter().cycle() {
        if next >= size {
            break;
        }
        let left = usize::try_from(size.saturating_sub(next)).unwrap_or(usize::MAX);
        let rows = store.read(next, CHUNK_ROWS.min(left))?;
        if rows.is_empty() {
            let reason = format!("the log ends here, but {size} entries are due");
            return Err(BootError::LogCorrupt { seq: next, reason });
        }
        for row in &rows {
            if row.seq != next {
                let reason = format!("entry {} follows where {next} is due", row.seq);
                return Err(BootError::LogCorrupt { seq: next, reason });
            }
            next = next.saturating_add(1);
        }
        if worker.send(rows).is_err() {
            break;
        }
    }
    Ok(())
}

fn parse_all(rows: &Receiver<Vec<Row>>, parsed: &SyncSender<Parsed>, first_folded: u64) {
    while let Ok(chunk) = rows.recv() {
        let result = chunk.iter().map(|row| parse(row, first_folded)).collect::<Parsed>();
        if parsed.send(result).is_err() {
            return;
        }
    }
}

fn parse(row: &Row, first_folded: u64) -> Result<(Hash, Option<Entry>), BootError> {
    let hash = leaf_hash(&row.leaf);
    if row.seq < first_folded {
        return Ok((hash, None));
    }
    let entry = Entry::from_leaf(&row.leaf)
        .map_err(|error| BootError::LogCorrupt { seq: row.seq, reason: error.to_string() })?;
    Ok((hash, Some(entry)))
}
