//! Which tiles a log of a given size has, and which of them are new since an older size.
//! Existing full tiles must never be listed again: they are immutable.

use super::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};
use crate::math::shift_right;

/// The hash tiles that a log of `to` leaves has and a log of `from` leaves has not, level by
/// level. With `from` 0, all of them. Lazy: nothing is stored.
pub fn hash_tiles(from: u64, to: u64) -> impl Iterator<Item = Tile> {
    // Eight tile levels hold 256^8 = 2^64 leaves; no tree is higher.
    (0_u8..8).flat_map(move |level| {
        let shift = level.saturating_mul(TILE_HEIGHT);
        row(TileKind::Hashes { level }, shift_right(from, shift), shift_right(to, shift))
    })
}

/// The entry bundles that a log of `to` entries has and a log of `from` entries has not.
pub fn entry_bundles(from: u64, to: u64) -> impl Iterator<Item = Tile> {
    row(TileKind::Entries, from, to)
}

/// The tiles that cover items `from..to` of one row; the first may also hold older items.
fn row(kind: TileKind, from: u64, to: u64) -> impl Iterator<Item = Tile> {
    let width = u64::from(TILE_WIDTH);
    let first = shift_right(from, TILE_HEIGHT);
    let end = if to > from { to.div_ceil(width) } else { first };
    (first..end).filter_map(move |index| {
        let items = to.saturating_sub(index.saturating_mul(width)).min(width);
        Tile::new(kind, index, u16::try_from(items).ok()?).ok()
    })
}
