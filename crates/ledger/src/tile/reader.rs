//! Reads hashes of a tree from its tiles. The tiles are not trusted: what is made from them (a
//! proof, a root) must be checked against a signed checkpoint by the caller.

use std::fmt;

use super::{TILE_HEIGHT, TILE_WIDTH, Tile, TileError, TileKind, decode_hashes, hash_tiles};
use crate::hash::Hash;
use crate::math::shift_right;
use crate::proof::HashReader;
use crate::tree::{Frontier, root_of_run};

/// A [`HashReader`] over the hash tiles of a log of a known size.
pub struct TileReader<'a> {
    size: u64,
    fetch: &'a dyn Fn(&Tile) -> Option<Vec<u8>>,
}

impl fmt::Debug for TileReader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TileReader").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<'a> TileReader<'a> {
    /// Reads a log of `size` leaves; `fetch` gives the bytes of a tile, `None` when missing. Only
    /// tiles that a log of this size has are asked for, the partial ones by their exact width.
    #[must_use]
    pub fn new(size: u64, fetch: &'a dyn Fn(&Tile) -> Option<Vec<u8>>) -> Self {
        TileReader { size, fetch }
    }

    /// The hashes of the `index`-th tile of a tile level, as wide as the log's size makes it.
    ///
    /// # Errors
    /// `Width` when the log has no such tile, `Missing`, `Size`.
    pub fn read(&self, tile_level: u8, index: u64) -> Result<Vec<Hash>, TileError> {
        let row = shift_right(self.size, tile_level.saturating_mul(TILE_HEIGHT));
        let full = u64::from(TILE_WIDTH);
        let items = row.saturating_sub(index.saturating_mul(full)).min(full);
        let width = u16::try_from(items).unwrap_or(TILE_WIDTH);
        let tile = Tile::new(TileKind::Hashes { level: tile_level }, index, width)?;
        let bytes = (self.fetch)(&tile).ok_or(TileError::Missing { tile })?;
        decode_hashes(&tile, &bytes)
    }
}

impl HashReader for TileReader<'_> {
    /// An unreadable tile gives `None` here; [`TileReader::read`] tells why.
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let tile_level = level.checked_div(TILE_HEIGHT)?;
        let inner = level.checked_rem(TILE_HEIGHT)?;
        // 2^(8 - inner) subtrees of this level fit a tile.
        let hashes =
            self.read(tile_level, shift_right(index, TILE_HEIGHT.checked_sub(inner)?)).ok()?;
        let run = 1_usize.checked_shl(u32::from(inner))?;
        let first_in_row = index.checked_mul(u64::try_from(run).ok()?)?;
        let start = usize::try_from(first_in_row.checked_rem(u64::from(TILE_WIDTH))?).ok()?;
        Some(root_of_run(hashes.get(start..start.checked_add(run)?)?))
    }
}

/// The root of a whole log from its level-0 tiles alone.
///
/// # Errors
/// `Missing` or `Size` for the first unreadable tile.
pub fn root_from_leaf_tiles(
    size: u64,
    fetch: &dyn Fn(&Tile) -> Option<Vec<u8>>,
) -> Result<Hash, TileError> {
    let mut frontier = Frontier::new();
    let leaf_tiles =
        hash_tiles(0, size).take_while(|tile| tile.kind() == TileKind::Hashes { level: 0 });
    for tile in leaf_tiles {
        let bytes = fetch(&tile).ok_or(TileError::Missing { tile })?;
        for hash in decode_hashes(&tile, &bytes)? {
            frontier.append(hash);
        }
    }
    Ok(frontier.root())
}
