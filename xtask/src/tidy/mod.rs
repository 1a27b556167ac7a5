//! The house rules that a machine can check. Each rule is a pure function from the [`Tree`] of files
//! to findings, and has a test that shows it a bad sample: a rule that cannot fail is a defect.
//!
//! `cargo xtask tidy` prints the findings; a test of this crate runs the same over this repository,
//! so that `cargo test --workspace` does too.

mod documents;
mod lengths;
mod manifests;
mod requirements;
mod scrub;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use tree::Tree;

/// One thing that is not in order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// File, from the repository's root.
    path: String,
    /// Line from 1; 0 when it is about the whole file.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.path, self.message),
            line => write!(formatter, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A rule: reads the tree, adds what it finds.
type Rule = fn(&Tree, &mut Vec<Finding>);

const RULES: &[Rule] = &[
    manifests::edges,
    manifests::versions,
    manifests::reasons,
    manifests::lock_size,
    sources::module_docs,
    sources::words,
    sources::purity,
    lengths::files,
    lengths::functions,
    documents::decisions,
    documents::blobs,
    documents::commands,
    requirements::requirements,
];

/// Every finding in the repository at `root`.
pub(crate) fn check(root: &Path) -> Vec<Finding> {
    match Tree::read(root) {
        Ok(tree) => check_tree(&tree),
        Err(error) => vec![Finding::new(".", 0, format!("cannot be read: {error}"))],
    }
}

fn check_tree(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        rule(tree, &mut findings);
    }
    findings.sort();
    findings
}

#[cfg(test)]
mod tests;
