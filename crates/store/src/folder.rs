//! The data folder: who may use it, which format it has, and the key that signs its log. It must
//! never touch a folder that holds something else, and never make a new key for an old log.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use ledger::{SigningKey, VerifierKey};
use serde::{Deserialize, Serialize};
use units::UnixMicros;

use crate::clock;

/// The format that this version writes.
pub const FORMAT_VERSION: u32 = 1;

/// Names within the folder.
pub(crate) const FORMAT_FILE: &str = "format.json";
pub(crate) const LOCK_FILE: &str = "lock";
pub(crate) const KEY_FILE: &str = "log.key";
pub(crate) const VERIFIER_FILE: &str = "log.vkey";
pub(crate) const DATABASE_FILE: &str = "log.db";
pub(crate) const BLOBS_FOLDER: &str = "blobs";

/// What a first start writes before the format file; such a folder is ours though it has none.
const FIRST_START: [&str; 6] =
    [LOCK_FILE, KEY_FILE, VERIFIER_FILE, "log.key.new", "log.vkey.new", "format.json.new"];

/// Most bytes of a format or key file.
const SMALL_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The content of `format.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// [`FORMAT_VERSION`] or older.
    pub format: u32,
    /// The log's unique name, also the name of its key.
    pub origin: String,
    /// When the folder was made.
    pub created: UnixMicros,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
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
    /// Another process has it open.
    #[error("another `cocarde` (pid {pid}) uses `{}`: stop it, or choose another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other process, `unknown` if it did not say.
        pid: String,
    },
    /// It holds files of something else.
    #[error("`{}` holds other files (`{found}`) and is not ours: choose an empty folder", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// One of the files.
        found: String,
    },
    /// There is no data folder here.
    #[error("`{}` is not a data folder: it has no `format.json`", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// `format.json` cannot be understood.
    #[error("`{}` is damaged ({reason}): restore it from a backup", path.display())]
    FormatDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer version wrote it.
    #[error("`{}` has format {found}, this version knows up to {FORMAT_VERSION}: use the newer version", path.display())]
    FormatNewer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The log's key is missing or not the one that belongs to the log.
    #[error("key file `{}` {reason}: restore it from a backup", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A data folder that this process alone uses, until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) key: SigningKey,
    // Held for its lock, which ends when the file is closed.
    _lock: File,
}

impl Folder {
    /// Locks a folder and reads or makes its format and key.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(io_error("create", path))?;
        let is_new = !path.join(FORMAT_FILE).exists();
        if is_new {
            require_only(path, &FIRST_START)?;
        }
        let lock = lock(path)?;
        // Another process may have made the folder between the look and the lock.
        if !path.join(FORMAT_FILE).exists() {
            create(path)?;
        }
        let format = read_format(path)?;
        let key = read_key(path, &format)?;
        Ok(Self { path: path.to_owned(), format, key, _lock: lock })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }
}

/// Reads the format of a folder without locking it.
pub(crate) fn read_format(path: &Path) -> Result<Format, FolderError> {
    let file = path.join(FORMAT_FILE);
    if !file.exists() {
        return Err(FolderError::Missing { path: path.to_owned() });
    }
    let bytes = read_small(&file)?;
    let damaged = |reason: String| FolderError::FormatDamaged { path: file.clone(), reason };
    // The number first: a newer format may have other fields.
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let found = value.get("format").and_then(serde_json::Value::as_u64);
    let found = found.and_then(|number| u32::try_from(number).ok());
    match found {
        None | Some(0) => Err(damaged("it has no format number".to_owned())),
        Some(found) if found > FORMAT_VERSION => {
            Err(FolderError::FormatNewer { path: path.to_owned(), found })
        }
        Some(_) => serde_json::from_value(value).map_err(|error| damaged(error.to_string())),
    }
}

/// Reads the verifier key beside a log.
pub(crate) fn read_verifier(path: &Path, format: &Format) -> Result<VerifierKey, FolderError> {
    let file = path.join(VERIFIER_FILE);
    let wrong = |reason: String| FolderError::Key { path: file.clone(), reason };
    let text =
        String::from_utf8(read_small(&file)?).map_err(|_| wrong("is not text".to_owned()))?;
    let key: VerifierKey = text.trim().parse().map_err(|_| wrong("is damaged".to_owned()))?;
    if key.name() != format.origin {
        return Err(wrong(format!("is that of `{}`, not of `{}`", key.name(), format.origin)));
    }
    Ok(key)
}

/// Puts a file in the place of another, whole or not at all, and durably: its name is on disk too when
/// this returns. Gives the file, open at its end.
///
/// # Errors
/// If it cannot be written; what was there before still is.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let new = path.with_added_extension("new");
    // What a start that was cut short has left is of no use to anybody.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    Ok(file)
}

/// The same for a file of a folder of ours.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FolderError> {
    replace_file(path, bytes, mode).map(drop).map_err(io_error("write", path))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io { action, path: path.to_owned(), source }
}

/// Refuses a folder that holds anything but these names.
pub(crate) fn require_only(path: &Path, names: &[&str]) -> Result<(), FolderError> {
    for entry in fs::read_dir(path).map_err(io_error("read", path))? {
        let name = entry.map_err(io_error("read", path))?.file_name();
        if !names.iter().any(|ours| name == *ours) {
            let found = name.to_string_lossy().into_owned();
            return Err(FolderError::NotOurs { path: path.to_owned(), found });
        }
    }
    Ok(())
}

/// Takes a folder for this process alone, until the file is closed.
pub(crate) fn lock(path: &Path) -> Result<File, FolderError> {
    let name = path.join(LOCK_FILE);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name);
    let mut file = opened.map_err(io_error("write", &name))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The number is only for the message.
            let _ = file.take(20).read_to_string(&mut pid);
            let pid = pid.trim();
            let pid = if pid.is_empty() { "unknown" } else { pid }.to_owned();
            return Err(FolderError::InUse { path: path.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(io_error("lock", &name)(source)),
    }
    let write = |file: &mut File| -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(io_error("write", &name))?;
    Ok(file)
}

/// The format file comes last: until it is there, the folder counts as empty.
fn create(path: &Path) -> Result<(), FolderError> {
    let key_file = path.join(KEY_FILE);
    let no_entropy = |error: clock::EntropyError| FolderError::Key {
        path: path.join(KEY_FILE),
        reason: format!("cannot be made ({error})"),
    };
    let mut seed = [0_u8; 32];
    let mut name = [0_u8; 8];
    clock::fill(&mut seed).map_err(no_entropy)?;
    clock::fill(&mut name).map_err(no_entropy)?;
    let origin = format!("cocarde.local/{:016x}", u64::from_be_bytes(name));
    let key = SigningKey::from_seed(&origin, seed)
        .map_err(|error| FolderError::Key { path: key_file.clone(), reason: error.to_string() })?;
    write_whole(&key_file, &seed, 0o600)?;
    write_whole(&path.join(VERIFIER_FILE), format!("{}\n", key.verifier()).as_bytes(), 0o644)?;
    let format = Format { format: FORMAT_VERSION, origin, created: clock::system_now() };
    let text = serde_json::to_vec(&format).unwrap_or_default();
    write_whole(&path.join(FORMAT_FILE), &text, 0o644)
}

fn read_key(path: &Path, format: &Format) -> Result<SigningKey, FolderError> {
    let file = path.join(KEY_FILE);
    let wrong = |reason: &str| FolderError::Key { path: file.clone(), reason: reason.to_owned() };
    if !file.exists() {
        return Err(wrong("is missing"));
    }
    let seed: [u8; 32] =
        read_small(&file)?.try_into().map_err(|_| wrong("does not have 32 bytes"))?;
    let key = SigningKey::from_seed(&format.origin, seed)
        .map_err(|_| wrong("does not fit the origin in `format.json`"))?;
    if read_verifier(path, format)? != *key.verifier() {
        return Err(wrong("is not the private half of `log.vkey`"));
    }
    Ok(key)
}

/// Reads a file of a few lines, never more than [`SMALL_FILE_BYTES_MAX`].
pub(crate) fn read_small(path: &Path) -> Result<Vec<u8>, FolderError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(io_error("read", path))
}
