//! Writing one blob: hashed while it is written to a temporary file, then made durable, then given
//! its name. A writer that is dropped before `finish` leaves nothing.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use units::Digest;

use super::{BlobError, Blobs, Stored, io_error};
use crate::folder::sync_folder;

/// Tells temporary files of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A blob being written.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    file: File,
    // Removed on drop; empty once the file has its name.
    temporary: Option<PathBuf>,
    hasher: Sha256,
    size: u64,
    max_bytes: u64,
}

impl BlobWriter {
    pub(super) fn new(blobs: &Blobs, max_bytes: u64) -> Result<Self, BlobError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = blobs.temporary().join(format!("{}-{number}", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(io_error("create", &path))?;
        Ok(Self {
            blobs: blobs.clone(),
            file,
            temporary: Some(path),
            hasher: Sha256::new(),
            size: 0,
            max_bytes,
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// `TooLarge`, `Full`, `Io`; drop the writer then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.size = self.size.saturating_add(more);
        if self.size > self.max_bytes {
            return Err(BlobError::TooLarge { limit: self.max_bytes });
        }
        self.hasher.update(bytes);
        let path = self.temporary.clone().unwrap_or_default();
        self.file.write_all(bytes).map_err(io_error("write", &path))
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes the blob durable under its name. Storing what is stored already is no error.
    ///
    /// # Errors
    /// `WrongDigest` if the content is not what was announced, `Full`, `Io`.
    pub fn finish(mut self, expected: Option<Digest>) -> Result<Stored, BlobError> {
        let digest = Digest(std::mem::take(&mut self.hasher).finalize().into());
        if let Some(expected) = expected
            && expected != digest
        {
            return Err(BlobError::WrongDigest { expected, found: digest });
        }
        let stored = Stored { digest, size: self.size };
        let path = self.blobs.path(digest);
        if self.blobs.size(digest).is_ok_and(|size| size == self.size) {
            return Ok(stored);
        }
        let Some(temporary) = self.temporary.clone() else { return Ok(stored) };
        let mut permissions =
            self.file.metadata().map_err(io_error("read", &temporary))?.permissions();
        permissions.set_readonly(true);
        self.file.set_permissions(permissions).map_err(io_error("protect", &temporary))?;
        self.file.sync_all().map_err(io_error("write", &temporary))?;
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let is_new = !folder.exists();
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        fs::rename(&temporary, &path).map_err(io_error("write", &path))?;
        self.temporary = None;
        sync_folder(&folder).map_err(io_error("write", &folder))?;
        if is_new && let Some(parent) = folder.parent() {
            sync_folder(parent).map_err(io_error("write", parent))?;
        }
        Ok(stored)
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            // The next start removes it too.
            let _ = fs::remove_file(path);
        }
    }
}
