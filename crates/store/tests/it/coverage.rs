//! Every kind of event has its line in `docs/notes/events.md`, and every letter of the duties is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const EVENTS: &str = include_str!("../../../../docs/notes/events.md");

/// The kinds that the kernel's sources name: `=> "noun.verb"` in their `kind` functions.
fn kinds(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            kinds(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            let is_word = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            };
            let is_kind = |word: &&str| {
                word.split_once('.').is_some_and(|(noun, verb)| is_word(noun) && is_word(verb))
            };
            found.extend(words.filter(is_kind).map(str::to_owned));
        }
    }
}

/// The cells of the table's lines that begin with this.
fn rows(begin: &str) -> Vec<Vec<&'static str>> {
    let lines = EVENTS.lines().filter(|line| line.starts_with(begin));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_kind_of_event_is_classified() {
    let mut found = BTreeSet::new();
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/src");
    kinds(Path::new(sources), &mut found);
    assert!(found.len() > 60 && found.contains("workload.submitted"), "{found:?}");
    let table: BTreeMap<&str, Vec<&str>> =
        rows("| `").into_iter().map(|cells| (cells[0].trim_matches('`'), cells)).collect();
    let missing: Vec<_> = found.iter().filter(|kind| !table.contains_key(kind.as_str())).collect();
    assert!(missing.is_empty(), "docs/notes/events.md has no line for {missing:?}");
    let duties = ["activity", "rights", "exceptions and failures", "administration"];
    for (kind, cells) in &table {
        let letters = cells[1].split(", ").all(|letter| "abcdefghijkl".contains(letter));
        assert!(letters && !cells[1].is_empty() && duties.contains(&cells[2]), "{kind}: {cells:?}");
    }
}

#[test]
fn every_letter_is_answered_by_events_or_said_not_to_be() {
    let used: BTreeSet<&str> = rows("| `")
        .into_iter()
        .flat_map(|cells| cells[1].split(", ").collect::<Vec<_>>())
        .collect();
    for letter in 'a'..='l' {
        let row = rows(&format!("| {letter} |"));
        assert_eq!(row.len(), 1, "{letter}");
        let says_none = row[0][2].starts_with("not by this software") || letter == 'k';
        assert_eq!(used.contains(letter.to_string().as_str()), !says_none, "{letter}: {row:?}");
    }
}
