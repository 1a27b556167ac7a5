//! From what is stored to what is in memory: the one path for a start and for every doubt later.
//! Every leaf is hashed and the root compared with the last signed checkpoint; the state is folded
//! from the newest sealed snapshot on. A log that does not fit its checkpoint is never repaired.

mod fold;
mod workers;

use std::time::{Duration, Instant};

use kernel::State;
use ledger::{Checkpoint, Hash, SigningKey, Tree};

use crate::log_store::{Head, LogStore, StoreError};
use crate::seal::{self, Seal};
use fold::Fold;

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
    workers::run(&mut fold, store, head.size)?;
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
        workers::run(&mut fold, store, head.size)?;
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
