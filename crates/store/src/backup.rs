//! Backup of a running data folder, and its restoration. A backup is itself a data folder; nothing
//! is called done before an audit of what was written found nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::audit::{self, AuditError, AuditReport};
use crate::finality::FINAL_FILE;
use crate::folder::{
    self, BLOBS_FOLDER, DATABASE_FILE, FORMAT_FILE, FolderError, KEY_FILE, VERIFIER_FILE,
    sync_folder,
};
use crate::vault;

/// Pages copied between two looks at who else wants the database; all, as readers block nobody.
const PAGES_ALL: i32 = -1;

/// Tries when another process holds the database.
const TRIES_MAX: u32 = 20;

/// Why a backup or restoration is not done. What it wrote until then stays, without the format
/// file, so that nothing takes it for a data folder.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The target must be missing or empty.
    #[error("`{}` is not empty: choose an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// No space left.
    #[error("the disk is full at `{}`: free some space, then try again", path.display())]
    Full {
        /// Where.
        path: PathBuf,
    },
    /// The database cannot be copied.
    #[error("cannot copy the log: {reason}")]
    Database {
        /// What SQLite said.
        reason: String,
    },
    /// The audit could not be run.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The audit of the copy found something.
    #[error(
        "the copy is not sound, {findings} findings, first: {first}; run `cocarde audit verify` on the original"
    )]
    Unsound {
        /// How many.
        findings: usize,
        /// The first.
        first: String,
    },
}

/// What was copied and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Blobs.
    pub blobs: u64,
    /// Bytes of log and blobs.
    pub bytes: u64,
    /// The audit of the copy.
    pub audit: AuditReport,
}

/// Copies a data folder, in use or not, to `to` (missing or empty) and audits the copy. The copy
/// holds the log's secret key: keep it as safe as the original. It holds the vault sealed and not the
/// key-encryption key, without which nobody reads the vault.
///
/// # Errors
/// [`BackupError`].
pub fn backup(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    copy(from, to)
}

/// Restores a backup into `to` (missing or empty) and audits it, blobs included.
///
/// # Errors
/// [`BackupError`].
pub fn restore(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    copy(from, to)
}

/// The log first: every blob that it names was stored before it, so all are there to be copied.
fn copy(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    folder::read_format(from)?;
    require_empty(to)?;
    // Before the log: the copy of the log then holds all that witnesses have seen.
    let last = from.join(FINAL_FILE);
    let last = last.exists().then(|| fs::read(&last).map_err(io_error("read", &last)));
    let last = last.transpose()?;
    let database = to.join(DATABASE_FILE);
    copy_database(&audit::open_database(from).map_err(AuditError::from)?, &database)?;
    if let Some(bytes) = last {
        folder::write_whole(&to.join(FINAL_FILE), &bytes, 0o644)?;
    }
    let mut copied = Tally { blobs: 0, bytes: file_size(&database) };
    copied.bytes = copied.bytes.saturating_add(copy_vault(from, to)?);
    let blobs = from.join(BLOBS_FOLDER).join("sha256");
    if blobs.is_dir() {
        copy_blobs(&blobs, &to.join(BLOBS_FOLDER).join("sha256"), &mut copied)?;
    }
    for (name, mode) in [(VERIFIER_FILE, 0o644), (KEY_FILE, 0o600)] {
        let bytes = fs::read(from.join(name)).map_err(io_error("read", &from.join(name)))?;
        folder::write_whole(&to.join(name), &bytes, mode)?;
    }
    // The format file makes it a data folder; it is taken away again if the audit finds anything.
    let format = to.join(FORMAT_FILE);
    let bytes = fs::read(from.join(FORMAT_FILE)).map_err(io_error("read", &format))?;
    folder::write_whole(&format, &bytes, 0o644)?;
    let checked = audit::verify(to, &audit::Options { blobs: true, ..audit::Options::default() });
    let sound = checked.map_err(BackupError::from).and_then(|audit| match audit.findings.first() {
        None => Ok(audit),
        Some(first) => {
            let first = first.message.clone();
            Err(BackupError::Unsound { findings: audit.findings.len(), first })
        }
    });
    if sound.is_err() {
        fs::remove_file(&format).map_err(io_error("remove", &format))?;
    }
    Ok(Copied { blobs: copied.blobs, bytes: copied.bytes, audit: sound? })
}

struct Tally {
    blobs: u64,
    bytes: u64,
}

fn require_empty(to: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(io_error("create", to))?;
    let mut entries = fs::read_dir(to).map_err(io_error("read", to))?;
    if entries.next().is_some() {
        return Err(BackupError::NotEmpty { path: to.to_owned() });
    }
    Ok(())
}

/// The vault as it is, sealed; its key-encryption key stays where it is, or the backup would hold all
/// that erasing and withholding is to keep from it.
fn copy_vault(from: &Path, to: &Path) -> Result<u64, BackupError> {
    let Some(source) = vault::reader(from).map_err(vault_error)? else { return Ok(0) };
    let target = to.join(vault::VAULT_FILE);
    copy_database(&source, &target)?;
    // Opened once more: what was copied must be a vault.
    vault::Vault::inspect(to).map_err(vault_error)?;
    Ok(file_size(&target))
}

fn vault_error(error: vault::VaultError) -> BackupError {
    BackupError::Database { reason: error.to_string() }
}

fn copy_database(source: &Connection, to: &Path) -> Result<(), BackupError> {
    let run = || -> rusqlite::Result<bool> {
        let mut target = Connection::open(to)?;
        target.pragma_update(None, "synchronous", "FULL")?;
        let backup = Backup::new(source, &mut target)?;
        for _ in 0..TRIES_MAX {
            if backup.step(PAGES_ALL)? == StepResult::Done {
                return Ok(true);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Ok(false)
    };
    match run() {
        Ok(true) => Ok(()),
        Ok(false) => Err(BackupError::Database { reason: "another process holds it".to_owned() }),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
            Err(BackupError::Full { path: to.to_owned() })
        }
        Err(error) => Err(BackupError::Database { reason: error.to_string() }),
    }
}

fn copy_blobs(from: &Path, to: &Path, tally: &mut Tally) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(io_error("create", to))?;
    for entry in fs::read_dir(from).map_err(io_error("read", from))? {
        let entry = entry.map_err(io_error("read", from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(io_error("read", &path))?;
        if kind.is_dir() {
            copy_blobs(&path, &target, tally)?;
        } else if kind.is_file() {
            let bytes = fs::copy(&path, &target).map_err(io_error("copy", &target))?;
            let file = fs::File::open(&target).map_err(io_error("read", &target))?;
            file.sync_all().map_err(io_error("write", &target))?;
            tally.blobs = tally.blobs.saturating_add(1);
            tally.bytes = tally.bytes.saturating_add(bytes);
        }
    }
    sync_folder(to).map_err(io_error("write", to))
}

fn file_size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackupError::Full { path },
        _ => BackupError::Folder(FolderError::Io { action, path, source }),
    }
}
