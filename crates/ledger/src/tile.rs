//! C2SP `tlog-tiles` 0.1: the files in which a log is served. Names of tiles (`path`), bytes of
//! hash tiles and entry bundles (`codec`), which tiles a tree has (`layout`), the tiles made while
//! leaves are appended (`stream`), and reading hashes back from tiles (`reader`).
//! Bytes of an entry are copied as they are, never re-encoded.

mod codec;
mod layout;
mod path;
mod reader;
mod stream;

pub use codec::{EntryBundle, decode_bundle, decode_hashes, encode_hashes};
pub use layout::{entry_bundles, hash_tiles};
pub use reader::{TileReader, root_from_leaf_tiles};
pub use stream::TileStream;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the Merkle tree that one tile level spans: 2^8 = 256.
pub const TILE_HEIGHT: u8 = 8;

/// Highest tile level a path may name.
pub const TILE_LEVEL_MAX: u8 = 63;

/// Most bytes in one entry: its length prefix has 16 bits. Larger payloads go by digest.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of the complete subtrees of 256^level leaves.
    Hashes {
        /// Tile level, 0 for leaf hashes, at most [`TILE_LEVEL_MAX`].
        level: u8,
    },
    /// The entries themselves (an "entry bundle").
    Entries,
}

/// The name of one tile. Its text form is the path below the log's prefix, for example
/// `tile/0/x001/x234/067` or `tile/entries/000.p/17`; only that one spelling is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl Tile {
    /// The `index`-th tile of its kind with `width` items.
    ///
    /// # Errors
    /// When the width is not in 1..=256 or the level above [`TILE_LEVEL_MAX`].
    pub fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TileError> {
        if let TileKind::Hashes { level } = kind
            && level > TILE_LEVEL_MAX
        {
            return Err(TileError::Level { level });
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width { width });
        }
        Ok(Tile { kind, index, width })
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Position among the tiles of its kind.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes or entries, 1..=256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile has fewer than 256 items: a later one will replace it.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// Position of the tile's first hash or entry within its level, `None` beyond 2^64.
    #[must_use]
    pub fn start(&self) -> Option<u64> {
        self.index.checked_mul(u64::from(TILE_WIDTH))
    }
}

/// Why a tile's name or bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Level above the format's maximum.
    #[error("tile level {level} is above {TILE_LEVEL_MAX}; use a level that the tree has")]
    Level {
        /// Level asked for.
        level: u8,
    },
    /// Width out of range.
    #[error("a tile has 1 to {TILE_WIDTH} items, not {width}; empty tiles are not stored")]
    Width {
        /// Width asked for.
        width: u16,
    },
    /// Not the one spelling of a tile path.
    #[error(
        "`{path}` is not a tile path; write it like `tile/0/x001/067.p/12` or `tile/entries/000`"
    )]
    Path {
        /// Path as given, cut after 100 characters.
        path: String,
    },
    /// A hash was wanted from an entry bundle or the reverse.
    #[error("`{tile}` holds the other kind of data; ask for a hash tile or bundle by its own path")]
    Kind {
        /// Tile given.
        tile: Tile,
    },
    /// The tile cannot be read at all.
    #[error("`{tile}` is missing; restore it from a backup or rebuild it from the entries")]
    Missing {
        /// Tile wanted.
        tile: Tile,
    },
    /// The number of bytes does not fit the width.
    #[error("`{tile}` has {found} bytes instead of {expected}; restore it from a backup")]
    Size {
        /// Tile read.
        tile: Tile,
        /// Bytes that its width asks for.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// A bundle ends inside an entry or its length prefix.
    #[error("`{tile}` ends inside its entry {position}; restore it from a backup")]
    Truncated {
        /// Bundle read.
        tile: Tile,
        /// Entry within the bundle, from 0.
        position: u16,
    },
    /// A bundle goes on after its last entry.
    #[error("`{tile}` has {extra} bytes after its last entry; restore it from a backup")]
    Trailing {
        /// Bundle read.
        tile: Tile,
        /// Bytes too many.
        extra: usize,
    },
    /// An entry that the 16-bit length cannot express.
    #[error("an entry has {bytes} bytes, at most {MAX_ENTRY_BYTES} fit; store it by its digest")]
    EntryTooLarge {
        /// Bytes of the entry.
        bytes: usize,
    },
    /// A bundle has 256 entries already.
    #[error("the bundle has {TILE_WIDTH} entries already; start the next one")]
    BundleFull,
}

#[cfg(test)]
mod tests;
