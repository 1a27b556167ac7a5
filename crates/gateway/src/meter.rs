//! The meter: counts finished requests per key, endpoint and minute, and delivers roll-ups.
//!
//! How a record is written exactly once: each finished request is appended to the spool with
//! write(2) before the end of its answer is released, so it survives the death of the process
//! (not of the machine: the spool is not fsynced). Closed minutes become roll-ups whose sequence
//! numbers are on disk, fsynced, *before* the sink sees them; a delivery of unknown outcome is
//! repeated under the same number, and at start the log's highest number tells what it has.

mod answer;
mod archive;
mod counts;
mod deliver;
mod spool;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use units::{Id, UnixMicros, kinds};

use crate::admission::{Allowance, Books, Room, Tokens};
use crate::config::MeterConfig;
use crate::directory::Directory;
pub(crate) use crate::meter::answer::Said;
pub use crate::meter::archive::{AnswerPlace, RolledAnswer};
use crate::meter::counts::Counts;
pub(crate) use crate::meter::counts::Entry;
use crate::meter::deliver::Closing;
use crate::meter::spool::{Segment, Spool, State};
use crate::metrics::Metrics;
use crate::usage::{Rollup, SinkError, UsageSink};

/// Seconds in a minute, in the type of the clock.
const MINUTE_S: i64 = 60;
/// Why the meter cannot start or flush.
#[derive(Debug, thiserror::Error)]
pub enum MeterError {
    /// The spool folder could not be read or written.
    #[error("the usage spool `{}` is not usable", path.display())]
    Folder {
        /// The file or folder at fault.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process holds the folder.
    #[error("the usage spool `{}` is in use by another process: give each its own", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The state file does not hold what this program writes.
    #[error("the spool state `{}` is damaged: restore it, or move the folder away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// The sink did not take everything; what is left stays in the spool.
    #[error("{undelivered} usage roll-ups wait in the spool")]
    Sink {
        /// How many wait.
        undelivered: usize,
        /// What the sink said.
        source: SinkError,
    },
}

impl MeterError {
    fn folder(path: &Path, source: std::io::Error) -> Self {
        Self::Folder { path: path.to_path_buf(), source }
    }
}

/// A handle on the meter; clones share it, and the spool is released with the last one.
#[derive(Debug, Clone)]
pub struct Meter {
    inner: Arc<Inner>,
}

struct Inner {
    gateway: Id<kinds::Gateway>,
    config: MeterConfig,
    sink: Arc<dyn UsageSink>,
    metrics: Arc<Metrics>,
    spool: Arc<Spool>,
    books: Arc<Books>,
    open: Mutex<Open>,
    closing: tokio::sync::Mutex<Closing>,
    /// Roll-ups in `closing`, readable without its lock.
    waiting: AtomicUsize,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

/// What requests write to.
#[derive(Debug)]
struct Open {
    spool: Arc<Spool>,
    segment: Segment,
    minute_unix: i64,
    /// Requests of `segment`.
    counts: Counts,
    /// Requests of all earlier segments that are not sealed yet.
    closed: Counts,
}

impl Meter {
    /// Opens a spool folder, asks the directory what the log already has, and prepares what is
    /// missing for delivery. Reads and writes files, so call it before serving.
    ///
    /// # Errors
    /// When the folder cannot be used, is used by another process, or its state is damaged.
    pub fn open(
        config: MeterConfig,
        directory: &dyn Directory,
        sink: Arc<dyn UsageSink>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, MeterError> {
        let (spool, mut state) = Spool::open(&config)?;
        let gateway = state.gateway;
        forget_recorded(&mut state, directory.recorded(gateway));
        let recovered = spool.recover(state.first_segment)?;
        if recovered.corrupt_lines > 0 {
            metrics.spool_lines_corrupt.add(recovered.corrupt_lines);
            tracing::warn!(
                gateway.id = %gateway,
                lines = recovered.corrupt_lines,
                "usage spool of {gateway} has unreadable lines: their usage is missing"
            );
        }
        let spool = Arc::new(spool);
        let segment = spool.create_segment(recovered.next_segment)?;
        let minute_unix = minute_of(config.clock.now());
        let closed = recovered.counts;
        let books = Arc::new(books_of(directory, &state, &closed));
        let waiting = AtomicUsize::new(state.pending.len());
        let open = Open {
            spool: Arc::clone(&spool),
            segment,
            minute_unix,
            counts: Counts::default(),
            closed,
        };
        let closing = Closing {
            spool: Arc::clone(&spool),
            state,
            dirty: true,
            version: 1,
            now_unix: minute_unix,
        };
        let (open, closing) = (Mutex::new(open), tokio::sync::Mutex::new(closing));
        let inner = Inner { gateway, config, sink, metrics, spool, books, open, closing, waiting };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The id under which this gateway's usage is recorded.
    #[must_use]
    pub fn gateway(&self) -> Id<kinds::Gateway> {
        self.inner.gateway
    }

    /// The counters shared with the router.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.inner.metrics
    }

    /// What this gateway has in hand of a budget: reserved for requests in flight, or used and not yet
    /// counted, in its measure and rounded up. Nothing is admitted afterwards by an allowance that is older
    /// than `prices.epoch`.
    #[must_use]
    pub fn held(&self, room: Room, prices: &Allowance) -> i64 {
        self.inner.books.held_at(room, prices)
    }

    /// What budgets do not know of yet.
    pub(crate) fn books(&self) -> &Arc<Books> {
        &self.inner.books
    }

    /// What the salts of answers are derived from.
    pub(crate) fn salt_seed(&self) -> &[u8] {
        &self.inner.config.salt_seed
    }

    /// Where the numbers of requests begin: elsewhere with each start, so that no id comes twice when the clock
    /// is set back in between.
    pub(crate) fn first_request(&self) -> u64 {
        let salted =
            Sha256::new().chain_update(self.salt_seed()).chain_update(b"requests").finalize();
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(salted);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The time on the meter's clock.
    pub(crate) fn now(&self) -> UnixMicros {
        self.inner.config.clock.now()
    }

    /// Whether usage of one more request can be held; false means undelivered usage fills memory.
    pub(crate) fn has_room(&self) -> bool {
        let open = self.inner.open();
        let held = open.counts.len() + open.closed.len();
        held.saturating_add(self.inner.waiting.load(Ordering::Relaxed))
            < self.inner.config.groups_max
    }

    /// Counts one finished request and appends it to the spool.
    pub(crate) fn record(&self, entry: Entry) {
        let minute_unix = minute_of(self.now());
        let line = entry.at(minute_unix);
        let leaf = line.leaf_hash();
        let mut open = self.inner.open();
        if minute_unix != open.minute_unix
            && let Err(error) = open.rotate(minute_unix)
        {
            // The old segment goes on; its lines carry their minute, so nothing is miscounted.
            self.inner.spool_error(&error);
        }
        // Without its line in the spool no receipt could be made of it: then it has no leaf.
        let leaf = match open.segment.append(&line) {
            Ok(()) => leaf,
            Err(error) => {
                self.inner.spool_error(&error);
                None
            }
        };
        open.counts.add(&line, leaf);
    }
}

impl Inner {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spool_error(&self, error: &MeterError) {
        self.metrics.spool_write_errors.add(1);
        tracing::warn!(
            gateway.id = %self.gateway,
            error = error as &dyn std::error::Error,
            "usage of {} is in memory only: the spool cannot be written",
            self.gateway
        );
    }
}

impl Open {
    /// Starts a new segment; on failure everything stays as it was.
    fn rotate(&mut self, minute_unix: i64) -> Result<(), MeterError> {
        if !self.counts.is_empty() {
            self.segment = self.spool.create_segment(self.segment.number().saturating_add(1))?;
            let counts = std::mem::take(&mut self.counts);
            self.closed.merge(counts);
        }
        self.minute_unix = minute_unix;
        Ok(())
    }
}

/// Books that hold what an earlier process has left: roll-ups that wait, and requests without one.
fn books_of(directory: &dyn Directory, state: &State, closed: &Counts) -> Books {
    let books = Books::default();
    let hold = |key, endpoint, read, written| {
        let accounts = directory.allowance(state.gateway, key, endpoint).accounts;
        books.recover((key, endpoint), accounts, Tokens { read, written });
    };
    for rollup in &state.pending {
        hold(rollup.key, rollup.endpoint, rollup.prompt_tokens, rollup.completion_tokens);
    }
    for (group, sum) in closed.tokens() {
        hold(group.key, group.endpoint, sum.read, sum.written);
    }
    for rollup in &state.pending {
        books.sealed(rollup);
    }
    books
}

/// Drops what the log has and never hands out a number the log has seen.
fn forget_recorded(state: &mut State, recorded: u64) {
    let before = state.next_sequence.saturating_sub(1);
    let oldest_kept = state.pending.front().map_or(state.next_sequence, |r| r.sequence);
    if recorded.saturating_add(1) < oldest_kept {
        tracing::warn!(
            gateway.id = %state.gateway,
            recorded,
            delivered = oldest_kept.saturating_sub(1),
            "the log lacks usage that {} has delivered: was it restored from a backup?",
            state.gateway
        );
    }
    let pending: VecDeque<Rollup> = std::mem::take(&mut state.pending);
    state.pending = pending.into_iter().filter(|rollup| rollup.sequence > recorded).collect();
    state.next_sequence = before.max(recorded).saturating_add(1);
}

fn minute_of(now: UnixMicros) -> i64 {
    now.secs().div_euclid(MINUTE_S).saturating_mul(MINUTE_S)
}
