//! Every bit that matters: whatever is flipped in a stored log, the audit finds it.
//!
//! Two kinds of flips. In the rows, through SQL, each one must be found. In the bytes of the file,
//! a flip may hit what nobody reads (free space, a reserved header field): then every table must
//! still read exactly as before; otherwise it must be found.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::{Checkpoint, verify};
use rusqlite::Connection;
use rusqlite::types::Value;
use store::{Config, DataFolder, audit};

use crate::lab::{self, Lab};
use crate::support::{Random, config, copy_dir, flip};

/// A closed log with usage, a job's whole life, and two snapshots.
fn make(dir: &Path) {
    let folder = DataFolder::open(dir, Config { snapshot_every: 40, ..config() }).unwrap();
    let lab = lab::build(folder.handle());
    for n in 1..=25 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
    }
    lab.train(folder.handle(), "train-tiny");
    for n in 26..=50 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
    }
    folder.close().unwrap();
}

fn findings(dir: &Path) -> Vec<String> {
    match audit::verify(dir, &audit::Options::default()) {
        Ok(report) => report.findings.into_iter().map(|finding| finding.message).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// The cells that an audit must vouch for: table, key column, column.
const CELLS: [(&str, &str, &str); 7] = [
    ("log", "seq", "leaf"),
    ("log", "seq", "kind"),
    ("log", "seq", "subject"),
    ("log", "seq", "at"),
    ("log", "seq", "seq"),
    ("checkpoint", "size", "signed"),
    ("checkpoint", "size", "size"),
];

/// The files of the snapshots.
fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<PathBuf> =
        files.filter(|path| name(path).starts_with("snapshot-")).collect();
    files.sort();
    files
}

#[test]
fn a_thousand_flipped_bits_in_rows_are_all_found() {
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    assert_eq!(findings(scratch.path()), Vec::<String>::new());
    let database = Connection::open(scratch.path().join("log.db")).unwrap();
    let mut random = Random(2026);
    for round in 0..1_000 {
        let (table, key, column) = CELLS[round % CELLS.len()];
        let keys: Vec<i64> = database
            .prepare(&format!("SELECT {key} FROM {table} ORDER BY {key}"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let at = keys[random.below(keys.len())];
        let select = format!("SELECT {column} FROM {table} WHERE {key} = ?1");
        let old: Value = database.query_row(&select, [at], |row| row.get(0)).unwrap();
        let (new, cast) = flipped(&old, &mut random);
        let update = format!("UPDATE {table} SET {column} = {cast} WHERE {key} = ?2");
        if database.execute(&update, rusqlite::params![new, at]).is_err() {
            // The flipped key exists already: the database itself refuses.
            assert_eq!(key, column);
            continue;
        }
        let found = findings(scratch.path());
        assert!(!found.is_empty(), "round {round}: {table}.{column} at {at}: {old:?} -> {new:?}");
        let now = if key == column { &new } else { &Value::Integer(at) };
        let restore = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2");
        assert_eq!(database.execute(&restore, rusqlite::params![old, now]).unwrap(), 1);
    }
    assert_eq!(findings(scratch.path()), Vec::<String>::new());
}

/// The value with one bit changed, and the SQL that stores it with its type.
fn flipped(old: &Value, random: &mut Random) -> (Value, &'static str) {
    match old {
        // Bits up to 2^40 keep a number one that SQLite can hold as a key.
        Value::Integer(number) => (Value::Integer(number ^ (1 << random.below(40))), "?1"),
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            let bit = random.below(bytes.len() * 8);
            flip(&mut bytes, bit);
            (Value::Blob(bytes), "CAST(?1 AS TEXT)")
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let bit = random.below(bytes.len() * 8);
            flip(&mut bytes, bit);
            (Value::Blob(bytes), "?1")
        }
        other => panic!("{other:?}"),
    }
}

/// Everything that the three tables say, or that they cannot be read.
fn dump(dir: &Path) -> Option<Vec<Vec<Value>>> {
    let database = Connection::open(dir.join("log.db")).ok()?;
    let mut all = Vec::new();
    for (table, columns) in [("log", 5), ("checkpoint", 2), ("snapshot", 2)] {
        let mut statement = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).ok()?;
        let mut rows = statement.query([]).ok()?;
        while let Some(row) = rows.next().ok()? {
            let cells = (0..columns).map(|column| row.get::<_, Value>(column).ok());
            all.push(cells.collect::<Option<Vec<Value>>>()?);
        }
    }
    Some(all)
}

#[test]
fn a_flipped_bit_in_the_file_is_found_or_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (dir, copy) = (scratch.path().join("data"), scratch.path().join("copy"));
    make(&dir);
    let original = dump(&dir).unwrap();
    copy_dir(&dir, &copy);
    let good = fs::read(dir.join("log.db")).unwrap();
    let mut random = Random(7);
    let mut n_found = 0;
    for round in 0..500 {
        let bit = random.below(good.len() * 8);
        let mut bad = good.clone();
        flip(&mut bad, bit);
        fs::write(copy.join("log.db"), &bad).unwrap();
        for beside in ["log.db-wal", "log.db-shm"] {
            let _ = fs::remove_file(copy.join(beside));
        }
        if findings(&copy).is_empty() {
            let same = dump(&copy).as_ref() == Some(&original);
            assert!(same, "round {round}: bit {bit} changed what is read and was not found");
        } else {
            n_found += 1;
        }
    }
    // Most of the file is content.
    assert!(n_found > 250, "{n_found} of 500 found");
}

#[test]
fn a_flipped_bit_in_a_snapshot_and_a_wrong_position_are_found() {
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    let files = snapshots(scratch.path());
    assert!(!files.is_empty());
    let mut random = Random(12);
    for round in 0..200 {
        let file = &files[round % files.len()];
        let good = fs::read(file).unwrap();
        let mut bad = good.clone();
        flip(&mut bad, random.below(good.len() * 8));
        fs::write(file, &bad).unwrap();
        assert!(!findings(scratch.path()).is_empty(), "round {round}: {}", file.display());
        fs::write(file, &good).unwrap();
    }
    for name in ["snapshot-7.sealed", "snapshot-100000.sealed"] {
        let copy = scratch.path().join(name);
        fs::copy(&files[0], &copy).unwrap();
        assert!(!findings(scratch.path()).is_empty(), "{name}");
        fs::remove_file(copy).unwrap();
    }
    assert_eq!(findings(scratch.path()), Vec::<String>::new());
}

#[test]
fn a_start_ignores_a_changed_snapshot_and_folds_the_log() {
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    let honest = DataFolder::open(scratch.path(), config()).unwrap();
    assert!(honest.report().snapshot.is_some() && honest.report().snapshot_ignored.is_none());
    let hash = honest.read(kernel::State::hash);
    honest.close().unwrap();
    for file in snapshots(scratch.path()) {
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        flip(&mut bytes, last * 8);
        fs::write(&file, bytes).unwrap();
    }
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    assert!(folder.report().snapshot_ignored.is_some());
    assert_eq!(folder.report().folded, folder.report().entries);
    assert_eq!(folder.read(kernel::State::hash), hash);
}

#[test]
fn removed_and_added_rows_are_found() {
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    let cases = [
        ("DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)", "the log was cut short"),
        ("DELETE FROM log WHERE seq = 20", "entries are missing"),
        ("DELETE FROM checkpoint", "nothing about them is proven"),
        (
            "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)",
            "no checkpoint signs this entry",
        ),
        (
            "INSERT INTO log SELECT max(seq) + 1, max(at), kind, subject, leaf FROM log",
            "no checkpoint signs this entry",
        ),
        // The end of the log with its checkpoints: the snapshot tells.
        (
            "DELETE FROM log WHERE seq > 20; DELETE FROM checkpoint WHERE size > 21",
            "lies beyond the log",
        ),
        ("CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM lease; END", "triggers"),
        ("CREATE VIEW more AS SELECT * FROM log", "views"),
    ];
    for (number, (sql, expected)) in cases.iter().enumerate() {
        let copy = scratch.path().join(format!("case-{number}"));
        fs::create_dir(&copy).unwrap();
        for name in ["log.db", "log.vkey", "format.json"] {
            fs::copy(scratch.path().join(name), copy.join(name)).unwrap();
        }
        for file in snapshots(scratch.path()) {
            fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
        let database = Connection::open(copy.join("log.db")).unwrap();
        database.execute_batch(sql).unwrap();
        drop(database);
        let found = findings(&copy);
        assert!(found.iter().any(|message| message.contains(expected)), "{sql}: {found:?}");
    }
}

#[test]
fn flipped_bits_in_served_tiles_are_all_found() {
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let view = folder.view();
    let signed = view.checkpoint();
    let checkpoint =
        Checkpoint::open(signed.as_bytes(), &view.verifier(), folder.origin()).unwrap();
    let head = checkpoint.head();
    let honest = |tile: &ledger::Tile| view.tile(&tile.to_string()).ok();
    assert!(verify::check_log(&head, &honest).is_empty());
    let paths: Vec<ledger::Tile> = ledger::tile::hash_tiles(0, head.size)
        .chain(ledger::tile::entry_bundles(0, head.size))
        .collect();
    let mut random = Random(11);
    for _ in 0..300 {
        let target = paths[random.below(paths.len())];
        let bit = random.next();
        let forged = |tile: &ledger::Tile| {
            let mut bytes = honest(tile)?;
            if *tile == target {
                let bits = u64::try_from(bytes.len() * 8).unwrap();
                flip(&mut bytes, usize::try_from(bit % bits).unwrap());
            }
            Some(bytes)
        };
        assert!(!verify::check_log(&head, &forged).is_empty(), "{target}");
    }
}
