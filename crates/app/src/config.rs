//! Contexts: which platforms this person talks to, with which key and in which project.
//!
//! The file holds tokens, so only its owner may read it, and it is replaced whole or not at all.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most contexts.
pub(crate) const CONTEXTS_MAX: usize = 1_000;

/// One platform and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Address of the platform.
    pub(crate) server: String,
    /// The key's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// The project that commands are about unless they say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
}

/// All contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The context in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// Where the file is: `$XDG_CONFIG_HOME/cocarde/config.json`, or below `~/.config`.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    // The XDG base directory specification ignores relative paths.
    let folder = set("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")));
    folder.map(|folder| folder.join("cocarde/config.json")).ok_or_else(|| {
        Failure::usage("there is no place for settings: neither HOME nor XDG_CONFIG_HOME is set")
    })
}

impl Config {
    /// Reads the file; without one there are no contexts.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let size = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let invalid = |detail: String| {
            Failure::invalid(format!("`{}` is not a settings file: {detail}", path.display()))
                .remedy("correct it, or delete it and run `cocarde login` again")
        };
        if size > FILE_BYTES_MAX {
            return Err(invalid(format!("it has {size} bytes")));
        }
        let bytes = fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))
    }

    /// Writes the file; the old one stays until the new one is complete.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let wrong = |error: &std::io::Error| Failure::file("write", path, error);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| wrong(&error))?;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::invalid(format!("settings cannot be written: {error}")))?;
        text.push('\n');
        // Temporary files are made for their owner only (0600), before anything is in them.
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new()
                .permissions(fs::Permissions::from_mode(0o600))
                .tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map(|_| ()).map_err(|error| error.error)
        };
        write().map_err(|error| wrong(&error))
    }

    /// The context in use.
    pub(crate) fn current(&self) -> Option<(&str, &Context)> {
        let name = self.current.as_deref()?;
        self.contexts.get(name).map(|context| (name, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/config.json");
        assert_eq!(Config::load(&path).unwrap(), Config::default());
        let context =
            Context { server: "http://127.0.0.1:1".into(), token: Some("t".into()), project: None };
        let config = Config { current: Some("x".into()), contexts: [("x".into(), context)].into() };
        config.save(&path).unwrap();
        config.save(&path).unwrap();
        assert_eq!(Config::load(&path).unwrap(), config);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(config.current().map(|(name, _)| name), Some("x"));
    }

    #[test]
    fn a_damaged_file_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for bytes in [&b"{"[..], b"{\"token\":1}", b"\xff"] {
            fs::write(&path, bytes).unwrap();
            let failure = Config::load(&path).unwrap_err();
            assert!(failure.remedy.as_deref().is_some_and(|r| r.contains("cocarde login")));
        }
    }
}
