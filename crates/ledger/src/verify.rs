//! Verification of a whole log: `Verifier` over entries in order (what an auditor has from a
//! database or export), and [`check_log`] over served tiles. Both report everything they find
//! rather than stop at the first, and never repair anything.

mod tiles;

pub use tiles::check_log;

use std::collections::VecDeque;
use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, leaf_hash};
use crate::note::VerifierKey;
use crate::tile::{MAX_ENTRY_BYTES, Tile, TileError};
use crate::tree::{Frontier, TreeHead};

/// Most findings that a report keeps; the rest is counted.
pub const FINDINGS_MAX: usize = 10_000;

/// Most checkpoints that may wait for their entries.
pub const PENDING_MAX: usize = 1 << 20;

/// Something that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A checkpoint is malformed, of another log, or not signed by the log's key.
    #[error("checkpoint number {number} (from 0) is refused: {reason}")]
    CheckpointRefused {
        /// Its place among the checkpoints given.
        number: u64,
        /// Why.
        reason: CheckpointError,
    },
    /// A checkpoint came after its entries or before a smaller one.
    #[error("checkpoint of size {size} came after size {previous}; sizes must ascend")]
    CheckpointOrder {
        /// Its size.
        size: u64,
        /// The size that had been reached.
        previous: u64,
    },
    /// More checkpoints than [`PENDING_MAX`] wait: this one was not checked.
    #[error("checkpoint of size {size} was not checked: too many wait; give entries in between")]
    CheckpointUnchecked {
        /// Its size.
        size: u64,
    },
    /// The entries give another root than was signed: one of them was changed.
    #[error("entries {good_size}..{size} were changed: root {computed}, signed was {signed}")]
    RootMismatch {
        /// Size of the checkpoint.
        size: u64,
        /// Largest smaller size at which the signed root was right, 0 when none was.
        good_size: u64,
        /// Root in the checkpoint.
        signed: Hash,
        /// Root of the entries.
        computed: Hash,
    },
    /// A checkpoint signs more entries than there are: the log was cut short.
    #[error("a checkpoint signs {size} entries, only {entries} are there: the log was cut short")]
    EntriesMissing {
        /// Size of the checkpoint.
        size: u64,
        /// Entries there are.
        entries: u64,
    },
    /// No checkpoint could be used: nothing is proven about the entries.
    #[error("no valid checkpoint covers the {entries} entries; nothing about them is proven")]
    NothingSigned {
        /// Entries there are.
        entries: u64,
    },
    /// An entry's index is not the next one.
    #[error("entry {found} follows where {expected} was due: entries are missing or repeated")]
    IndexGap {
        /// Index that was due.
        expected: u64,
        /// Index that came.
        found: u64,
    },
    /// An entry that the format cannot hold.
    #[error("entry {index} has {bytes} bytes, at most {MAX_ENTRY_BYTES} can have been logged")]
    EntryTooLarge {
        /// The entry.
        index: u64,
        /// Its bytes.
        bytes: usize,
    },
    /// A tile or bundle is missing or malformed.
    #[error("a tile cannot be read: {reason}")]
    TileUnreadable {
        /// Why, with the tile's path.
        reason: TileError,
    },
    /// A hash in a tile is not that of the entries below it.
    #[error("hash {position} of `{tile}` is not that of its entries: tile or entry was changed")]
    TileMismatch {
        /// The tile.
        tile: Tile,
        /// The differing hash within the tile, from 0.
        position: u16,
    },
}

/// All findings of a verification, bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    dropped: u64,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(finding);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The findings in the order in which they were made, at most [`FINDINGS_MAX`].
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.kept
    }

    /// How many were found beyond those kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number of entries and their computed root.
    pub head: TreeHead,
    /// Checkpoints whose root was recomputed and right.
    pub checkpoints_good: u64,
    /// Size of the largest right checkpoint: entries below it are as they were signed.
    pub proven_size: u64,
    /// Everything that is not right.
    pub findings: Findings,
}

impl Report {
    /// Whether every entry is proven: nothing found and no unsigned entry after the last
    /// checkpoint.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.findings.is_empty() && self.proven_size == self.head.size
    }

    /// Entries after the last right checkpoint, which no signature covers yet.
    #[must_use]
    pub fn unsigned_entries(&self) -> u64 {
        self.head.size.saturating_sub(self.proven_size)
    }
}

/// Recomputes the log from its entries and compares with every signed checkpoint, in constant
/// memory. Give each checkpoint before the entry whose index is its size (all of them first, or
/// interleaved), sizes ascending; then the entries from index 0; then [`finish`](Self::finish).
pub struct Verifier {
    key: VerifierKey,
    origin: String,
    frontier: Frontier,
    next_index: u64,
    pending: VecDeque<TreeHead>,
    largest_size: u64,
    checkpoints_seen: u64,
    checkpoints_good: u64,
    proven_size: u64,
    findings: Findings,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("origin", &self.origin)
            .field("size", &self.frontier.size())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Starts at the empty log of this origin, whose checkpoints `key` signs.
    #[must_use]
    pub fn new(key: VerifierKey, origin: &str) -> Self {
        Verifier {
            key,
            origin: origin.to_owned(),
            frontier: Frontier::new(),
            next_index: 0,
            pending: VecDeque::new(),
            largest_size: 0,
            checkpoints_seen: 0,
            checkpoints_good: 0,
            proven_size: 0,
            findings: Findings::default(),
        }
    }

    /// Takes the next signed checkpoint, as served. A bad one becomes a finding.
    pub fn checkpoint(&mut self, note: &[u8]) {
        let number = self.checkpoints_seen;
        self.checkpoints_seen = number.saturating_add(1);
        match Checkpoint::open(note, &self.key, &self.origin) {
            Err(reason) => self.findings.push(Finding::CheckpointRefused { number, reason }),
            Ok(checkpoint) => self.accept(checkpoint.head()),
        }
    }

    fn accept(&mut self, head: TreeHead) {
        let size = head.size;
        let previous = self.largest_size.max(self.frontier.size());
        if size < previous {
            self.findings.push(Finding::CheckpointOrder { size, previous });
        } else if self.pending.len() >= PENDING_MAX {
            self.findings.push(Finding::CheckpointUnchecked { size });
        } else {
            self.largest_size = size;
            self.pending.push_back(head);
            self.settle();
        }
    }

    /// Takes the next entry, with the index under which it is stored and its bytes as stored.
    pub fn entry(&mut self, index: u64, leaf: &[u8]) {
        if index != self.next_index {
            self.findings.push(Finding::IndexGap { expected: self.next_index, found: index });
        }
        if leaf.len() > MAX_ENTRY_BYTES {
            self.findings.push(Finding::EntryTooLarge { index, bytes: leaf.len() });
        }
        self.next_index = index.saturating_add(1);
        self.frontier.append(leaf_hash(leaf));
        self.settle();
    }

    /// Ends the log and gives the report.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let entries = self.frontier.size();
        for head in std::mem::take(&mut self.pending) {
            self.findings.push(Finding::EntriesMissing { size: head.size, entries });
        }
        if entries > 0 && self.proven_size == 0 {
            self.findings.push(Finding::NothingSigned { entries });
        }
        Report {
            head: self.frontier.head(),
            checkpoints_good: self.checkpoints_good,
            proven_size: self.proven_size,
            findings: self.findings,
        }
    }

    /// Compares with all waiting checkpoints of the size now reached.
    fn settle(&mut self) {
        while let Some(head) = self.pending.front().copied()
            && head.size == self.frontier.size()
        {
            self.pending.pop_front();
            let computed = self.frontier.root();
            if computed == head.root {
                self.checkpoints_good = self.checkpoints_good.saturating_add(1);
                self.proven_size = head.size;
            } else {
                self.findings.push(Finding::RootMismatch {
                    size: head.size,
                    good_size: self.proven_size,
                    signed: head.root,
                    computed,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
