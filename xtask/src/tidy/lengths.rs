//! Files of at most 400 lines, functions of at most 60. The ratchets `xtask/long-files.txt` and
//! `xtask/long-functions.txt` name the exceptions with their present length, which may only shrink.

use std::collections::BTreeMap;

use super::Finding;
use super::scrub::{is_word, scrub};
use super::tree::Tree;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 60;

const LONG_FILES: &str = "xtask/long-files.txt";
const LONG_FUNCTIONS: &str = "xtask/long-functions.txt";

/// No Rust file is longer than the limit, but for those in the ratchet.
pub(super) fn files(tree: &Tree, findings: &mut Vec<Finding>) {
    let long = tree
        .rust()
        .map(|(path, text)| (path.to_owned(), (0, text.lines().count())))
        .filter(|(_, (_, lines))| *lines > FILE_LINES_MAX);
    ratchet(tree, LONG_FILES, FILE_LINES_MAX, long.collect(), findings);
}

/// No function is longer than the limit, but for those in the ratchet.
pub(super) fn functions(tree: &Tree, findings: &mut Vec<Finding>) {
    let mut long = BTreeMap::new();
    for (path, text) in tree.rust() {
        for function in functions_in(&scrub(text)) {
            if function.lines > FUNCTION_LINES_MAX {
                long.insert(format!("{path}::{}", function.name), (function.line, function.lines));
            }
        }
    }
    ratchet(tree, LONG_FUNCTIONS, FUNCTION_LINES_MAX, long, findings);
}

/// Compares what is long (name → first line, lines) with the list `NAME LINES` of known ones.
fn ratchet(
    tree: &Tree,
    list: &str,
    limit: usize,
    long: BTreeMap<String, (usize, usize)>,
    findings: &mut Vec<Finding>,
) {
    let known: BTreeMap<&str, usize> = tree
        .text(list)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, lines)| Some((name, lines.parse().ok()?)))
        .collect();
    for (name, (line, lines)) in &long {
        let path = name.split("::").next().unwrap_or(name);
        match known.get(name.as_str()) {
            Some(kept) if lines < kept => {
                findings.push(Finding::new(list, 0, format!("{name} has shrunk: write {lines}")));
            }
            Some(kept) if lines == kept => {}
            Some(_) | None => {
                let message = format!("{lines} lines, at most {limit}: split `{name}`");
                findings.push(Finding::new(path, *line, message));
            }
        }
    }
    for name in known.keys().filter(|name| !long.contains_key(**name)) {
        findings.push(Finding::new(list, 0, format!("{name} is short now: remove its line")));
    }
}

/// One function, as far as matching braces tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The line of `fn`, from 1.
    pub(super) line: usize,
    /// From that line to the closing brace.
    pub(super) lines: usize,
}

/// The functions with a body in scrubbed code.
pub(super) fn functions_in(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at.checked_sub(1).is_some_and(|before| is_word(bytes[before])) {
            continue;
        }
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // `fn (` is a type; a `;` before any brace is a declaration without a body.
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_end(&bytes[at..]) {
            let line = code[..at].matches('\n').count() + 1;
            let lines = code[at..at + end].matches('\n').count() + 1;
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// Bytes up to and with the brace that closes the body.
fn body_end(rest: &[u8]) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if brackets == 0 && braces == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
