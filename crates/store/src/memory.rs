//! A log in memory, for simulation and tests. Clones share one log, as connections share one
//! database; nothing survives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use units::{DurationMicros, UnixMicros};

use crate::leaves::Leaves;
use crate::log_store::{
    AppendError, Batch, Head, Lease, LogStore, READ_BYTES_MAX, Row, SNAPSHOTS_KEPT, SaveSnapshot,
    Snapshot, StoreError, check_batch, size_after,
};

/// The log; clone it for a second connection.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: Vec<Row>,
    checkpoint: Option<String>,
    snapshots: BTreeMap<u64, Vec<u8>>,
    lease: Option<Lease>,
}

impl MemoryStore {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change below is whole before anything can panic, so a poisoned lock is still sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SaveSnapshot for MemoryStore {
    fn save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.snapshots.insert(seq, bytes.to_vec());
        while inner.snapshots.len() > SNAPSHOTS_KEPT {
            inner.snapshots.pop_first();
        }
        Ok(())
    }
}

impl LogStore for MemoryStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        let inner = self.lock();
        let size = u64::try_from(inner.rows.len()).unwrap_or(u64::MAX);
        Ok(Head { size, checkpoint: inner.checkpoint.clone() })
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, AppendError> {
        check_batch(expected, batch)?;
        let mut inner = self.lock();
        let found = u64::try_from(inner.rows.len()).unwrap_or(u64::MAX);
        if found != expected.size {
            return Err(AppendError::Conflict { expected: expected.size, found });
        }
        inner.rows.extend(batch.rows.iter().cloned());
        inner.checkpoint = Some(batch.checkpoint.clone());
        Ok(Head { size: size_after(expected, batch), checkpoint: Some(batch.checkpoint.clone()) })
    }

    fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let inner = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut bytes = 0_usize;
        let mut rows = Vec::new();
        for row in inner.rows.iter().skip(from).take(limit) {
            if bytes >= READ_BYTES_MAX {
                break;
            }
            bytes = bytes.saturating_add(row.leaf.len());
            rows.push(row.clone());
        }
        Ok(rows)
    }

    fn read_leaves(
        &mut self,
        from: u64,
        limit: usize,
        leaves: &mut Leaves,
    ) -> Result<(), StoreError> {
        let inner = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        leaves.clear();
        for row in inner.rows.iter().skip(from).take(limit) {
            if leaves.n_bytes() >= READ_BYTES_MAX {
                break;
            }
            leaves.push(row.seq, &row.leaf);
        }
        Ok(())
    }

    fn snapshots(&mut self) -> Result<Box<dyn SaveSnapshot>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let inner = self.lock();
        let newest = inner.snapshots.last_key_value();
        Ok(newest.map(|(seq, bytes)| Snapshot { seq: *seq, bytes: bytes.clone() }))
    }

    fn lease(
        &mut self,
        holder: &str,
        now: UnixMicros,
        ttl: DurationMicros,
    ) -> Result<Lease, StoreError> {
        let mut inner = self.lock();
        if let Some(lease) = &inner.lease
            && lease.holder != holder
            && now < lease.until
        {
            return Ok(lease.clone());
        }
        let lease = Lease { holder: holder.to_owned(), until: now.plus(ttl) };
        inner.lease = Some(lease.clone());
        Ok(lease)
    }
}
