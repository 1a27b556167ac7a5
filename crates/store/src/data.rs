//! A data folder, opened: the running log, its views, and the blobs. The one way to open one.

use std::path::Path;

use kernel::State;

use crate::audit;
use crate::blob::{BlobError, Blobs};
use crate::boot::{BootError, BootReport};
use crate::folder::{BLOBS_FOLDER, Folder, FolderError};
use crate::log_store::StoreError;
use crate::sequencer::{Config, Handle, Sequencer};
use crate::sqlite::SqliteStore;
use crate::view::LogView;

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not as it was signed, or cannot be read.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The blobs cannot be used.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// An open data folder; this process alone uses it until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    // Order matters: the sequencer ends before the lock is released.
    sequencer: Sequencer,
    blobs: Blobs,
    folder: Folder,
}

impl DataFolder {
    /// Opens a data folder, making it when missing or empty, and verifies and replays its log.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is ever repaired.
    pub fn open(path: &Path, config: Config) -> Result<Self, OpenError> {
        let folder = Folder::open(path)?;
        let database = folder.database();
        let store = SqliteStore::open(&database)?;
        let reader = SqliteStore::open_reader(&database)?;
        let blobs = Blobs::open(&folder.path.join(BLOBS_FOLDER))?;
        let started =
            Sequencer::start(Box::new(store), Box::new(reader), folder.key.clone(), config);
        let sequencer = started.map_err(|error| locate(&folder.path, error))?;
        Ok(Self { sequencer, blobs, folder })
    }

    /// Submits commands and reads the state.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.sequencer.handle()
    }

    /// Tiles, proofs, receipts.
    #[must_use]
    pub fn view(&self) -> LogView {
        LogView::new(self.handle())
    }

    /// The blobs.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    /// The log's unique name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.folder.format.origin
    }

    /// What the start found.
    #[must_use]
    pub fn report(&self) -> &BootReport {
        self.sequencer.report()
    }

    /// Looks at the durable state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.handle().read(look)
    }

    /// Finishes what is queued, saves a snapshot, and releases the folder.
    ///
    /// # Errors
    /// The reason, if the log had stopped on its own before.
    pub fn close(self) -> Result<(), String> {
        self.sequencer.shutdown()
    }
}

/// A start only knows that something is wrong; the audit knows where it begins.
fn locate(path: &Path, error: BootError) -> OpenError {
    if let BootError::LogCorrupt { seq, reason } = &error
        && let Ok(report) = audit::verify(path, &audit::Options::default())
        && let Some(first) = report.findings.iter().find_map(|finding| finding.seq)
        && first < *seq
    {
        return BootError::LogCorrupt { seq: first, reason: reason.clone() }.into();
    }
    error.into()
}
