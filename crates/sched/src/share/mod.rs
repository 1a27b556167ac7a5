//! Placeholder until the tree of queues is merged.

use serde::{Deserialize, Serialize};

/// Position of a queue in the tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueIdx(pub u32);

/// Tree.
#[derive(Debug, Clone, Default)]
pub struct Tree;

impl Tree {
    pub(crate) const fn n_resources(&self) -> usize {
        0
    }
    pub(crate) const fn may_reclaim(&self, _: QueueIdx, _: &[u64], _: QueueIdx, _: &[u64]) -> Option<()> {
        None
    }
    pub(crate) const fn demand(&mut self, _: QueueIdx, _: &[u64], _: bool) {}
    pub(crate) const fn charge(&mut self, _: QueueIdx, _: &[u64]) {}
    pub(crate) const fn discharge(&mut self, _: QueueIdx, _: &[u64]) {}
}
