//! Nodes of a large gang in one log entry: by position instead of by id.
//!
//! An id is random and does not compress; a position among the nodes that the platform has at that
//! entry has at most five digits, and gangs mostly take neighbours. The text is meant to be read by
//! people as well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, kinds};

use crate::State;

/// Nodes in the order of their ranks, by position.
///
/// To read them: take the ids of all nodes registered by the entries before, in the order of their
/// text, and count from 0. `runs` names positions and ascending ranges, separated by commas, rank 0
/// first: `7,0-2` is ranks 0 to 3 on the nodes 7, 0, 1 and 2. `digest` is SHA-256 over the 16 bytes
/// of each id in rank order, so that a reading can be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRuns {
    /// Positions.
    pub runs: String,
    /// How many nodes they are, ranks on the same node counted each.
    pub count: u32,
    /// What the reading must give.
    pub digest: Digest,
}

impl NodeRuns {
    /// Writes nodes by position; `None` if one of them does not exist.
    pub(crate) fn new(state: &State, nodes: &[Id<kinds::Node>]) -> Option<Self> {
        let positions: BTreeMap<Id<kinds::Node>, u32> =
            state.nodes.keys().copied().zip(0_u32..).collect();
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for node in nodes {
            let position = *positions.get(node)?;
            match runs.last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(position) => *end = position,
                _ => runs.push((position, position)),
            }
        }
        let text = runs.into_iter().map(|(start, end)| match end == start {
            true => start.to_string(),
            false => format!("{start}-{end}"),
        });
        let runs = text.collect::<Vec<String>>().join(",");
        let count = u32::try_from(nodes.len()).ok()?;
        Some(Self { runs, count, digest: digest(nodes) })
    }

    /// The nodes, as far as they exist; never more than `count` says.
    pub(crate) fn resolve(&self, state: &State) -> Vec<Id<kinds::Node>> {
        let ids: Vec<Id<kinds::Node>> = state.nodes.keys().copied().collect();
        let positions = self.runs.split(',').filter_map(range).flatten();
        let found = positions.filter_map(|position| ids.get(position).copied());
        found.take(usize::try_from(self.count).unwrap_or(usize::MAX)).collect()
    }

    /// The nodes, if they are those that were written.
    pub(crate) fn verified(&self, state: &State) -> Option<Vec<Id<kinds::Node>>> {
        let nodes = self.resolve(state);
        let counted = u32::try_from(nodes.len()) == Ok(self.count);
        (counted && digest(&nodes) == self.digest).then_some(nodes)
    }
}

/// A position or an ascending range.
fn range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    Some(start.parse().ok()?..=end.parse().ok()?)
}

fn digest(nodes: &[Id<kinds::Node>]) -> Digest {
    let mut hash = Sha256::new();
    for node in nodes {
        hash.update(node.as_bytes());
    }
    Digest(hash.finalize().into())
}
