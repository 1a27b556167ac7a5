//! Backup while the platform runs, restoration, and refusal of what is not sound.

use std::fs;
use std::thread;

use kernel::{Command, State, model};
use store::backup::{BackupError, backup, restore};
use store::blob::Manifest;
use store::{DataFolder, audit};

use crate::lab::{self, Lab};
use crate::support::config;

/// Opens a folder whose model has a version with real blobs.
fn make(scratch: &tempfile::TempDir) -> (DataFolder, Lab) {
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let lab = lab::build(folder.handle());
    // What the laboratory's first version lists.
    folder.blobs().put_manifest(Manifest::default()).unwrap();
    let source = scratch.path().join("weights");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("model.bin"), vec![42; 200_000]).unwrap();
    let imported = folder.blobs().import_dir(&source).unwrap();
    let add = lab::version(lab.model, None, imported.digest);
    lab::run(folder.handle(), Command::Model(model::Command::AddVersion(add)));
    (folder, lab)
}

fn is_missing(message: &str) -> bool {
    message.contains("is not stored")
}

#[test]
fn a_backup_of_a_busy_folder_is_sound_and_can_be_restored() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, lab) = make(&scratch);
    let (to, back) = (scratch.path().join("backup"), scratch.path().join("back"));
    let copied = thread::scope(|scope| {
        let (handle, lab) = (folder.handle(), &lab);
        let writer = scope.spawn(move || {
            for n in 1..=200 {
                lab::run(handle, lab.tokens(Lab::gateway(1), n));
            }
        });
        let copied = backup(folder.path(), &to);
        writer.join().unwrap();
        copied.unwrap()
    });
    assert!(copied.audit.is_sound() && copied.blobs >= 2);
    let restored = restore(&to, &back).unwrap();
    assert_eq!(restored.audit.state_hash, copied.audit.state_hash);
    // The restored folder is the log at the moment of the backup, and goes on from there.
    let entries = copied.audit.entries;
    let again = DataFolder::open(&back, config()).unwrap();
    assert_eq!(again.handle().size(), entries);
    assert_eq!(again.read(State::hash), copied.audit.state_hash);
    assert_eq!(again.origin(), folder.origin());
    lab::run(again.handle(), lab::new_organisation("after-the-fire"));
}

#[test]
fn an_unsound_backup_is_never_called_done() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, _) = make(&scratch);
    let weights = folder.blobs().import_dir(&scratch.path().join("weights")).unwrap();
    fs::remove_file(folder.blobs().path(weights.manifest.files[0].digest)).unwrap();
    let to = scratch.path().join("backup");
    let refused = backup(folder.path(), &to).unwrap_err();
    let BackupError::Unsound { first, .. } = &refused else { panic!("{refused}") };
    assert!(is_missing(first), "{first}");
    assert!(!to.join("format.json").exists(), "nothing takes it for a data folder");
    let options = audit::Options { blobs: true, ..audit::Options::default() };
    let report = audit::verify(folder.path(), &options).unwrap();
    assert!(report.findings.iter().any(|finding| is_missing(&finding.message)));
}

#[test]
fn targets_in_use_are_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, _) = make(&scratch);
    let to = scratch.path().join("target");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("thesis.tex"), "years of work").unwrap();
    assert!(matches!(backup(folder.path(), &to), Err(BackupError::NotEmpty { .. })));
    let nothing = restore(&to, &scratch.path().join("other"));
    assert!(matches!(nothing, Err(BackupError::Folder(_))));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
}
