//! Sums of finished requests, pure and without a clock.
//!
//! Sums saturate: a count that does not fit 64 bits is an attack, not usage. The leaves of answers keep
//! the order of the spool's lines, so that a recovery gives the same root.

use std::collections::BTreeMap;

use ledger::{Frontier, Hash};
use serde::{Deserialize, Serialize};
use units::{Digest, Id, kinds};

use crate::admission::Tokens;
use crate::meter::answer::Answer;
use crate::usage::{Answers, Rollup};

/// Most answers of one roll-up that get a leaf; those after them are counted and have no receipt.
pub(super) const LEAVES_MAX: usize = 1 << 20;

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
    /// What was answered; absent without an answer and in lines of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
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
pub(super) struct Group {
    pub(super) minute_unix: i64,
    pub(super) key: Id<kinds::Key>,
    pub(super) project: Id<kinds::Project>,
    pub(super) endpoint: Id<kinds::Endpoint>,
}

impl Line {
    /// The roll-up that the line belongs to.
    pub(super) const fn group(&self) -> Group {
        let Entry { key, project, endpoint, .. } = self.entry;
        Group { minute_unix: self.minute_unix, key, project, endpoint }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sum {
    requests: u64,
    errors: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    estimated: bool,
    leaves: Vec<Hash>,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.count(&other);
        let room = LEAVES_MAX.saturating_sub(self.leaves.len());
        self.leaves.extend(other.leaves.into_iter().take(room));
    }

    /// Adds all but the leaves.
    fn count(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.estimated |= other.estimated;
    }

    /// The head of the tree over the leaves.
    fn answers(&self) -> Option<Answers> {
        let mut tree = Frontier::new();
        self.leaves.iter().for_each(|leaf| {
            tree.append(*leaf);
        });
        (tree.size() > 0).then(|| Answers { count: tree.size(), root: Digest(tree.root().0) })
    }
}

/// Sums per group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<Group, Sum>);

impl Counts {
    /// Adds one request, with the leaf of its answer if that is in the spool.
    pub(crate) fn add(&mut self, line: &Line, leaf: Option<Hash>) {
        let sum = self.0.entry(line.group()).or_default();
        sum.count(&Sum {
            requests: 1,
            errors: u64::from(line.entry.error),
            prompt_tokens: line.entry.prompt_tokens,
            completion_tokens: line.entry.completion_tokens,
            estimated: line.entry.estimated,
            leaves: Vec::new(),
        });
        if sum.leaves.len() < LEAVES_MAX {
            sum.leaves.extend(leaf);
        }
    }

    /// Adds other sums.
    pub(crate) fn merge(&mut self, other: Self) {
        for (group, sum) in other.0 {
            self.0.entry(group).or_default().add(sum);
        }
    }

    /// The tokens of each group.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (&Group, Tokens)> {
        let tokens = |sum: &Sum| Tokens { read: sum.prompt_tokens, written: sum.completion_tokens };
        self.0.iter().map(move |(group, sum)| (group, tokens(sum)))
    }

    /// The latest minute counted.
    pub(crate) fn last_minute_unix(&self) -> Option<i64> {
        self.0.last_key_value().map(|(group, _)| group.minute_unix)
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
            answers: sum.answers(),
        })
    }
}
