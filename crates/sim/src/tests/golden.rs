//! The golden logs: leaves as an earlier version stored them, and what they must still say.

use std::collections::BTreeSet;

use super::{asked, fixtures};
use crate::{
    golden::{KINDS, Views, views},
    scenario::play,
};

/// The golden logs with the scenarios that made them; together they show every kind of event. A log
/// once written stays as it is: new kinds of events come with a log of their own.
const LOGS: &[(&str, &str)] = &[
    ("logs/v1", "scenarios/11-every-event.txt"),
    ("logs/fleet", "scenarios/12-fleet-events.txt"),
    ("logs/power", "scenarios/14-power.txt"),
    ("logs/identities", "scenarios/15-identities.txt"),
    ("logs/consents", "scenarios/16-consents.txt"),
    ("logs/leaving", "scenarios/15-leaving.txt"),
    ("logs/courses", "scenarios/16-course.txt"),
    ("logs/sign-in", "scenarios/17-sign-in.txt"),
    ("logs/sovereignty", "scenarios/15-sovereignty.txt"),
    ("logs/sending", "scenarios/18-sending.txt"),
    ("logs/budgets", "scenarios/19-budgets.txt"),
    ("logs/upstreams", "scenarios/20-upstreams.txt"),
    ("logs/scaling", "scenarios/21-scaling.txt"),
    ("logs/guardrails", "scenarios/22-guardrails.txt"),
    ("logs/rate-limits", "scenarios/23-rate-limits.txt"),
    ("logs/checkers", "scenarios/24-checkers.txt"),
    ("logs/capture", "scenarios/25-capture.txt"),
];

pub(super) fn stored_leaves(log: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fixtures(log).join("leaves.jsonl")).unwrap();
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// Writes a log that is not there yet; one of a version that was never released is deleted first.
fn update(log: &str, scenario_file: &str) {
    let scenario = std::fs::read_to_string(fixtures(scenario_file)).unwrap();
    let (platform, _) = play(scenario_file, &scenario).unwrap();
    let leaves = platform.log().leaves();
    let mut text = Vec::new();
    for leaf in leaves {
        text.extend_from_slice(leaf);
        text.push(b'\n');
    }
    std::fs::write(fixtures(log).join("leaves.jsonl"), text).unwrap();
    let mut json = serde_json::to_string_pretty(&views(leaves).unwrap()).unwrap();
    json.push('\n');
    std::fs::write(fixtures(log).join("views.json"), json).unwrap();
}

#[test]
fn the_golden_log_says_what_it_always_said() {
    for (log, scenario) in LOGS {
        if asked("UPDATE_GOLDEN") && !fixtures(log).join("leaves.jsonl").exists() {
            update(log, scenario);
        }
        check(log);
    }
}

fn check(log: &str) {
    let leaves = stored_leaves(log);
    let text = std::fs::read_to_string(fixtures(log).join("views.json")).unwrap();
    let expected: Views = serde_json::from_str(&text).unwrap();
    let found = views(&leaves).unwrap();
    assert_eq!(found, expected, "{log}");
    assert_eq!(found.findings, Vec::<String>::new(), "{log}");
    let bytes: usize = leaves.iter().map(|leaf| leaf.len() + 1).sum();
    assert!(bytes <= 100_000, "{bytes} bytes");
}

#[test]
fn every_kind_of_event_is_in_a_golden_log() {
    let kinds = |(log, _)| views(&stored_leaves(log)).unwrap().kinds.into_keys();
    let found: BTreeSet<String> = LOGS.iter().copied().flat_map(kinds).collect();
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
