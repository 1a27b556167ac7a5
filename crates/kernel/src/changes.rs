//! What changed lately, so that whoever follows the state need not read all of it again.
//!
//! Part of the index, never of the state: it is not written, not hashed, and empty after a start.

use std::collections::VecDeque;

use crate::Subject;

/// Changes remembered: more than any follower falls behind between two looks.
const KEPT: usize = 65_536;

/// The subjects of the last entries, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Everything from this entry on is here.
    complete_from: u64,
    subjects: VecDeque<(u64, Subject)>,
}

impl Changes {
    /// Nothing is remembered of the entries before this size of the log.
    pub(crate) const fn from(size: u64) -> Self {
        Self { complete_from: size, subjects: VecDeque::new() }
    }

    /// An entry was about this.
    pub(crate) fn note(&mut self, seq: u64, subject: Subject) {
        if self.subjects.len() >= KEPT
            && let Some((seq, _)) = self.subjects.pop_front()
        {
            self.complete_from = seq.saturating_add(1);
        }
        self.subjects.push_back((seq, subject));
    }

    /// What the entries from `seq` on were about; `None` if some of them are forgotten.
    pub(crate) fn since(&self, seq: u64) -> Option<impl Iterator<Item = Subject> + '_> {
        if seq < self.complete_from {
            return None;
        }
        let from = self.subjects.partition_point(|(at, _)| *at < seq);
        Some(self.subjects.range(from..).map(|(_, subject)| *subject))
    }
}
