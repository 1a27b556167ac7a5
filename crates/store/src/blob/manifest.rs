//! Manifests: the list of a version's files as canonical JSON, itself a blob. There is one spelling
//! of a manifest, so equal content has an equal digest; no path may lead out of a folder.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use units::Digest;

/// Most files of a manifest.
pub const FILES_MAX: usize = 100_000;

/// Most bytes of a path.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Most bytes of a manifest: [`FILES_MAX`] of the longest lines.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// The files of a version, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The files; bytewise ascending paths.
    pub files: Vec<File>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Relative, `/` between parts, no `.` or `..`, no backslash, no control character.
    pub path: String,
    /// Its blob.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not a manifest, or not in its one spelling.
    #[error("this is not a manifest in canonical form: {reason}")]
    Form {
        /// What is wrong.
        reason: String,
    },
    /// A path that could lead astray.
    #[error("path `{path}` {reason}")]
    Path {
        /// The path, cut to 200 characters.
        path: String,
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// Not sorted, or twice.
    #[error("path `{path}` is not after the one before it: sort the files by path, each once")]
    Order {
        /// The path out of order.
        path: String,
    },
    /// Too many files.
    #[error("a manifest has at most {FILES_MAX} files: pack small files into archives")]
    TooMany,
}

impl Manifest {
    /// Sorts and checks a list of files.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn new(mut files: Vec<File>) -> Result<Self, ManifestError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let manifest = Self { files };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads a manifest in its one spelling.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Form { reason: error.to_string() })?;
        manifest.check()?;
        if manifest.to_bytes()? != bytes {
            let reason = "it has other spaces, order or escapes".to_owned();
            return Err(ManifestError::Form { reason });
        }
        Ok(manifest)
    }

    /// The one spelling.
    ///
    /// # Errors
    /// `Form` if the JSON writer refuses, which plain text gives no reason for.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        serde_json::to_vec(self).map_err(|error| ManifestError::Form { reason: error.to_string() })
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.files.len() > FILES_MAX {
            return Err(ManifestError::TooMany);
        }
        let mut folders = BTreeSet::new();
        for file in &self.files {
            check_path(&file.path)?;
            let parents = file.path.match_indices('/').filter_map(|(at, _)| file.path.get(..at));
            folders.extend(parents);
        }
        for pair in self.files.windows(2) {
            if let [before, after] = pair
                && before.path >= after.path
            {
                return Err(ManifestError::Order { path: cut(&after.path) });
            }
        }
        match self.files.iter().find(|file| folders.contains(file.path.as_str())) {
            Some(file) => Err(refuse(&file.path, "is a file and a folder: rename one")),
            None => Ok(()),
        }
    }
}

/// Checks one path by the rules of [`File::path`].
pub(super) fn check_path(path: &str) -> Result<(), ManifestError> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(refuse(path, "needs 1 to 1024 bytes"));
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Err(refuse(path, "has a backslash or control character: rename the file"));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse(path, "is not relative without `.`, `..` and empty parts"));
    }
    Ok(())
}

fn refuse(path: &str, reason: &'static str) -> ManifestError {
    ManifestError::Path { path: cut(path), reason }
}

fn cut(path: &str) -> String {
    path.chars().take(200).collect()
}
