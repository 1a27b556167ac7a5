//! Tile names as paths (`tlog-tiles` §Merkle Tree). Parsing must accept exactly what `Display`
//! writes: two spellings of one tile would be two cache entries, and a way out of a folder.

use std::fmt;
use std::str::FromStr;

use super::{TILE_WIDTH, Tile, TileError, TileKind};

/// Longest path of a 64-bit index: 7 elements of 5 bytes, prefix, level and width.
const PATH_BYTES_MAX: usize = 64;

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(formatter, "tile/{level}/")?,
            TileKind::Entries => formatter.write_str("tile/entries/")?,
        }
        let digits = self.index.to_string();
        let padding = "0".repeat(digits.len().next_multiple_of(3).saturating_sub(digits.len()));
        let padded = padding + &digits;
        let mut rest = padded.as_str();
        while let Some((element, more)) = rest.split_at_checked(3)
            && !more.is_empty()
        {
            write!(formatter, "x{element}/")?;
            rest = more;
        }
        formatter.write_str(rest)?;
        if self.is_partial() {
            write!(formatter, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        // The strict spelling follows from one rule: it must be what `Display` writes back.
        parse(path)
            .filter(|tile| tile.to_string() == path)
            .ok_or_else(|| TileError::Path { path: path.chars().take(100).collect() })
    }
}

fn parse(path: &str) -> Option<Tile> {
    if path.len() > PATH_BYTES_MAX {
        return None;
    }
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes { level: level.parse().ok()? },
    };
    let (elements, width) = match rest.split_once(".p/") {
        Some((elements, width)) => (elements, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for element in elements.split('/') {
        let digits = element.strip_prefix('x').unwrap_or(element);
        if digits.len() != 3 {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse::<u16>().ok()?.into())?;
    }
    Tile::new(kind, index, width).ok()
}
