//! Where an auditor reads a log from that somebody serves: tiles and checkpoints by their paths, over HTTP
//! or from a mirror folder. Nothing that comes from here is believed.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ledger::tile::decode_bundle;
use ledger::{Tile, TileKind};

/// The file of the newest checkpoint, in a mirror and below `/log`.
pub const CHECKPOINT_PATH: &str = "checkpoint";
/// The path of the last final checkpoint below `/log`, and its file in a mirror.
pub const FINAL_PATH: &str = "checkpoint/final";
pub(super) const FINAL_FILE: &str = "checkpoint.final";
/// The log's key in a mirror.
pub(super) const KEY_FILE: &str = "log.vkey";

/// Most bytes of one tile or bundle: 256 entries of 65,535 bytes with their lengths.
pub const TILE_BYTES_MAX: u64 = 256 * 65_537;

/// Something could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be read: {reason}")]
pub struct SourceError {
    /// What was wanted.
    pub path: String,
    /// Why not.
    pub reason: String,
}

/// A log that is served by paths, as C2SP `tlog-tiles` names them.
pub trait LogSource {
    /// The bytes behind a path below the log's prefix; nothing if there is none.
    ///
    /// # Errors
    /// [`SourceError`] if it is not known whether there is something.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;
}

/// A folder with the files of a log. With a source it is filled as it is read, and a later run goes on
/// where this one ended.
pub struct Mirror<'a> {
    folder: PathBuf,
    source: Option<&'a dyn LogSource>,
}

impl fmt::Debug for Mirror<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl<'a> Mirror<'a> {
    /// The mirror in a folder; what it lacks comes from the source if there is one.
    #[must_use]
    pub fn new(folder: &Path, source: Option<&'a dyn LogSource>) -> Self {
        Self { folder: folder.to_owned(), source }
    }

    /// True if a folder looks like a mirror.
    #[must_use]
    pub fn is_one(folder: &Path) -> bool {
        folder.join(CHECKPOINT_PATH).is_file() && !folder.join("format.json").exists()
    }

    fn stored(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(name, &error)),
        }
    }

    /// Writes a file whole or not at all. A crash may lose it; the next run then fetches it again.
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), SourceError> {
        let file = self.folder.join(name);
        let part = file.with_added_extension("part");
        let write = || -> io::Result<()> {
            fs::create_dir_all(file.parent().unwrap_or(&self.folder))?;
            fs::write(&part, bytes)?;
            fs::rename(&part, &file)
        };
        write().map_err(|error| wrong(name, &error))
    }

    /// The checkpoints that an earlier run left: the log must still be consistent with them.
    pub(super) fn earlier(&self) -> Result<Vec<Vec<u8>>, SourceError> {
        let files = [CHECKPOINT_PATH, FINAL_FILE].map(|name| self.stored(name));
        files.into_iter().filter_map(Result::transpose).collect()
    }

    /// Keeps the key and the checkpoints, after everything below them is there.
    pub(super) fn finish(
        &self,
        key: &str,
        newest: &[u8],
        last: Option<&[u8]>,
    ) -> Result<(), SourceError> {
        if self.source.is_none() {
            return Ok(());
        }
        self.keep(KEY_FILE, key.as_bytes())?;
        if let Some(last) = last {
            self.keep(FINAL_FILE, last)?;
        }
        self.keep(CHECKPOINT_PATH, newest)
    }
}

impl LogSource for Mirror<'_> {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let name = if path == FINAL_PATH { FINAL_FILE } else { path };
        let Ok(tile) = path.parse::<Tile>() else {
            // Checkpoints: always the source's newest.
            return match self.source {
                Some(source) => source.get(path),
                None => self.stored(name),
            };
        };
        // A tile never changes: one that is whole is not fetched again.
        let stored = self.stored(name)?.filter(|bytes| is_whole(&tile, bytes));
        match (stored, self.source) {
            (Some(bytes), _) => Ok(Some(bytes)),
            (None, None) => self.stored(name),
            (None, Some(source)) => {
                let fetched = source.get(path)?;
                if let Some(bytes) = &fetched {
                    self.keep(name, bytes)?;
                }
                Ok(fetched)
            }
        }
    }
}

/// True if the bytes have the shape of the tile; their content is checked elsewhere.
fn is_whole(tile: &Tile, bytes: &[u8]) -> bool {
    match tile.kind() {
        TileKind::Hashes { .. } => bytes.len() == usize::from(tile.width()).saturating_mul(32),
        TileKind::Entries => decode_bundle(tile, bytes).is_ok(),
    }
}

fn wrong(path: &str, error: &io::Error) -> SourceError {
    SourceError { path: path.to_owned(), reason: error.to_string() }
}
