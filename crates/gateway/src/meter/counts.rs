//! Sums of finished requests, pure and without a clock.
//!
//! Sums saturate: a count that does not fit 64 bits is an attack, not usage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::usage::Rollup;

/// One finished request; with its minute, one line of the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) key: Id<kinds::Key>,
    pub(crate) project: Id<kinds::Project>,
    pub(crate) endpoint: Id<kinds::Endpoint>,
    /// Whether the answer was an error or incomplete.
    pub(crate) error: bool,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    /// Whether the gateway counted instead of the engine.
    pub(crate) estimated: bool,
}

/// An entry with the minute it ended in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) minute_unix: i64,
    pub(crate) entry: Entry,
}

impl Entry {
    /// The entry as a line.
    pub(crate) fn at(self, minute_unix: i64) -> Line {
        Line { minute_unix, entry: self }
    }
}

/// What roll-ups are made for; ordered by time first, so that they are delivered in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    minute_unix: i64,
    key: Id<kinds::Key>,
    project: Id<kinds::Project>,
    endpoint: Id<kinds::Endpoint>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    requests: u64,
    errors: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    estimated: bool,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.estimated |= other.estimated;
    }
}

/// Sums per group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<Group, Sum>);

impl Counts {
    /// Adds one request.
    pub(crate) fn add(&mut self, line: &Line) {
        let Entry { key, project, endpoint, .. } = line.entry;
        let group = Group { minute_unix: line.minute_unix, key, project, endpoint };
        self.0.entry(group).or_default().add(Sum {
            requests: 1,
            errors: u64::from(line.entry.error),
            prompt_tokens: line.entry.prompt_tokens,
            completion_tokens: line.entry.completion_tokens,
            estimated: line.entry.estimated,
        });
    }

    /// Adds other sums.
    pub(crate) fn merge(&mut self, other: Self) {
        for (group, sum) in other.0 {
            self.0.entry(group).or_default().add(sum);
        }
    }

    /// Groups held.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sums as roll-ups, numbered from `first_sequence`.
    pub(crate) fn into_rollups(
        self,
        gateway: Id<kinds::Gateway>,
        first_sequence: u64,
    ) -> impl Iterator<Item = Rollup> {
        (first_sequence..).zip(self.0).map(move |(sequence, (group, sum))| Rollup {
            gateway,
            sequence,
            key: group.key,
            project: group.project,
            endpoint: group.endpoint,
            minute_unix: group.minute_unix,
            requests: sum.requests,
            errors: sum.errors,
            prompt_tokens: sum.prompt_tokens,
            completion_tokens: sum.completion_tokens,
            estimated: sum.estimated,
        })
    }
}
