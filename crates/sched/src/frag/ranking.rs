//! The nodes of one need in order, kept as a tournament: the best is known, one change is cheap.
//!
//! Must give exactly what a scan gives: the highest key, and of equal ones the first node.

use super::node::GpuSet;

/// The key of a node that the need does not fit.
pub(super) const UNFIT: i64 = i64::MIN;

/// Keys of all nodes for one need.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    /// A binary tree in an array: the root is 1, the leaf of node `i` is `leaves + i`.
    keys: Vec<i64>,
    gpus: Vec<GpuSet>,
    leaves: usize,
    /// How many of the packer's changes are in the keys.
    pub(super) seen: usize,
}

impl Ranking {
    /// Builds the tournament from the keys of all nodes.
    pub(super) fn new(scores: impl ExactSizeIterator<Item = (i64, GpuSet)>, seen: usize) -> Self {
        let leaves = scores.len().next_power_of_two();
        let mut keys = vec![UNFIT; leaves];
        let mut gpus = Vec::with_capacity(scores.len());
        for (key, set) in scores {
            keys.push(key);
            gpus.push(set);
        }
        keys.resize(leaves.saturating_mul(2), UNFIT);
        let mut ranking = Self { keys, gpus, leaves, seen };
        for at in (1..leaves).rev() {
            let best = ranking.better_child(at);
            ranking.put(at, best);
        }
        ranking
    }

    fn get(&self, at: usize) -> i64 {
        self.keys.get(at).copied().unwrap_or(UNFIT)
    }

    fn put(&mut self, at: usize, key: i64) {
        if let Some(cell) = self.keys.get_mut(at) {
            *cell = key;
        }
    }

    fn better_child(&self, at: usize) -> i64 {
        let left = at.saturating_mul(2);
        self.get(left).max(self.get(left.saturating_add(1)))
    }

    /// A node has a new key.
    pub(super) fn set(&mut self, node: usize, key: i64, gpus: GpuSet) {
        if let Some(set) = self.gpus.get_mut(node) {
            *set = gpus;
        }
        let mut at = self.leaves.saturating_add(node);
        if self.get(at) == key {
            return;
        }
        self.put(at, key);
        while at > 1 {
            at /= 2;
            let best = self.better_child(at);
            if self.get(at) == best {
                return;
            }
            self.put(at, best);
        }
    }

    /// The first node of the highest key, with its GPUs; `None` if the need fits nowhere.
    pub(super) fn best(&self) -> Option<(usize, GpuSet)> {
        let top = self.get(1);
        if top == UNFIT {
            return None;
        }
        let mut at = 1;
        while at < self.leaves {
            let left = at.saturating_mul(2);
            at = if self.get(left) == top { left } else { left.saturating_add(1) };
        }
        let node = at.saturating_sub(self.leaves);
        self.gpus.get(node).map(|gpus| (node, *gpus))
    }
}
