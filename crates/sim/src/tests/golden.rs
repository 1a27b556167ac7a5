//! The golden log: leaves as an earlier version stored them, and what they must still say.

use std::collections::BTreeSet;

use super::{asked, fixtures};
use crate::{
    golden::{KINDS, Views, views},
    scenario::play,
};

/// The scenario that made the golden log; it shows every kind of event.
const SCENARIO: &str = "scenarios/11-every-event.txt";

pub(super) fn stored_leaves() -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fixtures("logs/v1").join("leaves.jsonl")).unwrap();
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// Writes the log anew. Only for a log of a version that was never released: the golden log of a
/// release is never changed.
fn update() {
    let scenario = std::fs::read_to_string(fixtures(SCENARIO)).unwrap();
    let (platform, _) = play(SCENARIO, &scenario).unwrap();
    let leaves = platform.log().leaves();
    let mut text = Vec::new();
    for leaf in leaves {
        text.extend_from_slice(leaf);
        text.push(b'\n');
    }
    std::fs::write(fixtures("logs/v1").join("leaves.jsonl"), text).unwrap();
    let mut json = serde_json::to_string_pretty(&views(leaves).unwrap()).unwrap();
    json.push('\n');
    std::fs::write(fixtures("logs/v1").join("views.json"), json).unwrap();
}

#[test]
fn the_golden_log_says_what_it_always_said() {
    if asked("UPDATE_GOLDEN") {
        update();
    }
    let leaves = stored_leaves();
    let text = std::fs::read_to_string(fixtures("logs/v1").join("views.json")).unwrap();
    let expected: Views = serde_json::from_str(&text).unwrap();
    let found = views(&leaves).unwrap();
    assert_eq!(found, expected);
    assert_eq!(found.findings, Vec::<String>::new());
    let bytes: usize = leaves.iter().map(|leaf| leaf.len() + 1).sum();
    assert!(bytes <= 100_000, "{bytes} bytes");
}

#[test]
fn every_kind_of_event_is_in_the_golden_log() {
    let found: BTreeSet<String> = views(&stored_leaves()).unwrap().kinds.into_keys().collect();
    let expected: BTreeSet<String> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(found, expected);
}

/// The kernel's list of kinds is spread over its nouns; its sources are the only place where all
/// of them stand, so they are read here. A kind that is new there must come here too.
#[test]
fn the_list_of_kinds_is_that_of_the_kernel() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel/src");
    let mut found = BTreeSet::new();
    for noun in std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()) {
        for file in ["mod.rs", "event.rs"] {
            let text = std::fs::read_to_string(noun.join(file)).unwrap_or_default();
            let arms =
                text.lines().filter(|l| l.trim().starts_with("Self::") && l.contains("=> \""));
            let kinds = arms.filter_map(|line| line.split('"').nth(1));
            found.extend(kinds.filter(|kind| kind.contains('.')).map(ToOwned::to_owned));
        }
    }
    assert_eq!(found, KINDS.iter().map(|kind| (*kind).to_owned()).collect());
}
