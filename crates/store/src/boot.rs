//! From what is stored to what is in memory: the one path for a start and for every doubt later.
//! Every leaf is hashed and the root compared with the last signed checkpoint; the state is folded
//! from the newest sealed snapshot on. A log that does not fit its checkpoint is never repaired.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kernel::{Entry, State};
use ledger::{Checkpoint, Hash, SigningKey, Tree, leaf_hash};

use crate::log_store::{Head, LogStore, Row, StoreError};
use crate::seal::{self, Seal};

/// Leaves per step: few enough that a chunk, parsed and not, stays in a core's cache.
const CHUNK_ROWS: usize = 128;

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
    /// An entry is as it was signed, but this program cannot read it.
    #[error(
        "entry {seq} was written by another version ({reason}): use that version or a newer one"
    )]
    OtherVersion {
        /// The entry.
        seq: u64,
        /// What cannot be read.
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
    if let Some((seq, reason)) = fold.unreadable.take() {
        return Err(BootError::OtherVersion { seq, reason });
    }
    if let Some(reason) = fold.seal_mismatch {
        // The log fits its checkpoint, so the snapshot is what is wrong: fold again without it.
        ignored = Some(reason);
        fold = Fold::new(None);
        fold.run(store, head.size)?;
        if let Some((seq, reason)) = fold.unreadable.take() {
            return Err(BootError::OtherVersion { seq, reason });
        }
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
struct Chunk {
    items: Vec<(Hash, Option<Entry>)>,
    // The first entry that is not one. Hashing goes on: the root tells whether it was changed.
    unreadable: Option<(u64, String)>,
}

type Parsed = Result<Chunk, BootError>;

struct Fold {
    state: State,
    tree: Tree,
    seal: Option<Seal>,
    seal_mismatch: Option<String>,
    unreadable: Option<(u64, String)>,
    n_folded: u64,
}

impl Fold {
    fn new(snapshot: Option<(Seal, State)>) -> Self {
        let (seal, state) =
            snapshot.map_or_else(|| (None, State::default()), |(seal, state)| (Some(seal), state));
        let tree = Tree::new();
        Self { state, tree, seal, seal_mismatch: None, unreadable: None, n_folded: 0 }
    }

    /// Workers take turns to read a chunk, hash and parse it; this thread folds in order. Rows are
    /// freed by who has read them, which is much cheaper than handing them on.
    fn run(&mut self, store: &mut dyn LogStore, size: u64) -> Result<(), BootError> {
        let first_folded = self.state.size;
        let n_workers = thread::available_parallelism().map_or(1, |n| n.get().clamp(1, 4));
        let source = Source::new(store, size, n_workers);
        thread::scope(|scope| {
            let mut outputs = Vec::with_capacity(n_workers);
            for number in 0..n_workers {
                let (parsed_in, parsed) = sync_channel::<Parsed>(CHUNKS_WAITING);
                let source = &source;
                scope.spawn(move || source.work(number, first_folded, &parsed_in));
                outputs.push(parsed);
            }
            // Dropping the outputs ends the workers should the fold stop early.
            self.take_all(&outputs)
        })
    }

    fn take_all(&mut self, outputs: &[Receiver<Parsed>]) -> Result<(), BootError> {
        for output in outputs.iter().cycle() {
            let Ok(chunk) = output.recv() else { return Ok(()) };
            let chunk = chunk?;
            self.unreadable = self.unreadable.take().or(chunk.unreadable);
            for (hash, entry) in chunk.items {
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

/// The log as its readers share it: worker `i` of `n` reads every `n`-th chunk.
struct Source<'a> {
    reading: Mutex<Reading<'a>>,
    turned: Condvar,
    size: u64,
    n_workers: usize,
}

struct Reading<'a> {
    store: &'a mut dyn LogStore,
    next_seq: u64,
    turn: usize,
    ended: bool,
}

impl<'a> Source<'a> {
    fn new(store: &'a mut dyn LogStore, size: u64, n_workers: usize) -> Self {
        let reading = Mutex::new(Reading { store, next_seq: 0, turn: 0, ended: false });
        Self { reading, turned: Condvar::new(), size, n_workers }
    }

    /// Reads, parses and hands on chunks until the log ends, fails, or nobody takes them.
    fn work(&self, number: usize, first_folded: u64, parsed: &SyncSender<Parsed>) {
        while let Some(rows) = self.next(number).transpose() {
            let chunk = rows.map(|rows| parse_all(&rows, first_folded));
            let is_over = chunk.is_err();
            if parsed.send(chunk).is_err() || is_over {
                break;
            }
        }
        // The others must not wait for a turn that never comes.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.turned.notify_all();
    }

    fn next(&self, number: usize) -> Result<Option<Vec<Row>>, BootError> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        while reading.turn != number && !reading.ended {
            reading = self.turned.wait(reading).unwrap_or_else(PoisonError::into_inner);
        }
        if reading.ended || reading.next_seq >= self.size {
            return Ok(None);
        }
        let rows = reading.read(self.size)?;
        reading.turn = number.saturating_add(1).checked_rem(self.n_workers).unwrap_or(0);
        self.turned.notify_all();
        Ok(Some(rows))
    }
}

impl Reading<'_> {
    fn read(&mut self, size: u64) -> Result<Vec<Row>, BootError> {
        let left = usize::try_from(size.saturating_sub(self.next_seq)).unwrap_or(usize::MAX);
        let rows = self.store.read(self.next_seq, CHUNK_ROWS.min(left))?;
        let corrupt = |seq, reason| Err(BootError::LogCorrupt { seq, reason });
        if rows.is_empty() {
            let reason = format!("the log ends here, but {size} entries are due");
            return corrupt(self.next_seq, reason);
        }
        for row in &rows {
            if row.seq != self.next_seq {
                let reason = format!("entry {} follows where {} is due", row.seq, self.next_seq);
                return corrupt(self.next_seq, reason);
            }
            self.next_seq = self.next_seq.saturating_add(1);
        }
        Ok(rows)
    }
}

fn parse_all(rows: &[Row], first_folded: u64) -> Chunk {
    let mut chunk = Chunk { items: Vec::with_capacity(rows.len()), unreadable: None };
    for row in rows {
        let hash = leaf_hash(&row.leaf);
        let mut entry = None;
        if row.seq >= first_folded {
            match Entry::from_leaf(&row.leaf) {
                Ok(found) => entry = Some(found),
                Err(error) => {
                    chunk.unreadable.get_or_insert((row.seq, error.to_string()));
                }
            }
        }
        chunk.items.push((hash, entry));
    }
    chunk
}
