//! The trace of a run: every line goes into one digest, and the last few are kept for a failure.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};
use units::Digest;

/// Lines kept.
const TAIL_LINES: usize = 40;
/// Characters of a kept line; a request can be long.
const LINE_CHARS: usize = 400;

/// The trace.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: Sha256,
    tail: VecDeque<String>,
}

impl Trace {
    /// Adds a line.
    pub fn line(&mut self, line: &str) {
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        if self.tail.len() >= TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.chars().take(LINE_CHARS).collect());
    }

    /// Adds bytes without keeping them, such as a leaf.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.hasher.update(b"\n");
    }

    /// The digest of everything so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> String {
        self.tail.iter().map(|line| format!("  {line}\n")).collect()
    }
}
