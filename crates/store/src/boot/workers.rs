//! The replay on all cores. Each worker reads a chunk, hashes and parses it, and hands it in; who
//! hands in what is due next folds it, and whatever waits behind it. So an entry is mostly made and
//! freed by one thread, nobody waits for a turn, and a worker that the system interrupts delays the
//! others only once [`CHUNKS_WAITING`] chunks wait for its own.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::BootError;
use super::fold::{Chunk, Fold};
use crate::leaves::Leaves;
use crate::log_store::LogStore;

/// Leaves per step: few enough that a chunk, parsed and not, stays in a core's cache.
const CHUNK_ROWS: usize = 256;

/// Chunks that may wait for one before them: enough to keep all busy, small enough to bound memory.
const CHUNKS_WAITING: usize = 8;

/// Most workers: the fold and the reading are done by one at a time.
const WORKERS_MAX: usize = 4;

/// Folds the log's entries up to `size`; every leaf is hashed.
pub(super) fn run(fold: &mut Fold, store: &mut dyn LogStore, size: u64) -> Result<(), BootError> {
    let n_chunks = usize::try_from(size).unwrap_or(usize::MAX).div_ceil(CHUNK_ROWS);
    let n_cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let n_workers = n_cores.min(WORKERS_MAX).min(n_chunks);
    let first_folded = fold.state.size;
    let replay = Replay {
        reading: Mutex::new(Reading { store, next_seq: 0, next_chunk: 0 }),
        line: Mutex::new(Line::new(fold)),
        moved: Condvar::new(),
        size,
        first_folded,
    };
    thread::scope(|scope| {
        for _ in 1..n_workers {
            scope.spawn(|| replay.work());
        }
        replay.work();
    });
    let line = replay.line.into_inner().unwrap_or_else(PoisonError::into_inner);
    line.failed.map_or(Ok(()), Err)
}

/// What the workers share.
struct Replay<'a> {
    reading: Mutex<Reading<'a>>,
    line: Mutex<Line<'a>>,
    moved: Condvar,
    size: u64,
    first_folded: u64,
}

struct Reading<'a> {
    store: &'a mut dyn LogStore,
    next_seq: u64,
    next_chunk: u64,
}

/// Chunks that wait for those before them.
struct Line<'a> {
    // None while a worker folds.
    fold: Option<&'a mut Fold>,
    waiting: BTreeMap<u64, Chunk>,
    next_chunk: u64,
    failed: Option<BootError>,
    // Nothing more will be folded: a read failed, or a worker panicked.
    ended: bool,
}

impl<'a> Line<'a> {
    fn new(fold: &'a mut Fold) -> Self {
        let waiting = BTreeMap::new();
        Self { fold: Some(fold), waiting, next_chunk: 0, failed: None, ended: false }
    }

    /// The chunk that is due, with the fold that it belongs to, if both are here.
    fn due(&mut self) -> Option<(&'a mut Fold, Chunk)> {
        if !self.waiting.contains_key(&self.next_chunk) {
            return None;
        }
        let fold = self.fold.take()?;
        let chunk = self.waiting.remove(&self.next_chunk)?;
        self.next_chunk = self.next_chunk.saturating_add(1);
        Some((fold, chunk))
    }
}

/// Ends the others' waiting if its worker panics; the panic itself goes on when it is joined.
struct Alarm<'r, 'a>(&'r Replay<'a>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.line().ended = true;
            self.0.moved.notify_all();
        }
    }
}

impl<'a> Replay<'a> {
    /// Works until the log ends or something fails.
    fn work(&self) {
        let _alarm = Alarm(self);
        let mut leaves = Leaves::new();
        loop {
            match self.read(&mut leaves) {
                Ok(Some(number)) => {
                    let chunk = Chunk::new(&leaves, self.first_folded);
                    if !self.hand_in(number, chunk) {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    let mut line = self.line();
                    line.ended = true;
                    line.failed.get_or_insert(error);
                    self.moved.notify_all();
                    return;
                }
            }
        }
    }

    /// Reads the next chunk and answers its number; none at the end.
    fn read(&self, leaves: &mut Leaves) -> Result<Option<u64>, BootError> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.next_seq >= self.size {
            return Ok(None);
        }
        reading.read(self.size, leaves)?;
        let number = reading.next_chunk;
        reading.next_chunk = number.saturating_add(1);
        Ok(Some(number))
    }

    /// Hands in a chunk and folds all that is due; answers whether to go on.
    fn hand_in(&self, number: u64, chunk: Chunk) -> bool {
        let mut line = self.line();
        line.waiting.insert(number, chunk);
        while !line.ended {
            if let Some((fold, chunk)) = line.due() {
                drop(line);
                fold.take(chunk);
                line = self.line();
                line.fold = Some(fold);
                self.moved.notify_all();
            } else if line.waiting.len() < CHUNKS_WAITING {
                return true;
            } else {
                // What is due is with another worker, who never waits before handing it in.
                line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
        }
        false
    }

    fn line(&self) -> MutexGuard<'_, Line<'a>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    fn read(&mut self, size: u64, leaves: &mut Leaves) -> Result<(), BootError> {
        let left = usize::try_from(size.saturating_sub(self.next_seq)).unwrap_or(usize::MAX);
        let corrupt = |seq, reason| Err(BootError::LogCorrupt { seq, reason });
        self.store.read_leaves(self.next_seq, CHUNK_ROWS.min(left), leaves)?;
        if leaves.is_empty() {
            let reason = format!("the log ends here, but {size} entries are due");
            return corrupt(self.next_seq, reason);
        }
        for (seq, _) in leaves.iter() {
            if seq != self.next_seq {
                let reason = format!("entry {seq} follows where {} is due", self.next_seq);
                return corrupt(self.next_seq, reason);
            }
            self.next_seq = self.next_seq.saturating_add(1);
        }
        Ok(())
    }
}
