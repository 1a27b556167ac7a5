//! The log as others read it: C2SP `tlog-tiles` paths, proofs, entries by position, receipts. It
//! shows only what is durable, and copies leaves byte for byte.

mod answer;
mod receipt;

pub use receipt::{Entries, tlog_proofs};

use std::fmt;
use std::sync::Arc;

use ledger::tile::{EntryBundle, encode_hashes};
use ledger::{
    Hash, ProofError, ReceiptError, Tile, TileError, TileKind, TreeHead, VerifierKey, proof,
};

use crate::log_store::{Row, StoreError};
use crate::sequencer::{Handle, Shared};

/// Most rows of one [`LogView::rows`] call.
pub const ROWS_MAX: usize = 4_096;

/// Reads the durable log; cheap to clone.
#[derive(Clone)]
pub struct LogView {
    shared: Arc<Shared>,
}

impl fmt::Debug for LogView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogView").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// Why something of the log cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The log has no such tile, or not yet.
    #[error("`{path}` is not in a log of {size} entries: fetch the checkpoint again")]
    NoSuchTile {
        /// What was asked for, cut to 100 characters.
        path: String,
        /// Entries there are.
        size: u64,
    },
    /// The path is not the one spelling of a tile.
    #[error(transparent)]
    Path(#[from] TileError),
    /// Sizes or positions that the log does not have.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No receipt can be made.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The log knows nothing of it.
    #[error("the log has no entry about `{subject}`")]
    NothingAbout {
        /// What was asked for.
        subject: String,
    },
    /// The database does not give what the checkpoint covers.
    #[error("entry {seq} is missing in the database: restore from a backup")]
    EntryMissing {
        /// The entry.
        seq: u64,
    },
}

impl LogView {
    /// The view of a sequencer's log.
    #[must_use]
    pub fn new(handle: &Handle) -> Self {
        Self { shared: Arc::clone(handle.shared()) }
    }

    /// Durable entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.read(|committed| committed.tree.size())
    }

    /// The key that signs the log's checkpoints; its text is what auditors are given.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.shared.verifier().clone()
    }

    /// The bytes of `/checkpoint`.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.shared.read(|committed| committed.checkpoint.clone())
    }

    /// The newest signed checkpoint with the size and root that it signs.
    #[must_use]
    pub fn signed_head(&self) -> (String, TreeHead) {
        self.shared.read(|committed| (committed.checkpoint.clone(), committed.tree.head()))
    }

    /// The root that the log had at a size; `None` beyond its end.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.shared.read(|committed| committed.tree.root_at(size))
    }

    /// The bytes of a tile or entry bundle by its path below the log's prefix, such as
    /// `tile/0/000.p/5` or `tile/entries/x001/234`. Full tiles never change.
    ///
    /// # Errors
    /// `Path` for another spelling, `NoSuchTile` beyond the log, `Store`.
    pub fn tile(&self, path: &str) -> Result<Vec<u8>, ViewError> {
        let tile: Tile = path.parse()?;
        match tile.kind() {
            TileKind::Hashes { .. } => {
                let found =
                    self.shared.read(|committed| committed.tree.tile(&tile).map(encode_hashes));
                found.ok_or_else(|| self.no_such(path))
            }
            TileKind::Entries => self.bundle(&tile, path),
        }
    }

    fn bundle(&self, tile: &Tile, path: &str) -> Result<Vec<u8>, ViewError> {
        let start = tile.start().ok_or_else(|| self.no_such(path))?;
        let end = start.checked_add(u64::from(tile.width())).ok_or_else(|| self.no_such(path))?;
        if end > self.size() {
            return Err(self.no_such(path));
        }
        let mut bundle = EntryBundle::new();
        let mut next = start;
        while next < end {
            let left = usize::try_from(end.saturating_sub(next)).unwrap_or(usize::MAX);
            let rows = self.shared.reader().read(next, left)?;
            for row in &rows {
                bundle.push(&row.leaf)?;
            }
            if rows.is_empty() {
                return Err(ViewError::EntryMissing { seq: next });
            }
            next = next.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        }
        Ok(bundle.into_bytes())
    }

    fn no_such(&self, path: &str) -> ViewError {
        ViewError::NoSuchTile { path: path.chars().take(100).collect(), size: self.size() }
    }

    /// The proof that leaf `index` is in the log's first `size` entries.
    ///
    /// # Errors
    /// If the log is smaller, or the leaf not below `size`.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, ViewError> {
        Ok(self.shared.read(|committed| proof::inclusion(&committed.tree, index, size))?)
    }

    /// The proof that the log of `old` entries is the beginning of that of `new` entries.
    ///
    /// # Errors
    /// If the log is smaller, or the sizes are reversed.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ViewError> {
        Ok(self.shared.read(|committed| proof::consistency(&committed.tree, old, new))?)
    }

    /// Durable rows from a position, at most `limit` and [`ROWS_MAX`]; empty at the end.
    ///
    /// # Errors
    /// `Store`.
    pub fn rows(&self, from: u64, limit: usize) -> Result<Vec<Row>, ViewError> {
        let left = self.size().saturating_sub(from);
        let limit = limit.min(ROWS_MAX).min(usize::try_from(left).unwrap_or(usize::MAX));
        if limit == 0 {
            return Ok(Vec::new());
        }
        Ok(self.shared.reader().read(from, limit)?)
    }
}
