//! Snapshots as files beside the log: writing one of hundreds of megabytes must not hold up the log,
//! neither by the database's lock nor by its write-ahead log.
//!
//! A snapshot can be lost without loss of data. It appears whole or not at all, and is believed only
//! under its seal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::log_store::{SNAPSHOTS_KEPT, SaveSnapshot, Snapshot, StoreError};

/// What a snapshot's file is called, before and after its position.
const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".sealed";
/// A file that is being written; one that is left behind by a crash is written over.
const PART: &str = "snapshot.part";

/// Bytes written between two syncs, so that the log's own syncs wait for little of it, and the longest
/// pause after one, in which the disk is the log's.
const PIECE_BYTES: usize = 1 << 20;
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The largest snapshot; a larger state starts by folding its log.
const BYTES_MAX: usize = 4 << 30;

/// The snapshots of one folder.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotFiles {
    folder: PathBuf,
}

impl SnapshotFiles {
    /// Those beside a database.
    pub(crate) fn beside(database: &Path) -> Self {
        let folder = database.parent().unwrap_or(Path::new("."));
        Self { folder: folder.to_owned() }
    }

    /// Those of a data folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> Result<Option<Snapshot>, StoreError> {
        let files = self.files().map_err(|error| failed("read the snapshots", &error))?;
        let Some((seq, file)) = files.into_iter().next_back() else { return Ok(None) };
        let bytes = fs::read(&file).map_err(|error| failed("read the snapshot", &error))?;
        Ok(Some(Snapshot { seq, bytes }))
    }

    /// All of them by position.
    pub(crate) fn all(&self) -> io::Result<BTreeMap<u64, Vec<u8>>> {
        let mut all = BTreeMap::new();
        for (seq, file) in self.files()? {
            match fs::read(file) {
                Ok(bytes) => drop(all.insert(seq, bytes)),
                // A running platform has just replaced it by a newer one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn files(&self) -> io::Result<BTreeMap<u64, PathBuf>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let middle = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let seq = middle.and_then(|name| name.strip_suffix(SUFFIX));
            if let Some(seq) = seq.and_then(|seq| seq.parse().ok()) {
                files.insert(seq, entry.path());
            }
        }
        Ok(files)
    }

    fn write(&self, seq: u64, bytes: &[u8]) -> io::Result<()> {
        let part = self.folder.join(PART);
        let mut file = File::create(&part)?;
        for piece in bytes.chunks(PIECE_BYTES) {
            let started = Instant::now();
            file.write_all(piece)?;
            file.sync_data()?;
            thread::sleep(started.elapsed().min(PAUSE_MAX));
        }
        file.sync_all()?;
        fs::rename(&part, self.folder.join(format!("{PREFIX}{seq}{SUFFIX}")))?;
        File::open(&self.folder)?.sync_all()?;
        let files = self.files()?;
        let n_old = files.len().saturating_sub(SNAPSHOTS_KEPT);
        for old in files.into_values().take(n_old) {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

impl SaveSnapshot for SnapshotFiles {
    fn save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > BYTES_MAX {
            let reason = format!("{} bytes are more than {BYTES_MAX}", bytes.len());
            return Err(StoreError::Failed { action: "save a snapshot", reason });
        }
        self.write(seq, bytes).map_err(|error| failed("save a snapshot", &error))
    }
}

fn failed(action: &'static str, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Failed { action, reason: error.to_string() },
    }
}
