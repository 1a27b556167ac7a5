//! Files to and from the platform: a folder becomes blobs and a manifest, and back.
//!
//! Paths of a manifest come from others: none may lead out of the folder that is written to. Files
//! are streamed and hashed on the way, never held whole.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Component, Path, PathBuf},
};

use api::{
    client::{Client, ClientError},
    endpoint::Nothing,
    nouns::artefact::{
        BlobGet, DigestPath, Manifest, ManifestCreate, ManifestFile, ManifestGet, ManifestStored,
    },
    problem::Code,
    reference::Ref,
};
use sha2::{Digest as _, Sha256};
use units::{Bytes, Digest, IdKind};

use super::{exit::Exit, failure::Failure};
use crate::output::{progress::Progress, say};

/// Most files of a version.
const FILES_MAX: usize = 100_000;
/// Deepest folder.
const DEPTH_MAX: usize = 64;
/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A model or dataset and perhaps one of its versions: `numbers`, `numbers@v2`, `mdl_…@v2`.
#[derive(Debug, Clone)]
pub(crate) struct VersionAt<K: IdKind> {
    pub(crate) of: Ref<K>,
    pub(crate) number: Option<u32>,
}

impl<K: IdKind> std::str::FromStr for VersionAt<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, number) = match text.split_once('@') {
            Some((of, number)) => (of, Some(number)),
            None => (text, None),
        };
        let number = number.map(|number| {
            let digits = number.strip_prefix('v').unwrap_or(number);
            digits.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                format!("`{number}` is not a version: write for example `numbers@v2`")
            })
        });
        let of = of.parse().map_err(|e: api::reference::ParseReferenceError| e.to_string())?;
        Ok(Self { of, number: number.transpose()? })
    }
}

/// A file of a folder, before it is hashed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    /// Relative path with `/`.
    path: String,
    size: u64,
}

/// Makes a folder known to the platform and gives the digest of its manifest.
pub(crate) fn upload(client: &Client, folder: &Path) -> Result<ManifestStored, Failure> {
    let manifest = hash_folder(folder)?;
    // A folder that is stored already needs no blob to be sent.
    match client.call::<ManifestCreate>(&Nothing {}, &Nothing {}, &manifest, &Default::default()) {
        Ok(stored) => return Ok(stored),
        Err(error) if error.code() == Some(Code::BlobMissing) => {}
        Err(error) => return Err(error.into()),
    }
    let total = manifest.files.iter().fold(Bytes::ZERO, |sum, f| sum.saturating_add(f.size_bytes));
    let mut progress = Progress::start("uploading", total);
    let mut n_sent = 0_usize;
    let mut before = std::collections::BTreeSet::new();
    for file in &manifest.files {
        if before.insert(file.digest) && !is_stored(client, file.digest)? {
            send(client, folder, file)?;
            n_sent += 1;
        }
        progress.advance(file.size_bytes.0);
    }
    drop(progress);
    say(&format!("{n_sent} of {} files were not stored yet and were sent", manifest.files.len()));
    Ok(client.call::<ManifestCreate>(&Nothing {}, &Nothing {}, &manifest, &Default::default())?)
}

fn is_stored(client: &Client, digest: Digest) -> Result<bool, Failure> {
    // The answer's head is enough; dropping the reader ends the transfer.
    match client.stream::<BlobGet>(&DigestPath { digest }, &Nothing {}) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn send(client: &Client, folder: &Path, file: &ManifestFile) -> Result<(), Failure> {
    let path = folder.join(&file.path);
    let open = File::open(&path).map_err(|error| Failure::file("read", &path, &error))?;
    match client.put_blob(&DigestPath { digest: file.digest }, open) {
        Ok(_) => Ok(()),
        Err(error @ ClientError::Problem(_)) if error.code() == Some(Code::DigestMismatch) => {
            Err(Failure::new(Exit::Conflict, format!("`{}` changed while it was sent", file.path))
                .remedy("run the command again when nothing writes to the folder"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Hashes every file of a folder; links and files that are none are refused, not skipped.
pub(crate) fn hash_folder(folder: &Path) -> Result<Manifest, Failure> {
    let mut found = Vec::new();
    walk(folder, "", 0, &mut found)?;
    if found.is_empty() {
        return Err(Failure::invalid(format!("`{}` holds no file", folder.display())));
    }
    found.sort();
    let total = found.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    let mut progress = Progress::start("hashing", Bytes(total));
    let mut files = Vec::with_capacity(found.len());
    for file in found {
        let path = folder.join(&file.path);
        let wrong = |error: std::io::Error| Failure::file("read", &path, &error);
        let mut reader = File::open(&path).map_err(wrong)?;
        let (digest, size_bytes) =
            copy_hashed(&mut reader, &mut std::io::sink(), &mut progress).map_err(wrong)?;
        files.push(ManifestFile { path: file.path, digest, size_bytes });
    }
    Ok(Manifest { files })
}

fn walk(folder: &Path, below: &str, depth: usize, found: &mut Vec<Found>) -> Result<(), Failure> {
    let here = folder.join(below);
    let wrong = |error: std::io::Error| Failure::file("read", &here, &error);
    let refuse = |name: &str, why: &str| {
        let path = here.join(name);
        Err(Failure::invalid(format!("`{}` {why}", path.display()))
            .remedy("remove it or copy the folder without it"))
    };
    if depth > DEPTH_MAX {
        return refuse("", "is too deep");
    }
    for entry in fs::read_dir(&here).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let Ok(name) = entry.file_name().into_string() else {
            return refuse(&entry.file_name().to_string_lossy(), "has a name that is not UTF-8");
        };
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(wrong)?;
        if kind.is_dir() {
            walk(folder, &path, depth + 1, found)?;
        } else if kind.is_file() {
            found.push(Found { path, size: entry.metadata().map_err(wrong)?.len() });
        } else {
            return refuse(&name, "is a link or a device, not a file");
        }
        if found.len() > FILES_MAX {
            return refuse("", &format!("holds more than {FILES_MAX} files"));
        }
    }
    Ok(())
}

/// Copies and hashes on the way.
fn copy_hashed(
    reader: &mut dyn Read,
    writer: &mut dyn Write,
    progress: &mut Progress,
) -> std::io::Result<(Digest, Bytes)> {
    let mut hasher = Sha256::new();
    let mut size = 0_u64;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    loop {
        let n_read = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(n_read) => n_read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = chunk.get(..n_read).unwrap_or_default();
        hasher.update(part);
        writer.write_all(part)?;
        let n_read = u64::try_from(n_read).unwrap_or(u64::MAX);
        size = size.saturating_add(n_read);
        progress.advance(n_read);
    }
    Ok((Digest(hasher.finalize().into()), Bytes(size)))
}

/// Writes the files of a manifest into a folder; what is there already and right is kept.
pub(crate) fn download(client: &Client, manifest: Digest, folder: &Path) -> Result<(), Failure> {
    let manifest = client.get::<ManifestGet>(&DigestPath { digest: manifest }, &Nothing {})?;
    let places: Vec<PathBuf> =
        manifest.files.iter().map(|file| place(folder, &file.path)).collect::<Result<_, _>>()?;
    let total = manifest.files.iter().fold(Bytes::ZERO, |sum, f| sum.saturating_add(f.size_bytes));
    let mut progress = Progress::start("downloading", total);
    for (file, path) in manifest.files.iter().zip(&places) {
        let wrong = |error: std::io::Error| Failure::file("write", path, &error);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(wrong)?;
        let source = DigestPath { digest: file.digest };
        let mut reader = client.stream::<BlobGet>(&source, &Nothing {})?;
        let mut partial = tempfile::NamedTempFile::new_in(parent).map_err(wrong)?;
        let (digest, _) = copy_hashed(&mut reader, &mut partial, &mut progress).map_err(wrong)?;
        if digest != file.digest {
            let message = format!("`{}` arrived as {digest}, not as {}", file.path, file.digest);
            return Err(Failure::new(Exit::Failed, message)
                .remedy("run the command again; if it happens again, run `cocarde audit verify`"));
        }
        partial.persist(path).map_err(|error| wrong(error.error))?;
    }
    drop(progress);
    say(&format!("{} files are in `{}`", manifest.files.len(), folder.display()));
    Ok(())
}

/// Where a file of a manifest goes: below the folder, whatever its path says.
fn place(folder: &Path, path: &str) -> Result<PathBuf, Failure> {
    let relative = Path::new(path);
    let normal = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !normal || path.is_empty() || path.contains('\0') {
        let message = format!("the manifest names `{path}`, which leads out of the folder");
        return Err(Failure::new(Exit::Refused, message));
    }
    Ok(folder.join(relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_hashed_by_ascending_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for (path, text) in [("b/x", "1"), ("a", ""), ("c", "abc")] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let manifest = hash_folder(folder.path()).unwrap();
        let paths: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a", "b/x", "c"]);
        assert_eq!(manifest.files[2].size_bytes, Bytes(3));
        // FIPS 180-4's own example for `abc`.
        assert!(manifest.files[2].digest.hex().starts_with("ba7816bf8f01cfea"));
    }

    #[test]
    fn links_and_empty_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(hash_folder(folder.path()).unwrap_err().exit, Exit::InvalidInput);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("a")).unwrap();
        let failure = hash_folder(folder.path()).unwrap_err();
        assert!(failure.message.contains("is a link"), "{failure}");
        let missing = folder.path().join("missing");
        assert_eq!(hash_folder(&missing).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn a_manifest_cannot_lead_out_of_the_folder() {
        let folder = Path::new("/x");
        assert_eq!(place(folder, "a/b").unwrap(), Path::new("/x/a/b"));
        for path in ["../a", "/etc/passwd", "a/../../b", "", "a\0b", "./a/.."] {
            assert_eq!(place(folder, path).unwrap_err().exit, Exit::Refused, "{path:?}");
        }
    }
}
