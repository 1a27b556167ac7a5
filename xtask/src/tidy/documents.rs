//! Rules on what is not code: decision records, large files, and commands that the README names.

use super::Finding;
use super::scrub::{lines_with, scrub};
use super::tree::Tree;
use crate::verbs;

const FILE_BYTES_MAX: u64 = 300_000;

/// The one generated file that is kept because people review its changes; it grows with the API.
const GENERATED: &str = "openapi/v1.json";
const GENERATED_BYTES_MAX: u64 = 900_000;

const DECISIONS: &str = "docs/adr/";
const INDEX: &str = "docs/adr/README.md";

/// What a cargo command line may start with.
const CARGO_VERBS: &[&str] =
    &["run", "test", "build", "check", "xtask", "bench", "doc", "clippy", "fmt", "install", "deny"];

/// The index names each decision record, and each has a status.
pub(super) fn decisions(tree: &Tree, findings: &mut Vec<Finding>) {
    let index = tree.text(INDEX).unwrap_or_default();
    let mut records = 0;
    for name in tree.names_in(DECISIONS).filter(|name| *name != "README.md") {
        records += 1;
        let path = format!("{DECISIONS}{name}");
        if !index.contains(&format!("({name})")) {
            findings.push(Finding::new(INDEX, 0, format!("does not name `{name}`")));
        }
        if !tree.text(&path).is_some_and(|text| text.contains("Status: ")) {
            findings.push(Finding::new(
                &path,
                0,
                "says no `Status: ` (accepted, or replaced by which)",
            ));
        }
    }
    if records == 0 {
        findings.push(Finding::new(INDEX, 0, "there is no decision record at all"));
    }
    for (line_index, line) in index.lines().enumerate() {
        let linked = line.split_once("](").and_then(|(_, rest)| rest.split_once(')'));
        if let Some((name, _)) = linked
            && name.ends_with(".md")
            && !name.contains('/')
            && tree.text(&format!("{DECISIONS}{name}")).is_none()
        {
            findings.push(Finding::new(INDEX, line_index + 1, format!("`{name}` does not exist")));
        }
    }
}

/// Nothing large is kept beside the source.
pub(super) fn blobs(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, file) in tree.files() {
        let most = if path == GENERATED { GENERATED_BYTES_MAX } else { FILE_BYTES_MAX };
        if file.bytes > most {
            let message = format!("{} bytes, at most {most}: generate it", file.bytes);
            findings.push(Finding::new(path, 0, message));
        }
    }
}

/// Every command in the README's code blocks exists.
pub(super) fn commands(tree: &Tree, findings: &mut Vec<Finding>) {
    let readme = tree.text("README.md").unwrap_or_default();
    let mut inside = false;
    let mut commands = 0;
    for (index, line) in readme.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        let line = line.trim().strip_prefix("$ ").unwrap_or(line.trim());
        if !inside || !(line.starts_with("cargo ") || line.starts_with("cocarde ")) {
            continue;
        }
        commands += 1;
        if let Some(missing) = missing_command(tree, line) {
            findings.push(Finding::new("README.md", index + 1, format!("no command `{missing}`")));
        }
    }
    if commands == 0 {
        findings.push(Finding::new("README.md", 0, "shows no command: a newcomer needs two"));
    }
}

/// The part of a command line that does not exist, if any.
fn missing_command(tree: &Tree, line: &str) -> Option<String> {
    let words: Vec<&str> =
        line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
    let verb = match words.as_slice() {
        ["cargo", "xtask", verb, ..] => {
            return verbs::find(verb).is_none().then(|| format!("cargo xtask {verb}"));
        }
        ["cargo", "run", rest @ ..] => {
            let after = rest.iter().position(|word| *word == "--").map(|at| at + 1);
            after.and_then(|at| rest.get(at)).copied()
        }
        ["cargo", verb, ..] => {
            return (!CARGO_VERBS.contains(verb)).then(|| format!("cargo {verb}"));
        }
        ["cocarde", verb, ..] => Some(*verb),
        _ => None,
    };
    let verb = verb.filter(|verb| !verb.starts_with('-'))?;
    (!app_has(tree, verb)).then(|| format!("cocarde {verb}"))
}

/// Whether the binary's sources have a variant of the verb's name (`site-plan` → `SitePlan`).
fn app_has(tree: &Tree, verb: &str) -> bool {
    let variant: String = verb.split('-').map(capitalised).collect();
    tree.rust()
        .filter(|(path, _)| path.starts_with("crates/app/src/"))
        .any(|(_, text)| !lines_with(&scrub(text), &variant).is_empty())
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
    first.to_uppercase() + rest
}
