//! Folders in and out: a folder becomes a manifest and blobs, a manifest becomes a folder again.
//! Links are refused on the way in, and on the way out nothing is written through one: the folder
//! is new, and every file in it is made, never opened.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use units::Digest;

use super::{
    BUFFER_BYTES, BlobError, Blobs, FILES_MAX, File, MANIFEST_BYTES_MAX, Manifest, ManifestError,
    io_error,
};
use crate::blob::manifest::check_path;

/// How the files of a manifest come into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// Each file is copied and its bytes checked: what happens to the copy harms nobody.
    Copy,
    /// Each file is a hard link to the blob: fast, no space, but whoever can write to the file as
    /// this user can damage the blob. Only for readers that cannot.
    Link,
}

/// A stored manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The manifest's own digest.
    pub digest: Digest,
    /// What it lists.
    pub manifest: Manifest,
}

impl Blobs {
    /// Stores all files of a folder, and the manifest that lists them.
    ///
    /// # Errors
    /// `NotAFile` for links and devices, `Manifest` for names that a manifest cannot hold, `Full`.
    pub fn import_dir(&self, path: &Path) -> Result<Imported, BlobError> {
        let found = fs::symlink_metadata(path).map_err(io_error("read", path))?;
        if !found.is_dir() {
            return Err(BlobError::NotAFile { path: path.to_owned() });
        }
        let mut files = Vec::new();
        for (name, path) in list(path)? {
            let stored = self.put_file(&path)?;
            files.push(File { path: name, digest: stored.digest, size: stored.size });
        }
        self.put_manifest(Manifest::new(files)?)
    }

    /// Stores a manifest. Its files need not be stored yet.
    ///
    /// # Errors
    /// `Manifest`, `Full`, `Io`.
    pub fn put_manifest(&self, manifest: Manifest) -> Result<Imported, BlobError> {
        let bytes = manifest.to_bytes()?;
        let stored = self.put_reader(&mut bytes.as_slice(), None, MANIFEST_BYTES_MAX)?;
        Ok(Imported { digest: stored.digest, manifest })
    }

    /// Reads and checks a stored manifest.
    ///
    /// # Errors
    /// `Missing`, `Damaged`, `Manifest`.
    pub fn manifest(&self, digest: Digest) -> Result<Manifest, BlobError> {
        Ok(Manifest::parse(&self.read(digest, MANIFEST_BYTES_MAX)?)?)
    }

    /// Makes the folder `into` (missing or empty) with the manifest's files, all read-only.
    ///
    /// # Errors
    /// `NotEmpty`, `Missing` for a file whose blob is not stored, `Damaged`, `Full`. What was made
    /// until then stays.
    pub fn materialise(
        &self,
        digest: Digest,
        into: &Path,
        placing: Placing,
    ) -> Result<Manifest, BlobError> {
        let manifest = self.manifest(digest)?;
        require_empty(into)?;
        let mut made = BTreeSet::new();
        for file in &manifest.files {
            let target = into.join(&file.path);
            let folder = target.parent().unwrap_or(into);
            if made.insert(folder.to_owned()) {
                fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            }
            self.place(file, &target, placing)?;
        }
        Ok(manifest)
    }

    fn place(&self, file: &File, target: &Path, placing: Placing) -> Result<(), BlobError> {
        if self.size(file.digest)? != file.size {
            return Err(BlobError::Damaged { digest: file.digest });
        }
        match placing {
            Placing::Copy => self.copy(file.digest, target),
            Placing::Link => match fs::hard_link(self.path(file.digest), target) {
                // Another file system, or too many links already.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::CrossesDevices | io::ErrorKind::TooManyLinks
                    ) =>
                {
                    self.copy(file.digest, target)
                }
                linked => linked.map_err(io_error("link", target)),
            },
        }
    }

    fn copy(&self, digest: Digest, target: &Path) -> Result<(), BlobError> {
        let mut from = self.open_blob(digest)?;
        // `create_new` follows no link and overwrites nothing.
        let created = OpenOptions::new().write(true).create_new(true).open(target);
        let mut to = created.map_err(io_error("create", target))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0_u8; BUFFER_BYTES];
        loop {
            let n = from.read(&mut buffer).map_err(io_error("read", target))?;
            let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            to.write_all(bytes).map_err(io_error("write", target))?;
        }
        if Digest(hasher.finalize().into()) != digest {
            return Err(BlobError::Damaged { digest });
        }
        let mut permissions = to.metadata().map_err(io_error("read", target))?.permissions();
        permissions.set_readonly(true);
        to.set_permissions(permissions).map_err(io_error("protect", target))
    }
}

fn require_empty(into: &Path) -> Result<(), BlobError> {
    let not_empty = || BlobError::NotEmpty { path: into.to_owned() };
    match fs::symlink_metadata(into) {
        Ok(found) if !found.is_dir() => Err(not_empty()),
        Ok(_) => {
            let mut entries = fs::read_dir(into).map_err(io_error("read", into))?;
            if entries.next().is_some() { Err(not_empty()) } else { Ok(()) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(into).map_err(io_error("create", into))
        }
        Err(error) => Err(io_error("read", into)(error)),
    }
}

/// All files below a folder with their manifest paths.
fn list(root: &Path) -> Result<Vec<(String, PathBuf)>, BlobError> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(io_error("read", &folder))? {
            let entry = entry.map_err(io_error("read", &folder))?;
            let path = entry.path();
            let name = entry.file_name().into_string().map_err(|name| ManifestError::Path {
                path: name.to_string_lossy().into_owned(),
                reason: "is not UTF-8: rename the file",
            })?;
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            check_path(&name)?;
            // The type of the entry itself: a link is not followed.
            let kind = entry.file_type().map_err(io_error("read", &path))?;
            if kind.is_dir() {
                folders.push((name, path));
            } else if kind.is_file() {
                files.push((name, path));
            } else {
                return Err(BlobError::NotAFile { path });
            }
            if files.len() > FILES_MAX || folders.len() > FILES_MAX {
                return Err(ManifestError::TooMany.into());
            }
        }
    }
    Ok(files)
}
