//! Rules on `Cargo.toml` files: which crate may know which, versions in one place, a reason for each
//! dependency, and a limit on how many packages come with them.
//!
//! The files are read line by line, in the plain form that this workspace keeps; a dependency written
//! in another form is itself a finding, so nothing can hide from the table.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tree::Tree;

/// Who may depend on whom (ARCHITECTURE.md; a new edge needs a decision record).
const EDGES: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("policy", &["units"]),
    ("sched", &["units"]),
    ("ledger", &["units"]),
    ("kernel", &["units", "policy", "sched"]),
    ("sim", &["units", "policy", "sched", "ledger", "kernel"]),
    ("lm", &["units"]),
    ("store", &["units", "ledger", "kernel"]),
    ("api", &["units"]),
    ("exec", &["units", "api"]),
    ("gateway", &["units", "ledger", "api"]),
    ("server", &["units", "policy", "sched", "ledger", "kernel", "store", "api"]),
    ("app", &["units", "api", "store", "lm", "exec", "gateway", "server", "sim"]),
    ("xtask", &[]),
    ("fuzz", &["gateway"]),
];

/// Stands outside the workspace, since libFuzzer's entry needs `unsafe`: its versions are its own.
const OUTSIDE: &str = "fuzz/Cargo.toml";

/// Packages in the lock file, over all features. Sign-in by OIDC, capability tokens and password hashing took 60: their
/// older RustCrypto generation stands beside ours until they move.
const LOCK_PACKAGES_MAX: usize = 540;

const REASONS: &str = "docs/notes/deps.md";

/// A dependency as written in a manifest.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
    value: &'a str,
}

/// Every edge between our crates is in the table.
pub(super) fn edges(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, name, text) in members(tree) {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            let message =
                format!("crate `{name}` is not in xtask's table of edges: write a decision record");
            findings.push(Finding::new(path, 0, message));
            continue;
        };
        for dependency in dependencies(text) {
            let ours = EDGES.iter().any(|(known, _)| *known == dependency.name);
            if ours && !allowed.contains(&dependency.name) {
                let message = format!("`{name}` may not depend on `{}`", dependency.name);
                findings.push(Finding::new(path, dependency.line, message));
            }
        }
    }
}

/// Versions, paths and renames live in the root manifest only.
pub(super) fn versions(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, _, text) in members(tree).filter(|(path, ..)| *path != OUTSIDE) {
        for dependency in dependencies(text) {
            let plain = dependency.value.starts_with("{ workspace = true");
            if !plain || dependency.value.contains("package") {
                let message = format!("write `{} = {{ workspace = true }}`", dependency.name);
                findings.push(Finding::new(path, dependency.line, message));
            }
        }
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('[') && line.contains("dependencies.") {
                let message = "write dependencies as lines, not as tables of their own";
                findings.push(Finding::new(path, index + 1, message));
            }
        }
    }
    // A rename in the root would let a crate of ours pass under another name.
    for dependency in root_dependencies(tree) {
        if dependency.value.contains("package =") {
            findings.push(Finding::new("Cargo.toml", dependency.line, "no renamed dependencies"));
        }
    }
}

/// Each external dependency is used, and has its line in docs/notes/deps.md; no line is left over.
pub(super) fn reasons(tree: &Tree, findings: &mut Vec<Finding>) {
    let outside = dependencies(tree.text(OUTSIDE).unwrap_or_default());
    let direct: BTreeMap<&str, usize> = root_dependencies(tree)
        .chain(outside)
        .filter(|dependency| !dependency.value.contains("path ="))
        .map(|dependency| (dependency.name, dependency.line))
        .collect();
    let used: BTreeSet<&str> =
        members(tree).flat_map(|(_, _, text)| dependencies(text)).map(|found| found.name).collect();
    let told: BTreeMap<&str, usize> = tree
        .text(REASONS)
        .unwrap_or_default()
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((line.strip_prefix("- ")?.split_once(": ")?.0, index + 1)))
        .collect();
    for (name, line) in &direct {
        if !told.contains_key(name) {
            findings.push(Finding::new(
                "Cargo.toml",
                *line,
                format!("`{name}` has no line in {REASONS}"),
            ));
        }
        if !used.contains(name) {
            findings.push(Finding::new(
                "Cargo.toml",
                *line,
                format!("no crate uses `{name}`: remove it"),
            ));
        }
    }
    for (name, line) in told.iter().filter(|(name, _)| !direct.contains_key(*name)) {
        findings.push(Finding::new(
            REASONS,
            *line,
            format!("`{name}` is no direct dependency any more"),
        ));
    }
}

/// The lock file stays below its budget.
pub(super) fn lock_size(tree: &Tree, findings: &mut Vec<Finding>) {
    let packages = tree.text("Cargo.lock").unwrap_or_default().matches("[[package]]").count();
    if packages > LOCK_PACKAGES_MAX {
        let message =
            format!("{packages} packages, at most {LOCK_PACKAGES_MAX}: drop a dependency");
        findings.push(Finding::new("Cargo.lock", 0, message));
    }
    if packages == 0 {
        findings.push(Finding::new("Cargo.lock", 0, "missing or empty: it is part of the source"));
    }
}

/// Manifests of our crates: path, crate name, text.
fn members(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    tree.files().filter_map(|(path, file)| {
        let folder = path.strip_suffix("/Cargo.toml")?;
        let name = folder.strip_prefix("crates/").unwrap_or(folder);
        Some((path, name, file.text.as_str()))
    })
}

fn root_dependencies(tree: &Tree) -> impl Iterator<Item = Dependency<'_>> {
    dependencies(tree.text("Cargo.toml").unwrap_or_default())
}

/// The lines below every header that ends in `dependencies]`.
fn dependencies(text: &str) -> impl Iterator<Item = Dependency<'_>> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
            return None;
        }
        let (name, value) = line.split_once('=')?;
        if !inside || line.starts_with('#') {
            return None;
        }
        // `name.workspace = true` means the same and is refused by the rule on versions.
        let name = name.trim().split('.').next()?;
        Some(Dependency { line: index + 1, name, value: value.trim() })
    })
}
