//! `docs/requirements.md` claims nothing that is not there: each of the forty lines names files and tests that exist.
//!
//! Whether a test shows what its line says is for people to judge; that it exists is judged here.

use super::Finding;
use super::tree::Tree;

const DOCUMENT: &str = "docs/requirements.md";
const COUNT: usize = 40;
const CELLS: usize = 6;

/// The lines are numbered 1 to 40, each has a status, and what a status claims is named and exists.
pub(super) fn requirements(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(text) = tree.text(DOCUMENT) else {
        findings.push(Finding::new(DOCUMENT, 0, "is missing"));
        return;
    };
    let mut wanted = 1;
    for (line_index, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<usize>().ok()) else {
            continue;
        };
        if !line.starts_with('|') {
            continue;
        }
        let mut find = |message: String| {
            findings.push(Finding::new(DOCUMENT, line_index + 1, message));
        };
        if number != wanted {
            find(format!("requirement {number} stands where {wanted} should"));
        }
        wanted = number + 1;
        match <[&str; CELLS]>::try_from(cells) {
            Ok([_, _, _, places, tests, status]) => row(tree, (places, tests, status), &mut find),
            Err(cells) => find(format!("{} cells, {CELLS} are wanted", cells.len())),
        }
    }
    if wanted != COUNT + 1 {
        let message = format!("ends before requirement {wanted} of {COUNT}");
        findings.push(Finding::new(DOCUMENT, 0, message));
    }
}

fn row(tree: &Tree, (places, tests, status): (&str, &str, &str), find: &mut impl FnMut(String)) {
    let claims = match status.split_once(':') {
        None if status == "met" => true,
        None if status == "open" => false,
        Some(("partly", missing)) if !missing.trim().is_empty() => true,
        None | Some(_) => {
            find(format!("status `{status}`: write `met`, `open` or `partly: what is missing`"));
            return;
        }
    };
    for path in quoted(places).filter(|path| tree.text(path).is_none()) {
        find(format!("`{path}` does not exist"));
    }
    for test in quoted(tests).filter(|test| !exists(tree, test)) {
        find(format!("there is no test `{test}`"));
    }
    if claims && (quoted(places).next().is_none() || quoted(tests).next().is_none()) {
        find("claims something but names no file or no test".to_owned());
    }
}

/// A function of that name in the Rust sources, or a script that is there.
fn exists(tree: &Tree, test: &str) -> bool {
    if test.ends_with(".py") {
        return tree.text(test).is_some();
    }
    let wanted = format!("fn {test}(");
    tree.rust().any(|(_, text)| text.contains(&wanted))
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}
