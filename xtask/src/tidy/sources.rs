//! Rules on what stands in a Rust file: module documentation, words that never ship, and what the
//! pure crates must not know.

use super::Finding;
use super::scrub::{lines_with, scrub};
use super::tree::Tree;

/// Crates without clock, environment, tasks, or an order that changes from run to run.
const PURE: &[&str] = &["units", "policy", "sched", "ledger", "kernel", "sim"];

const IMPURE_WORDS: &[&str] = &[
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "tokio",
    "std::env",
    "std::thread",
    "std::net",
];

/// Written in two halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

const FORBIDDEN_CODE: &[(&str, &str)] = &[
    ("unsafe", "is forbidden in the workspace"),
    ("dbg!", "is for a debugging session, not for a change"),
    ("todo!", "is unfinished work: finish it or leave it out"),
    ("unimplemented!", "is unfinished work: finish it or leave it out"),
    ("should_panic", "does not say what failed: check the error or the message"),
];

/// Every Rust file opens with `//!`.
pub(super) fn module_docs(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        if !text.starts_with("//!") {
            findings.push(Finding::new(path, 1, "opens with `//!`: what the file is for"));
        }
    }
}

/// No unfinished work, no test that is skipped, no `unsafe`.
pub(super) fn words(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        for word in UNFINISHED {
            for line in lines_with(text, word) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("`{word}`: do it, or open an issue"),
                ));
            }
        }
        let code = scrub(text);
        for (word, why) in FORBIDDEN_CODE {
            for line in lines_with(&code, word) {
                findings.push(Finding::new(path, line, format!("`{word}` {why}")));
            }
        }
        for line in ignored_tests(&code) {
            findings.push(Finding::new(
                path,
                line,
                "a test that is never run: repair or remove it",
            ));
        }
    }
}

fn ignored_tests(code: &str) -> Vec<usize> {
    let lines = code.lines().enumerate();
    let found = lines.filter(|(_, line)| line.replace(' ', "").contains(concat!("#[", "ignore")));
    found.map(|(index, _)| index + 1).collect()
}

/// The pure crates mention no clock, task, environment or unordered map outside their tests.
pub(super) fn purity(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let Some(name) = crate_of(path) else { continue };
        if !PURE.contains(&name) || is_test(path) {
            continue;
        }
        let code = scrub(text);
        for word in IMPURE_WORDS {
            for line in lines_with(&code, word) {
                let message = format!("`{word}` in the pure crate `{name}`: make it an input");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
}

fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

/// By place, as the house keeps tests: `tests.rs`, `tests/`, and what only they and benches use.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(part, "tests" | "tests.rs" | "testing.rs" | "testing" | "benches" | "examples")
    })
}
