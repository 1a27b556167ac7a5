//! The border to a database: eight calls, no business in any of them. An implementation must never
//! store half a batch, and must never say "written" before the bytes would survive a power cut.
//!
//! Called by the sequencer (all eight) and by readers (`head`, `read`).

use units::{DurationMicros, UnixMicros};

use crate::leaves::Leaves;

/// Bytes of leaves after which [`LogStore::read`] returns what it has.
pub const READ_BYTES_MAX: usize = 8 << 20;

/// Snapshots kept; older ones are removed when a new one is saved.
pub const SNAPSHOTS_KEPT: usize = 2;

/// One leaf of the log with the columns by which it is found. The columns repeat what the leaf
/// says; an audit compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Position in the log, from 0.
    pub seq: u64,
    /// The entry's time.
    pub at: UnixMicros,
    /// The event's dotted kind.
    pub kind: String,
    /// Id of what the event is about.
    pub subject: String,
    /// The leaf's bytes, hashed as they are.
    pub leaf: Vec<u8>,
}

/// What one append adds: leaves without gap, and the signed checkpoint that covers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Leaves in order, at least one.
    pub rows: Vec<Row>,
    /// The signed note of the log's size and root after these leaves.
    pub checkpoint: String,
}

/// Where a log ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Leaves stored; the next leaf's position.
    pub size: u64,
    /// The last signed checkpoint, none in an empty log.
    pub checkpoint: Option<String>,
}

/// A saved state: opaque to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Leaves folded into it.
    pub seq: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Who may write, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder's name.
    pub holder: String,
    /// When it ends unless renewed.
    pub until: UnixMicros,
}

/// Why a batch was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Another writer was first; nothing of this batch is stored.
    #[error("the log has {found} entries where {expected} were expected: another writer was first")]
    Conflict {
        /// Size that the writer had seen.
        expected: u64,
        /// Size found.
        found: u64,
    },
    /// No space left; nothing is stored.
    #[error("the disk is full: free some space, then try again")]
    Full,
    /// Another process holds the database; nothing is stored.
    #[error("the database is locked by another process: end it, then try again")]
    Busy,
    /// The batch itself is wrong, which is a bug of the caller; nothing is stored.
    #[error("the batch is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// It failed before anything was stored.
    #[error("nothing was stored: {reason}")]
    NotStored {
        /// Why.
        reason: String,
    },
    /// It failed so late that nobody knows: read the log again to find out.
    #[error("it is not known whether the batch was stored: {reason}")]
    UnknownOutcome {
        /// Why.
        reason: String,
    },
}

impl AppendError {
    /// True if the batch may be stored all the same.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownOutcome { .. })
    }
}

/// Why the database could not be read, or something beside the log not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left.
    #[error("the disk is full: free some space, then try again")]
    Full,
    /// Another process holds the database.
    #[error("the database is locked by another process: end it, then try again")]
    Busy,
    /// A write failed so that the connection can no longer be trusted.
    #[error("the database must be opened again after a failed write: {reason}")]
    Broken {
        /// What failed.
        reason: String,
    },
    /// Anything else.
    #[error("cannot {action}: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// What the database said.
        reason: String,
    },
}

/// Keeps snapshots, on any thread and beside the log's writer.
pub trait SaveSnapshot: Send {
    /// Saves a state, replacing one of the same position and all but [`SNAPSHOTS_KEPT`].
    ///
    /// # Errors
    /// If it cannot be written; the log is not affected.
    fn save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), StoreError>;
}

/// An append-only log with its checkpoints, snapshots and writer's lease.
pub trait LogStore: Send {
    /// Where the log ends.
    ///
    /// # Errors
    /// If the database cannot be read.
    fn head(&mut self) -> Result<Head, StoreError>;

    /// Stores a batch durably and wholly if the log still ends at `expected`.
    ///
    /// # Errors
    /// [`AppendError`]; only `UnknownOutcome` leaves open whether the batch is stored.
    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, AppendError>;

    /// Leaves from position `from` in order: at most `limit`, and about [`READ_BYTES_MAX`] bytes.
    /// Empty only at the end (or for a limit of 0).
    ///
    /// # Errors
    /// If the database cannot be read.
    fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Replaces what `leaves` holds by the leaves from position `from` in order, as many as
    /// [`read`](Self::read) would give, without the columns by which others find them.
    ///
    /// # Errors
    /// If the database cannot be read; what `leaves` then holds means nothing.
    fn read_leaves(
        &mut self,
        from: u64,
        limit: usize,
        leaves: &mut Leaves,
    ) -> Result<(), StoreError>;

    /// Saves a state, replacing one of the same position and all but [`SNAPSHOTS_KEPT`].
    ///
    /// # Errors
    /// If it cannot be written; the log is not affected.
    fn save_snapshot(&mut self, seq: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.snapshots()?.save(seq, bytes)
    }

    /// What saves snapshots while this goes on writing.
    ///
    /// # Errors
    /// If the database can no longer be trusted.
    fn snapshots(&mut self) -> Result<Box<dyn SaveSnapshot>, StoreError>;

    /// The newest saved state.
    ///
    /// # Errors
    /// If the database cannot be read.
    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, StoreError>;

    /// Takes or renews the writer's lease, unless somebody else holds it at `now`; answers who
    /// holds it after that. Correctness never rests on it: `append` is what excludes.
    ///
    /// # Errors
    /// If it cannot be written.
    fn lease(
        &mut self,
        holder: &str,
        now: UnixMicros,
        ttl: DurationMicros,
    ) -> Result<Lease, StoreError>;
}

/// Checks what every implementation must: at least one leaf, positions without gap.
pub(crate) fn check_batch(expected: &Head, batch: &Batch) -> Result<(), AppendError> {
    let malformed = |reason: String| Err(AppendError::Malformed { reason });
    if batch.rows.is_empty() {
        return malformed("it has no entry".to_owned());
    }
    for (seq, row) in (expected.size..).zip(&batch.rows) {
        if row.seq != seq {
            return malformed(format!("position {} where {seq} is due", row.seq));
        }
    }
    Ok(())
}

/// The size of the log after a checked batch.
pub(crate) fn size_after(expected: &Head, batch: &Batch) -> u64 {
    expected.size.saturating_add(u64::try_from(batch.rows.len()).unwrap_or(u64::MAX))
}
