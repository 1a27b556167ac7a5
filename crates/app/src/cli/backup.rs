//! `backup` and `restore`: one tar file, made of a folder or by the platform.
//!
//! A backup holds the log's secret key: the file is its owner's only. Nothing is called done before
//! an audit of what was written found nothing.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use api::{
    endpoint::Nothing,
    nouns::{platform::BackupGet, storage::ToQuery},
    reference::Ref,
};
use store::backup::{BackupError, Copied};
use units::{Bytes, kinds};

use super::{audit::folder_exit, exit::Exit, failure::Failure, session::Session};
use crate::output::{human::size, say};

/// What makes a folder a data folder.
const FORMAT_FILE: &str = "format.json";

/// Write a backup of the platform to a tar file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde backup --data ~/.local/share/cocarde --to backup.tar   # in use or not
  cocarde backup --to backup.tar                                 # by the platform
  cocarde backup --to /mnt/lyon/backup.tar --storage lyon-vault

The file holds the log's secret key: keep it as safe as the data folder. The platform asks its policies
whether everything may go to that place, and logs the answer before the first byte; see `cocarde storage list`.
A copy of a folder is made by whoever holds the disk, and asks nobody.")]
pub(crate) struct BackupArgs {
    /// The data folder; the platform is asked if absent
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The tar file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The registered place of storage that the file goes to; the first one for backups if absent
    #[arg(long, value_name = "STORAGE", conflicts_with = "data")]
    storage: Option<Ref<kinds::Storage>>,
}

/// Restore a backup into an empty folder and audit it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde restore --from backup.tar --data /srv/cocarde")]
pub(crate) struct RestoreArgs {
    /// The tar file, or a folder that it was unpacked into
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data folder to make; missing or empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Writes a backup.
pub(crate) fn backup(args: &BackupArgs, session: &Session) -> Result<(), Failure> {
    let partial = partial(&args.to)?;
    let written = match &args.data {
        Some(data) => from_folder(data, &args.to, &partial),
        None => from_platform(session, args, &partial),
    };
    let finished = written.and_then(|bytes| {
        fs::hard_link(&partial, &args.to)
            .map(|()| bytes)
            .map_err(|error| Failure::file("make", &args.to, &error))
    });
    // A partial file left behind only costs space, and the next backup replaces it.
    let _ = fs::remove_file(&partial);
    say(&format!("{} written to `{}`", size(Bytes(finished?)), args.to.display()));
    Ok(())
}

/// The name under which the file grows; the file itself must not exist yet.
fn partial(to: &Path) -> Result<PathBuf, Failure> {
    if to.exists() {
        return Err(Failure::new(Exit::Conflict, format!("`{}` exists already", to.display()))
            .remedy("choose another name; a backup never replaces one"));
    }
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    Ok(to.with_file_name(name))
}

fn create(partial: &Path) -> Result<File, Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(partial).map_err(|error| Failure::file("write", partial, &error))
}

fn from_folder(data: &Path, to: &Path, partial: &Path) -> Result<u64, Failure> {
    let beside = beside(to)?;
    let copy = beside.path().join("data");
    let copied = store::backup::backup(data, &copy).map_err(|error| refused(&error))?;
    told(&copied);
    let wrong = |error: io::Error| Failure::file("write", partial, &error);
    let mut archive = tar::Builder::new(create(partial)?);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", &copy).map_err(wrong)?;
    let file = archive.into_inner().map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    Ok(file.metadata().map_err(wrong)?.len())
}

fn from_platform(session: &Session, args: &BackupArgs, partial: &Path) -> Result<u64, Failure> {
    let (to, query) = (&args.to, ToQuery { storage: args.storage.clone() });
    let mut reader = session.client()?.stream::<BackupGet>(&Nothing {}, &query)?;
    let mut file = create(partial)?;
    let wrong = |error: io::Error| {
        Failure::new(Exit::Failed, format!("the backup to `{}` broke off: {error}", to.display()))
    };
    let bytes = io::copy(&mut reader, &mut file).map_err(wrong)?;
    file.flush().and_then(|()| file.sync_all()).map_err(wrong)?;
    Ok(bytes)
}

/// Restores a backup.
pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let copied = if args.from.is_dir() {
        store::backup::restore(&args.from, &args.data)
    } else {
        let beside = beside(&args.data)?;
        let unpacked = beside.path().join("unpacked");
        unpack(&args.from, &unpacked)?;
        store::backup::restore(&root_of(&unpacked), &args.data)
    };
    told(&copied.map_err(|error| refused(&error))?);
    say(&format!("restored: start it with `cocarde up --data {}`", args.data.display()));
    Ok(())
}

/// A folder of our own beside a path, on the same disk, for its owner only.
fn beside(path: &Path) -> Result<tempfile::TempDir, Failure> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wrong = |error: io::Error| Failure::file("write to", parent, &error);
    fs::create_dir_all(parent).map_err(wrong)?;
    tempfile::Builder::new()
        .prefix(".cocarde-backup-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(wrong)
}

/// Unpacks plain files and folders below a folder; anything else in the archive is refused.
fn unpack(archive: &Path, into: &Path) -> Result<(), Failure> {
    let file = File::open(archive).map_err(|error| Failure::file("read", archive, &error))?;
    let damaged = |detail: String| {
        Failure::invalid(format!("`{}` is not a backup: {detail}", archive.display()))
            .remedy("give a tar file that `cocarde backup` wrote")
    };
    fs::create_dir_all(into).map_err(|error| Failure::file("make", into, &error))?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    archive.set_preserve_permissions(false);
    for entry in archive.entries().map_err(|error| damaged(error.to_string()))? {
        let mut entry = entry.map_err(|error| damaged(error.to_string()))?;
        let path = entry.path().map_err(|error| damaged(error.to_string()))?.into_owned();
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_dir()) || !path.components().all(plain) {
            return Err(damaged(format!("it holds `{}`, which no backup does", path.display())));
        }
        entry.unpack_in(into).map_err(|error| damaged(error.to_string()))?;
    }
    Ok(())
}

/// The data folder within what was unpacked: itself, or its only folder.
fn root_of(unpacked: &Path) -> PathBuf {
    if unpacked.join(FORMAT_FILE).exists() {
        return unpacked.to_owned();
    }
    let entries = fs::read_dir(unpacked).into_iter().flatten().flatten();
    let inner = entries.map(|entry| entry.path()).find(|path| path.join(FORMAT_FILE).exists());
    inner.unwrap_or_else(|| unpacked.to_owned())
}

fn told(copied: &Copied) {
    say(&format!(
        "{} entries and {} files, {}: audited, nothing found",
        copied.audit.entries,
        copied.blobs,
        size(Bytes(copied.bytes))
    ));
}

fn refused(error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::Folder(error) => folder_exit(error),
        BackupError::NotEmpty { .. } => Exit::Conflict,
        BackupError::Full { .. }
        | BackupError::Database { .. }
        | BackupError::Audit(_)
        | BackupError::Unsound { .. } => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive_of(path: &str, kind: tar::EntryType, file: &Path) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        let name = header.as_old_mut();
        name.name[..path.len()].copy_from_slice(path.as_bytes());
        name.linkname[..4].copy_from_slice(b"/etc");
        header.set_cksum();
        let mut archive = tar::Builder::new(File::create(file).unwrap());
        archive.append(&header, io::empty()).unwrap();
        archive.finish().unwrap();
    }

    #[test]
    fn an_archive_cannot_write_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (file, into) = (folder.path().join("a.tar"), folder.path().join("a/b"));
        for (path, kind) in [
            ("../evil", tar::EntryType::Regular),
            ("/evil", tar::EntryType::Regular),
            ("link", tar::EntryType::Symlink),
            ("link", tar::EntryType::Link),
            ("fifo", tar::EntryType::Fifo),
        ] {
            archive_of(path, kind, &file);
            assert_eq!(unpack(&file, &into).unwrap_err().exit, Exit::InvalidInput, "{path}");
        }
        archive_of("good", tar::EntryType::Regular, &file);
        unpack(&file, &into).unwrap();
        assert!(into.join("good").is_file());
        fs::write(&file, b"not a tar file at all, but long enough to look at").unwrap();
        assert_eq!(unpack(&file, &into).unwrap_err().exit, Exit::InvalidInput);
    }

    #[test]
    fn a_backup_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tar");
        assert_eq!(partial(&file).unwrap(), folder.path().join("a.tar.partial"));
        fs::write(&file, b"").unwrap();
        assert_eq!(partial(&file).unwrap_err().exit, Exit::Conflict);
    }

    #[test]
    fn the_data_folder_is_found_in_what_was_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(root_of(folder.path()), folder.path());
        let inner = folder.path().join("data");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join(FORMAT_FILE), b"{}").unwrap();
        assert_eq!(root_of(folder.path()), inner);
    }
}
