//! Content-addressed files on disk: `sha256/ab/cdef…`. A name is the hash of the content, so a blob
//! never changes; it must never become visible under its name before all of it is durable.

mod folder;
mod manifest;
mod writer;

pub use folder::{Imported, Placing};
pub use manifest::{FILES_MAX, File, MANIFEST_BYTES_MAX, Manifest, ManifestError, PATH_BYTES_MAX};
pub use writer::BlobWriter;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use units::Digest;

/// Bytes copied at a time.
pub(crate) const BUFFER_BYTES: usize = 128 * 1024;

/// The blobs of a data folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
}

/// A stored blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its name: SHA-256 of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No space left, or a quota reached.
    #[error("the disk is full at `{}`: free some space, then try again", path.display())]
    Full {
        /// Where.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no such blob.
    #[error("blob `{digest}` is not stored")]
    Missing {
        /// What was asked for.
        digest: Digest,
    },
    /// The bytes given are not those announced.
    #[error("the content is `{found}`, not `{expected}` as announced: send it again")]
    WrongDigest {
        /// Announced.
        expected: Digest,
        /// Received.
        found: Digest,
    },
    /// More bytes than allowed.
    #[error("the content has more than the {limit} bytes allowed")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The stored bytes are not those of its name: the disk or somebody changed them.
    #[error("blob `{digest}` is damaged: restore it from a backup")]
    Damaged {
        /// Its name.
        digest: Digest,
    },
    /// The manifest, or a file to be listed in one, is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A link, device or other file that cannot be stored.
    #[error("`{}` is neither a file nor a folder: remove it or copy what it points to", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// The place to put files into is in use.
    #[error("`{}` is not an empty folder: choose another", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

impl Blobs {
    /// Opens the blob folder, making it when missing, and removes what interrupted writers left.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let blobs = Self { root: root.to_owned() };
        for folder in [blobs.root.join("sha256"), blobs.temporary()] {
            fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        }
        let temporary = blobs.temporary();
        for entry in fs::read_dir(&temporary).map_err(io_error("read", &temporary))? {
            let path = entry.map_err(io_error("read", &temporary))?.path();
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
        Ok(blobs)
    }

    /// A second handle that only reads; nothing is made or removed.
    #[must_use]
    pub fn existing(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where a blob is or would be.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        let (first, rest) = hex.split_at(2);
        self.root.join("sha256").join(first).join(rest)
    }

    /// Whether a blob is stored.
    #[must_use]
    pub fn exists(&self, digest: Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Bytes of a stored blob.
    ///
    /// # Errors
    /// `Missing` or `Io`.
    pub fn size(&self, digest: Digest) -> Result<u64, BlobError> {
        let path = self.path(digest);
        fs::metadata(&path).map(|found| found.len()).map_err(self.missing(digest, &path))
    }

    /// Opens a blob to read. Its bytes are not checked: see [`verify`](Self::verify).
    ///
    /// # Errors
    /// `Missing` or `Io`.
    pub fn open_blob(&self, digest: Digest) -> Result<fs::File, BlobError> {
        let path = self.path(digest);
        fs::File::open(&path).map_err(self.missing(digest, &path))
    }

    /// Reads a small blob whole and checks its bytes.
    ///
    /// # Errors
    /// `Missing`, `TooLarge`, `Damaged`, `Io`.
    pub fn read(&self, digest: Digest, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
        if self.size(digest)? > max_bytes {
            return Err(BlobError::TooLarge { limit: max_bytes });
        }
        let path = self.path(digest);
        let mut bytes = Vec::new();
        self.open_blob(digest)?
            .take(max_bytes)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", &path))?;
        if Digest(Sha256::digest(&bytes).into()) != digest {
            return Err(BlobError::Damaged { digest });
        }
        Ok(bytes)
    }

    /// Reads a blob and compares its bytes with its name; answers their number.
    ///
    /// # Errors
    /// `Missing`, `Damaged`, `Io`.
    pub fn verify(&self, digest: Digest) -> Result<u64, BlobError> {
        let path = self.path(digest);
        let mut file = self.open_blob(digest)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0_u8; BUFFER_BYTES];
        let mut size = 0_u64;
        loop {
            let n = file.read(&mut buffer).map_err(io_error("read", &path))?;
            let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            size = size.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        }
        if Digest(hasher.finalize().into()) == digest {
            Ok(size)
        } else {
            Err(BlobError::Damaged { digest })
        }
    }

    /// Removes a blob for good; answers its bytes, or nothing if it is not stored. Whoever calls this
    /// knows that nothing refers to it any more.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        let size = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        let folder = path.parent().unwrap_or(&self.root);
        crate::folder::sync_folder(folder).map_err(io_error("write", folder))?;
        Ok(Some(size))
    }

    /// Starts writing a blob of at most `max_bytes`.
    ///
    /// # Errors
    /// `Full` or `Io`.
    pub fn writer(&self, max_bytes: u64) -> Result<BlobWriter, BlobError> {
        BlobWriter::new(self, max_bytes)
    }

    /// Stores what a reader gives, up to `max_bytes`; with `expected`, only that.
    ///
    /// # Errors
    /// `WrongDigest`, `TooLarge`, `Full`, `Io`; nothing is stored then.
    pub fn put_reader(
        &self,
        reader: &mut dyn Read,
        expected: Option<Digest>,
        max_bytes: u64,
    ) -> Result<Stored, BlobError> {
        let mut writer = self.writer(max_bytes)?;
        let mut buffer = vec![0_u8; BUFFER_BYTES];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(io_error("read the content for", &self.root)(source)),
            };
            let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
            writer.write(bytes)?;
        }
        writer.finish(expected)
    }

    /// Stores a file's content.
    ///
    /// # Errors
    /// As [`put_reader`](Self::put_reader), and `NotAFile` for a link or folder.
    pub fn put_file(&self, path: &Path) -> Result<Stored, BlobError> {
        let found = fs::symlink_metadata(path).map_err(io_error("read", path))?;
        if !found.is_file() {
            return Err(BlobError::NotAFile { path: path.to_owned() });
        }
        let mut file = fs::File::open(path).map_err(io_error("read", path))?;
        self.put_reader(&mut file, None, u64::MAX)
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn missing(&self, digest: Digest, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { digest },
            _ => BlobError::Io { action: "open", path, source },
        }
    }
}

/// A full disk is told apart from everything else: people can do something about it.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::Full { path },
        _ => BlobError::Io { action, path, source },
    }
}
