//! Bytes of hash tiles (hashes one after the other) and of entry bundles (each entry after its
//! length as a big-endian u16). Reading is strict: every byte must be accounted for.

use super::{MAX_ENTRY_BYTES, TILE_WIDTH, Tile, TileError, TileKind};
use crate::hash::{HASH_BYTES, Hash};

/// The bytes of a hash tile.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in the bytes of a hash tile.
///
/// # Errors
/// `Kind` for an entry bundle's name, `Size` when the bytes are not `32 * width`.
pub fn decode_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    if tile.kind() == TileKind::Entries {
        return Err(TileError::Kind { tile: *tile });
    }
    let expected = usize::from(tile.width()).saturating_mul(HASH_BYTES);
    if bytes.len() != expected {
        return Err(TileError::Size { tile: *tile, expected, found: bytes.len() });
    }
    Ok(bytes.as_chunks::<HASH_BYTES>().0.iter().map(|chunk| Hash(*chunk)).collect())
}

/// The entries in the bytes of an entry bundle: exactly `width` of them and nothing after.
///
/// # Errors
/// `Kind` for a hash tile's name, `Truncated`, `Trailing`.
pub fn decode_bundle<'a>(tile: &Tile, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
    if tile.kind() != TileKind::Entries {
        return Err(TileError::Kind { tile: *tile });
    }
    let mut entries = Vec::with_capacity(usize::from(tile.width()));
    let mut rest = bytes;
    for position in 0..tile.width() {
        let (entry, after) =
            split_entry(rest).ok_or(TileError::Truncated { tile: *tile, position })?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(TileError::Trailing { tile: *tile, extra: rest.len() });
    }
    Ok(entries)
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (prefix, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*prefix)))
}

/// An entry bundle being written.
#[derive(Debug, Clone, Default)]
pub struct EntryBundle {
    bytes: Vec<u8>,
    width: u16,
}

impl EntryBundle {
    /// A bundle without entry.
    #[must_use]
    pub fn new() -> Self {
        EntryBundle::default()
    }

    /// Appends an entry, byte for byte.
    ///
    /// # Errors
    /// `EntryTooLarge` above [`MAX_ENTRY_BYTES`], `BundleFull` after 256 entries.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), TileError> {
        if self.width >= TILE_WIDTH {
            return Err(TileError::BundleFull);
        }
        let Ok(length) = u16::try_from(entry.len()) else {
            debug_assert!(entry.len() > MAX_ENTRY_BYTES);
            return Err(TileError::EntryTooLarge { bytes: entry.len() });
        };
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(entry);
        self.width = self.width.saturating_add(1);
        Ok(())
    }

    /// Entries so far, 0..=256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The bundle's bytes, as served.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
