//! The append-only Merkle tree: `Frontier` (O(log n) memory, root only) and `Tree` (every tile
//! hash, for proofs and tiles). Neither ever changes or removes a leaf once appended.

use serde::{Deserialize, Serialize};

use crate::hash::{EMPTY_ROOT, Hash, node_hash};
use crate::proof::{self, HashReader};
use crate::tile::{TILE_HEIGHT, Tile, TileKind};

/// What a checkpoint says about a tree: how many leaves, and their root. The two belong together:
/// a root alone does not fix the size, so both must come from one signed checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Merkle tree hash of these leaves (RFC 6962 §2.1).
    pub root: Hash,
}

/// A tree of which only the roots of its complete subtrees are kept: appends in O(1) amortised,
/// gives the root in O(log n), holds at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    // INVARIANT: one hash for each set bit of `size`, widest (leftmost) subtree first.
    peaks: Vec<Hash>,
}

/// Saved peaks that do not fit the saved size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a frontier of {size} leaves has {expected} peaks, not {found}; rebuild it from the entries"
)]
pub struct FrontierError {
    /// Leaves claimed.
    pub size: u64,
    /// Peaks that this size has.
    pub expected: u32,
    /// Peaks given.
    pub found: usize,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Frontier::default()
    }

    /// Rebuilds a saved frontier from [`size`](Self::size) and [`peaks`](Self::peaks). The hashes
    /// themselves cannot be checked here: compare [`root`](Self::root) with a signed checkpoint.
    ///
    /// # Errors
    /// When the number of peaks is not the number of set bits of `size`.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        let expected = size.count_ones();
        if usize::try_from(expected) != Ok(peaks.len()) {
            return Err(FrontierError { size, expected, found: peaks.len() });
        }
        Ok(Frontier { size, peaks })
    }

    /// Appends a leaf's hash and returns the leaf's index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        self.append_with(leaf, |_, _| {})
    }

    /// Appends and reports each complete subtree that this leaf completes, as (level, hash) from
    /// the leaf itself (level 0) upward.
    pub(crate) fn append_with(&mut self, leaf: Hash, mut completed: impl FnMut(u8, Hash)) -> u64 {
        let index = self.size;
        let mut node = leaf;
        let mut level = 0_u8;
        completed(level, node);
        // Each trailing one of the old size is a complete left sibling waiting for its right one.
        for _ in 0..index.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            level = level.saturating_add(1);
            completed(level, node);
        }
        self.peaks.push(node);
        // 2^64 appends are out of reach of any machine, so this never saturates.
        self.size = self.size.saturating_add(1);
        index
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, widest first; for a snapshot.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The Merkle tree hash of all leaves so far, [`EMPTY_ROOT`] when there is none.
    #[must_use]
    pub fn root(&self) -> Hash {
        join_subtrees(&self.peaks)
    }

    /// Size and root together.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

/// Joins the roots of complete subtrees, widest first, from the right (RFC 6962 §2.1).
pub(crate) fn join_subtrees(peaks: &[Hash]) -> Hash {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
}

/// A tree that keeps the hashes of every tile level (levels 0, 8, 16, ... of the Merkle tree):
/// 32.2 bytes per leaf. Hashes between tile levels are recomputed from at most 128 stored ones.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    frontier: Frontier,
    // INVARIANT: `levels[l]` holds the hashes of the complete subtrees of 256^l leaves, in order.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Tree::default()
    }

    /// Appends a leaf's hash in O(1) amortised and returns the leaf's index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let levels = &mut self.levels;
        self.frontier.append_with(leaf, |level, hash| {
            if !level.is_multiple_of(TILE_HEIGHT) {
                return;
            }
            let tile_level = usize::from(level.checked_div(TILE_HEIGHT).unwrap_or(0));
            if levels.len() <= tile_level {
                levels.push(Vec::new());
            }
            if let Some(hashes) = levels.get_mut(tile_level) {
                hashes.push(hash);
            }
        })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of all leaves, in O(log n).
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Size and root together.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// The root that the tree had when it held `size` leaves; `None` when it never did.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        if size > self.size() {
            return None;
        }
        proof::root_at(self, size).ok()
    }

    /// The hashes of one tile level (`tile_level` 0 holds the leaf hashes), empty above the top.
    #[must_use]
    pub fn level(&self, tile_level: u8) -> &[Hash] {
        self.levels.get(usize::from(tile_level)).map_or(&[], Vec::as_slice)
    }

    /// The hashes of one hash tile; `None` when the tree does not hold all of them.
    #[must_use]
    pub fn tile(&self, tile: &Tile) -> Option<&[Hash]> {
        let TileKind::Hashes { level } = tile.kind() else { return None };
        let start = usize::try_from(tile.start()?).ok()?;
        self.level(level).get(start..start.checked_add(usize::from(tile.width()))?)
    }

    /// The small form of this tree.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

impl HashReader for Tree {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let tile_level = level.checked_div(TILE_HEIGHT)?;
        let width = 1_usize.checked_shl(u32::from(level.checked_rem(TILE_HEIGHT)?))?;
        let start = usize::try_from(index).ok()?.checked_mul(width)?;
        let run = self.level(tile_level).get(start..start.checked_add(width)?)?;
        Some(root_of_run(run))
    }
}

/// The root of a short run of sibling hashes, taken as the leaves of a tree of their own.
pub(crate) fn root_of_run(run: &[Hash]) -> Hash {
    match run {
        [single] => *single,
        [left, right] => node_hash(left, right),
        longer => {
            let mut frontier = Frontier::new();
            for hash in longer {
                frontier.append(*hash);
            }
            frontier.root()
        }
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Tree::new();
        for leaf in leaves {
            tree.append(leaf);
        }
        tree
    }
}

#[cfg(test)]
mod tests;
