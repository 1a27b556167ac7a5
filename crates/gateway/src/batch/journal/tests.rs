//! Rows are there after a process has died, and a line has one.

use std::io::Write as _;
use std::path::Path;

use super::Journal;
use crate::batch::sealed::tests::place;

fn rows(path: &Path) -> Vec<(bool, String)> {
    let mut rows = Vec::new();
    let take = |is_good: bool, text: &str| {
        rows.push((is_good, text.to_owned()));
        Ok(())
    };
    Journal::each(path, &place("rows 1"), take).unwrap();
    rows
}

fn open(path: &Path) -> Journal {
    Journal::open(path, place("rows 1")).unwrap()
}

#[test]
fn a_line_has_one_row_through_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut journal = open(&path);
    journal.add(70, true, "seventy").unwrap();
    journal.add(1, false, "one").unwrap();
    journal.add(70, false, "again").unwrap();
    drop(journal);
    let mut journal = open(&path);
    let done = journal.done();
    assert_eq!((done.completed, done.failed, done.len()), (1, 1, 2));
    assert!(done.has(70) && done.has(1) && !done.has(6) && !done.has(64) && !done.has(9_999));
    journal.add(1, true, "again").unwrap();
    journal.add(2, true, "two").unwrap();
    let wanted = [(true, "seventy".into()), (false, "one".into()), (true, "two".to_owned())];
    assert_eq!(rows(&path), wanted);
}

#[test]
fn a_row_that_was_being_written_is_cut_off() {
    for garbage in [&[9, 0, 0, 0, 1][..], &[0; 4_096], &[1, 0], &[0xff; 100]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut journal = open(&path);
        journal.add(1, true, "one").unwrap();
        drop(journal);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(garbage).unwrap();
        let mut journal = open(&path);
        assert_eq!(journal.done().len(), 1);
        journal.add(2, true, "two").unwrap();
        assert_eq!(rows(&path).len(), 2, "what comes after it is read again");
        assert_eq!(open(&path).done().len(), 2);
    }
}
