//! A store that fails on demand, for simulation and tests: before an append, after it (the outcome
//! is then unknown to the caller), or for lack of space. Never used by the running platform.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use units::{DurationMicros, UnixMicros};

use crate::leaves::Leaves;
use crate::log_store::{
    AppendError, Batch, Head, Lease, LogStore, Row, SaveSnapshot, Snapshot, StoreError,
};

/// What happens to one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it works.
    None,
    /// It fails and nothing is stored, but the caller cannot know.
    BeforeAppend,
    /// The batch is stored, but the caller is told that the outcome is unknown.
    AfterAppend,
    /// No space left; nothing is stored.
    DiskFull,
    /// The database is held by somebody else; nothing is stored.
    Busy,
    /// It fails and nothing can be read afterwards either.
    Dead,
    /// The store panics, as a bug would.
    Panic,
}

/// The faults to come, shared with whoever plans them. With none planned all works.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    queue: Arc<Mutex<VecDeque<Fault>>>,
}

impl Faults {
    /// Nothing planned.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the fault of the append after those planned already.
    pub fn push(&self, fault: Fault) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    /// How many planned faults have not happened yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Fault {
        let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or(Fault::None)
    }
}

/// A store behind which faults happen.
pub struct FaultyStore {
    inner: Box<dyn LogStore>,
    faults: Faults,
    dead: bool,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// Puts planned faults before a store.
    #[must_use]
    pub fn new(inner: Box<dyn LogStore>, faults: Faults) -> Self {
        Self { inner, faults, dead: false }
    }

    fn alive(&mut self) -> Result<&mut dyn LogStore, StoreError> {
        if self.dead {
            return Err(StoreError::Broken { reason: "an injected fault".to_owned() });
        }
        Ok(self.inner.as_mut())
    }
}

impl LogStore for FaultyStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.alive()?.head()
    }

    #[expect(clippy::panic, reason = "the fault to inject is a bug's panic")]
    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, AppendError> {
        let unknown = || AppendError::UnknownOutcome { reason: "an injected fault".to_owned() };
        match self.faults.take() {
            Fault::None => self.inner.append(expected, batch),
            Fault::BeforeAppend => Err(unknown()),
            Fault::AfterAppend => {
                self.inner.append(expected, batch)?;
                Err(unknown())
            }
            Fault::DiskFull => Err(AppendError::Full),
            Fault::Busy => Err(AppendError::Busy),
            Fault::Dead => {
                self.dead = true;
                Err(unknown())
            }
            Fault::Panic => panic!("an injected panic"),
        }
    }

    fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.alive()?.read(from, limit)
    }

    fn read_leaves(
        &mut self,
        from: u64,
        limit: usize,
        leaves: &mut Leaves,
    ) -> Result<(), StoreError> {
        self.alive()?.read_leaves(from, limit, leaves)
    }

    fn snapshots(&mut self) -> Result<Box<dyn SaveSnapshot>, StoreError> {
        self.alive()?.snapshots()
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.alive()?.latest_snapshot()
    }

    fn lease(
        &mut self,
        holder: &str,
        now: UnixMicros,
        ttl: DurationMicros,
    ) -> Result<Lease, StoreError> {
        self.alive()?.lease(holder, now, ttl)
    }
}
