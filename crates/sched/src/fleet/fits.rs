//! Questions about the fleet: which nodes of a shelf fit, and what all of it has.
//!
//! Must never change anything, nor look at a node that its shelf can answer for.

use super::{Asker, Fleet, Need, Shelf, ones};
use crate::problem::{ClassSet, NodeState, stock};

impl Fleet {
    /// Nodes of a shelf that could run the need when empty, whatever their state, as bits.
    pub(crate) fn large_enough(&self, shelf: &Shelf, need: &Need) -> u64 {
        let amounts = need.whole();
        if !shelf.largest.covers(&amounts) {
            return 0;
        }
        let all = u64::MAX
            .checked_shr(64_u32.saturating_sub(u32::try_from(shelf.nodes.len()).unwrap_or(64)))
            .unwrap_or(0);
        if shelf.smallest.covers(&amounts) {
            return all;
        }
        let large = |slot: &usize| {
            let row = shelf.nodes.get(*slot).and_then(|node| self.row(*node));
            row.is_some_and(|row| row.node.total.covers(&amounts))
        };
        ones(all).filter(large).fold(0, |mask, slot| mask | 1 << slot)
    }

    /// Ready nodes of a shelf on which the asker's need fits, as bits.
    pub(crate) fn fitting(&self, shelf: &Shelf, need: &Need, asker: &Asker) -> u64 {
        let mut mask = self.free_for(shelf, need);
        for slot in ones(mask & shelf.held) {
            if shelf.nodes.get(slot).is_none_or(|node| self.is_promised(*node, asker)) {
                mask &= !(1 << slot);
            }
        }
        mask
    }

    /// The same without regard to promises.
    pub(crate) fn free_for(&self, shelf: &Shelf, need: &Need) -> u64 {
        if !shelf.most.covers(&need.amounts) {
            return 0;
        }
        let gpus = need.whole().gpus;
        let idle = shelf.idle;
        let idle_fits = shelf.gpus >= gpus
            && shelf.smallest.memory_bytes >= need.amounts.memory_bytes
            && shelf.smallest.cpu_milli >= need.amounts.cpu_milli;
        let others = if need.alone {
            idle
        } else if need.part.is_some() {
            shelf.with_at_least(gpus) | idle | shelf.opened & shelf.with_at_least(0)
        } else {
            shelf.with_at_least(gpus) | idle
        };
        // Idle nodes need no look each where even the smallest of them fits.
        let (mut mask, unsure) = if idle_fits { (idle, others & !idle) } else { (0, others) };
        for slot in ones(unsure) {
            let row = shelf.nodes.get(slot).and_then(|node| self.row(*node));
            if row.is_some_and(|row| row.fits(need)) {
                mask |= 1 << slot;
            }
        }
        mask
    }

    /// What all nodes that take work have together, in the tree's resources: milli-GPUs by model,
    /// processor, memory.
    pub(crate) fn capacity(&self, n_resources: usize) -> Vec<u64> {
        let ready = self.rows.iter().filter(|row| row.node.state == NodeState::Ready);
        stock(ready.map(|row| &row.node), n_resources)
    }

    /// GPU models that nodes have, whatever their state.
    pub(crate) fn classes(&self) -> ClassSet {
        let classes = self.pools.iter().filter_map(|pool| pool.class);
        classes.fold(ClassSet(0), |set, class| set.or(ClassSet::one(class)))
    }
}
