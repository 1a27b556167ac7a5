//! Makes the hash tiles of a log while its leaves go by, in constant memory (one tile per level).
//! It must never keep more than the unfinished tiles: logs are larger than memory.

use super::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};
use crate::hash::Hash;
use crate::tree::{Frontier, TreeHead};

/// Turns leaf hashes in order into finished hash tiles and a root.
#[derive(Debug, Clone, Default)]
pub struct TileStream {
    frontier: Frontier,
    rows: Vec<Row>,
}

/// The unfinished tile of one level. INVARIANT: `hashes.len()` < 256.
#[derive(Debug, Clone, Default)]
struct Row {
    index: u64,
    hashes: Vec<Hash>,
}

impl TileStream {
    /// Starts at the first leaf.
    #[must_use]
    pub fn new() -> Self {
        TileStream::default()
    }

    /// Appends a leaf's hash; calls `emit` for each tile that this leaf fills.
    pub fn append(&mut self, leaf: Hash, mut emit: impl FnMut(Tile, &[Hash])) {
        let rows = &mut self.rows;
        self.frontier.append_with(leaf, |level, hash| {
            if !level.is_multiple_of(TILE_HEIGHT) {
                return;
            }
            let tile_level = level.checked_div(TILE_HEIGHT).unwrap_or(0);
            if rows.len() <= usize::from(tile_level) {
                rows.push(Row::default());
            }
            let Some(row) = rows.get_mut(usize::from(tile_level)) else { return };
            row.hashes.push(hash);
            if row.hashes.len() >= usize::from(TILE_WIDTH) {
                row.emit(tile_level, &mut emit);
                row.hashes.clear();
                row.index = row.index.saturating_add(1);
            }
        });
    }

    /// Calls `emit` for the partial tiles on the right edge and returns size and root.
    pub fn finish(self, mut emit: impl FnMut(Tile, &[Hash])) -> TreeHead {
        for (level, row) in (0_u8..).zip(&self.rows) {
            row.emit(level, &mut emit);
        }
        self.frontier.head()
    }

    /// Size and root so far.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.frontier.head()
    }
}

impl Row {
    fn emit(&self, level: u8, emit: &mut impl FnMut(Tile, &[Hash])) {
        let width = u16::try_from(self.hashes.len()).unwrap_or(TILE_WIDTH);
        // An empty row has no tile; `Tile::new` refuses its width of 0.
        if let Ok(tile) = Tile::new(TileKind::Hashes { level }, self.index, width) {
            emit(tile, &self.hashes);
        }
    }
}
