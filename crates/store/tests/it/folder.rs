//! Opening a data folder: one process, one format, one key, and never somebody else's folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ledger::{Checkpoint, TreeHead, leaf_hash};
use store::{
    Batch, BootError, DataFolder, FolderError, Head, LogStore as _, MemoryStore, OpenError, Row,
    Sequencer,
};
use units::UnixMicros;

use crate::lab::{self, Lab};
use crate::support::{config, key};

fn refusal(dir: &Path) -> String {
    DataFolder::open(dir, config()).expect_err("must be refused").to_string()
}

#[test]
fn a_missing_folder_is_made_and_opened_again() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("deep/er");
    let folder = DataFolder::open(&dir, config()).unwrap();
    let origin = folder.origin().to_owned();
    assert!(origin.starts_with("cocarde.local/") && origin.len() == 30, "{origin}");
    // An empty log has a checkpoint that a witness can start from.
    assert!(folder.view().checkpoint().starts_with(&format!("{origin}\n0\n")));
    folder.close().unwrap();
    let mode = fs::metadata(dir.join("log.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = DataFolder::open(&dir, config()).unwrap();
    assert_eq!(again.origin(), origin);
    let written = fs::read_to_string(dir.join("log.vkey")).unwrap();
    assert_eq!(written.trim(), again.view().verifier().to_string());
}

#[test]
fn one_process_at_a_time() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let message = refusal(scratch.path());
    let pid = std::process::id();
    assert!(message.contains(&format!("another `cocarde` (pid {pid}) uses")), "{message}");
    drop(folder);
    DataFolder::open(scratch.path(), config()).unwrap();
}

#[test]
fn a_start_cut_short_is_taken_up_again() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("log.key"), [3; 32]).unwrap();
    fs::write(scratch.path().join("log.vkey.new"), "half").unwrap();
    DataFolder::open(scratch.path(), config()).unwrap();
}

#[test]
fn folders_of_others_are_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("thesis.tex"), "years of work").unwrap();
    assert!(refusal(scratch.path()).contains("holds other files (`thesis.tex`)"));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing was added");
    let file = scratch.path().join("thesis.tex");
    assert!(refusal(&file).contains("thesis.tex"));
}

#[test]
fn damaged_and_newer_formats_are_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    drop(DataFolder::open(scratch.path(), config()).unwrap());
    let file = scratch.path().join("format.json");
    let good = fs::read(&file).unwrap();
    for bad in ["", "{", "[]", "{\"format\":0}", "{\"format\":\"1\"}", "{\"format\":1}"] {
        fs::write(&file, bad).unwrap();
        let message = refusal(scratch.path());
        assert!(message.contains("restore it from a backup"), "{bad}: {message}");
    }
    fs::write(&file, "{\"format\":2,\"shards\":[]}").unwrap();
    assert!(refusal(scratch.path()).contains("format 2, this version knows up to 1"));
    fs::write(&file, good).unwrap();
    DataFolder::open(scratch.path(), config()).unwrap();
}

#[test]
fn a_log_never_gets_a_new_key() {
    let scratch = tempfile::tempdir().unwrap();
    drop(DataFolder::open(scratch.path(), config()).unwrap());
    let file = scratch.path().join("log.key");
    let seed = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(refusal(scratch.path()).contains("is missing: restore it"));
    for bad in [vec![1; 31], vec![1; 32]] {
        fs::write(&file, bad).unwrap();
        let error = DataFolder::open(scratch.path(), config()).unwrap_err();
        assert!(matches!(error, OpenError::Folder(FolderError::Key { .. })), "{error}");
    }
    fs::write(&file, seed).unwrap();
    DataFolder::open(scratch.path(), config()).unwrap();
}

#[test]
fn a_corrupt_log_is_named_and_not_repaired() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    for n in 1..=9 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
    }
    folder.close().unwrap();
    let database = rusqlite::Connection::open(scratch.path().join("log.db")).unwrap();
    // The entry stays well formed: only its hash tells.
    let sql = "UPDATE log SET leaf = CAST(replace(leaf, '1200', '1201') AS BLOB) WHERE seq = 14";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    for _ in 0..2 {
        match DataFolder::open(scratch.path(), config()).unwrap_err() {
            OpenError::Boot(BootError::LogCorrupt { seq, .. }) => assert_eq!(seq, 14),
            other => panic!("{other}"),
        }
    }
    assert!(refusal(scratch.path()).contains("restore from a backup"));
}

#[test]
fn an_entry_of_another_version_is_not_called_corrupt() {
    let mut store = MemoryStore::new();
    let leaf = br#"{"at":1,"actor":"system","event":{"quota":{"set":{}}}}"#.to_vec();
    let head = TreeHead { size: 1, root: leaf_hash(&leaf) };
    let signed = Checkpoint::new(key().name(), head).unwrap().sign(&key()).unwrap();
    let row = Row {
        seq: 0,
        at: UnixMicros(1),
        kind: "quota.set".to_owned(),
        subject: String::new(),
        leaf,
    };
    let batch = Batch { rows: vec![row], checkpoint: signed.to_string() };
    store.append(&Head::default(), &batch).unwrap();
    let start =
        || Sequencer::start(Box::new(store.clone()), Box::new(store.clone()), key(), config());
    let refused = start().unwrap_err();
    assert!(matches!(refused, BootError::OtherVersion { seq: 0, .. }), "{refused}");
}

#[test]
fn a_snapshot_that_an_earlier_version_left_in_the_database_is_used_unless_it_is_bad() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    lab::build(folder.handle());
    let (hash, seq) = (folder.read(kernel::State::hash), folder.handle().size());
    folder.close().unwrap();
    let file = scratch.path().join(format!("snapshot-{seq}.sealed"));
    let database = rusqlite::Connection::open(scratch.path().join("log.db")).unwrap();
    let sql = "INSERT INTO snapshot (seq, state) VALUES (?1, ?2)";
    database
        .execute(sql, rusqlite::params![i64::try_from(seq).unwrap(), std::fs::read(&file).unwrap()])
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let open = || DataFolder::open(scratch.path(), config()).unwrap();
    assert_eq!(open().report().snapshot, Some(seq));
    let sql = "UPDATE snapshot SET state = CAST(replace(state, 'saclay', 'Saclay') AS BLOB)";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    drop(database);
    let folder = open();
    assert_eq!(folder.report().snapshot, None);
    assert!(folder.report().snapshot_ignored.as_ref().unwrap().contains("seal"));
    assert_eq!(folder.read(kernel::State::hash), hash);
}
