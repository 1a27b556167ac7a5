//! Rotation, tails and following, at the module's border.

use std::{fs, path::Path};

use units::Bytes;

use super::{Follower, LogLimits, RotatingLog, tail};

fn log(folder: &Path, file_size: u64, n_files: u32) -> RotatingLog {
    RotatingLog::new(folder, LogLimits { file_size: Bytes(file_size), n_files })
}

#[test]
fn rotation_keeps_the_newest_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = log(folder.path(), 20, 3);
    for number in 0..10 {
        log.write(format!("line number {number}\n").as_bytes());
    }
    assert_eq!(log.lost_bytes(), 0);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["log", "log.1", "log.2"]);
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "line number 9\n");
    assert_eq!(fs::read_to_string(folder.path().join("log.2")).unwrap(), "line number 7\n");
}

#[test]
fn one_file_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = log(folder.path(), 8, 1);
    log.write(b"first\n");
    log.write(b"second\n");
    assert_eq!(fs::read(folder.path().join("log")).unwrap(), b"second\n");
    assert!(!folder.path().join("log.1").exists());
}

#[test]
fn an_unwritable_log_is_counted_and_used_again_when_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sub");
    let mut log = log(&place, 100, 2);
    log.write(b"12345");
    assert_eq!(log.lost_bytes(), 5);
    fs::create_dir(&place).unwrap();
    log.write(b"kept");
    assert_eq!(log.lost_bytes(), 5);
    assert_eq!(fs::read(place.join("log")).unwrap(), b"kept");
}

#[test]
fn tails() {
    for (text, n_lines, expected) in [
        ("", 5, ""),
        ("a\nb\nc\n", 0, ""),
        ("a\nb\nc\n", 1, "c\n"),
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc\n", 9, "a\nb\nc\n"),
        ("a\nb\nunfinished", 2, "b\nunfinished"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), text).unwrap();
        assert_eq!(
            tail(folder.path(), n_lines).unwrap(),
            expected.as_bytes(),
            "{text:?} {n_lines}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tail(&folder.path().join("none"), 3).unwrap(), b"");
    fs::write(folder.path().join("log.1"), "old 1\nold 2\n").unwrap();
    fs::write(folder.path().join("log"), "new\n").unwrap();
    assert_eq!(tail(folder.path(), 2).unwrap(), b"old 2\nnew\n");
}

#[tokio::test]
async fn following_crosses_several_rotations_and_ends_with_the_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = log(folder.path(), 40, 8);
    log.write(b"before 1\nbefore 2\n");
    let mut follower = Follower::new(folder.path().to_path_buf(), 1);
    let mut seen = follower.next().await.unwrap().unwrap();
    let mut expected = b"before 2\n".to_vec();
    for number in 0..10 {
        let line = format!("a longer line {number}\n");
        log.write(line.as_bytes());
        expected.extend_from_slice(line.as_bytes());
        // Reading only now and then lets several rotations happen between two reads.
        if number % 4 == 0 {
            seen.extend(follower.next().await.unwrap().unwrap());
        }
    }
    fs::write(folder.path().join("exit.json"), "{}").unwrap();
    while let Some(chunk) = follower.next().await.unwrap() {
        seen.extend(chunk);
    }
    assert_eq!(String::from_utf8(seen).unwrap(), String::from_utf8(expected).unwrap());
}
