//! What is sealed in pieces comes back whole or not at all.

use std::sync::Arc;

use super::{KeepError, Lines, Next, Place, Reader, Writer};
use crate::batch::safe::{SafeError, Seal};

/// Writes the place beside what it turns: enough to tell whether it was asked rightly.
#[derive(Debug)]
pub(in crate::batch) struct Paper;

impl Seal for Paper {
    fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SafeError> {
        let head = format!("{place}|");
        Ok(head.into_bytes().into_iter().chain(plain.iter().map(|byte| byte ^ 0x55)).collect())
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SafeError> {
        let found = sealed.strip_prefix(format!("{place}|").as_bytes());
        let found = found.ok_or(SafeError { detail: "another place".into() })?;
        Ok(found.iter().map(|byte| byte ^ 0x55).collect())
    }
}

pub(in crate::batch) fn place(name: &str) -> Place {
    Place { seal: Arc::new(Paper), name: name.to_owned() }
}

fn write(path: &std::path::Path, content: &[u8], cut: usize) -> super::Written {
    let mut writer = Writer::create(path, place("data 1")).unwrap();
    for part in content.chunks(cut) {
        writer.write(part).unwrap();
    }
    writer.finish().unwrap()
}

fn read(path: &std::path::Path, name: &str, pieces: u64) -> Result<Vec<u8>, KeepError> {
    let (mut reader, mut whole) = (Reader::open(path, place(name), pieces)?, Vec::new());
    while let Some(piece) = reader.next()? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

#[test]
fn pieces_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let content: Vec<u8> = (0..600_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for (content, pieces) in [(&content[..], 3), (&content[..super::PIECE_BYTES], 1), (&[], 0)] {
        for cut in [1 << 20, 70_001] {
            let written = write(&path, content, cut);
            assert_eq!((written.bytes, written.pieces), (content.len() as u64, pieces));
            assert!(read(&path, "data 1", pieces).unwrap() == content);
        }
    }
}

#[test]
fn what_is_left_out_moved_or_another_files_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let written = write(&path, &[7; 600_000], 1 << 20);
    assert!(read(&path, "data 2", written.pieces).is_err(), "another file's");
    let bytes = std::fs::read(&path).unwrap();
    let first = 4 + usize::try_from(u32::from_le_bytes(bytes[..4].try_into().unwrap())).unwrap();
    for wrong in [&bytes[first..], &bytes[..first], &bytes[..bytes.len() - 1], &[0xff; 64]] {
        std::fs::write(&path, wrong).unwrap();
        assert!(read(&path, "data 1", written.pieces).is_err());
    }
}

#[test]
fn a_file_that_is_not_finished_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut writer = Writer::create(&path, place("data 1")).unwrap();
    writer.write(b"half").unwrap();
    drop(writer);
    assert!(!path.exists());
}

#[test]
fn lines_have_their_numbers_wherever_pieces_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let long = "x".repeat(super::PIECE_BYTES);
    let content = format!("\na\r\n{long}\n \t\n\nlast");
    let written = write(&path, content.as_bytes(), 1_000);
    assert_eq!(written.lines, 3);
    let reader = Reader::open(&path, place("data 1"), written.pieces).unwrap();
    let (mut lines, mut found) = (Lines::new(reader, 1 << 20), Vec::new());
    while let Some(Next::Line(number, line)) = lines.next().unwrap() {
        found.push((number, String::from_utf8(line).unwrap()));
    }
    assert_eq!(found, [(2, "a".into()), (3, long), (6, "last".to_owned())]);
}

#[test]
fn a_line_that_is_too_long_ends_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for tail in ["\nb\n".to_owned(), "y".repeat(super::PIECE_BYTES)] {
        let content = format!("a\n{}{tail}", "x".repeat(101));
        let written = write(&path, content.as_bytes(), 1_000);
        let reader = Reader::open(&path, place("data 1"), written.pieces).unwrap();
        let mut lines = Lines::new(reader, 100);
        assert_eq!(lines.next().unwrap(), Some(Next::Line(1, b"a".to_vec())));
        assert_eq!(lines.next().unwrap(), Some(Next::TooLong(2)));
        assert_eq!(lines.next().unwrap(), None);
    }
}
