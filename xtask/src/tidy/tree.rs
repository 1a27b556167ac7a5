//! The files of the repository, read once. Build results, environments and git's own are left out.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Folders that hold nothing of ours, wherever they are.
const SKIPPED: &[&str] =
    &[".git", "target", ".venv", ".venv-clients", "__pycache__", "node_modules", "shared"];

/// Larger files are only weighed.
const READ_BYTES_MAX: u64 = 1 << 20;

/// Files by path from the root, with `/` between folders.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Size on disk.
    pub(super) bytes: u64,
    /// Its text; empty when it is not UTF-8 or too large to be source.
    pub(super) text: String,
}

impl Tree {
    /// Reads a folder and what is below it.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                // Gone since the folder was listed: somebody is editing, and it is no finding.
                let Ok(bytes) = entry.metadata().map(|metadata| metadata.len()) else { continue };
                let text = if bytes > READ_BYTES_MAX {
                    String::new()
                } else {
                    std::fs::read_to_string(entry.path()).unwrap_or_default()
                };
                self.files.insert(path, File { bytes, text });
            }
        }
        Ok(())
    }

    /// All files, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// All Rust files, by path.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, file)| (path, file.text.as_str()))
    }

    /// A file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// Names directly in a folder (`docs/adr/`), without those in folders below it.
    pub(super) fn names_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files()
            .filter_map(move |(path, _)| path.strip_prefix(folder))
            .filter(|name| !name.contains('/'))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of samples.
    pub(super) fn of(samples: &[(&str, &str)]) -> Self {
        let files = samples.iter().map(|(path, text)| {
            (String::from(*path), File { bytes: text.len() as u64, text: String::from(*text) })
        });
        Self { files: files.collect() }
    }
}
