//! Every file of `fixtures/scenarios`: its transcript must be the one that the platform gives.

use super::{asked, fixtures};
use crate::scenario::{run_file, run_text};

#[test]
fn every_scenario_gives_its_transcript() {
    let folder = fixtures("scenarios");
    let listed = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        listed.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    assert!(files.len() >= 8, "{} scenarios in {}", files.len(), folder.display());
    let mut wrong = Vec::new();
    for path in files {
        let found = run_file(&path).unwrap_or_else(|error| panic!("{error}"));
        let stored = std::fs::read_to_string(&path).unwrap();
        if asked("UPDATE") {
            std::fs::write(&path, &found).unwrap();
        } else if found != stored {
            wrong.push(first_difference(&path.display().to_string(), &stored, &found));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 writes the transcripts anew", wrong.join("\n"));
}

fn first_difference(file: &str, stored: &str, found: &str) -> String {
    let pairs = stored.lines().zip(found.lines()).enumerate();
    let different = pairs.into_iter().find(|(_, (a, b))| a != b);
    let (line, stored, found) = match different {
        Some((number, (a, b))) => (number + 1, a, b),
        None => (stored.lines().count().min(found.lines().count()) + 1, "its end", "another end"),
    };
    format!("{file}:{line}: stored `{stored}`, found `{found}`")
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    assert_eq!(run_text("a.txt", text).unwrap_err().to_string(), expected);
}

#[test]
fn mistakes_name_file_and_line() {
    check_error(
        "organisation bank\n\nfly away\n",
        "a.txt:3: command `fly` does not exist: see the existing scenarios",
    );
    check_error("organisation bank colour=red", "a.txt:1: option `colour` does not exist here");
    check_error("organisation bank rail", "a.txt:1: `rail` is one word too many");
    check_error("organisation", "a.txt:1: a name is missing");
    check_error("node paris n1", "a.txt:1: site `paris` does not exist");
    check_error("advance soon", "a.txt:1: `soon` is not a duration");
    check_error("again", "a.txt:1: nothing was sent before");
}

#[test]
fn an_old_transcript_is_replaced() {
    let first = run_text("a.txt", "organisation bank\n  something else\n").unwrap();
    assert_eq!(first, "organisation bank\n  organisation.created bank\n");
    assert_eq!(run_text("a.txt", &first).unwrap(), first);
}
