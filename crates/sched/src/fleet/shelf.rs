//! A shelf: up to 64 nodes of one rack with equal GPUs, as bit masks by what is free.
//!
//! Must never be read for the processor or memory of one node: those are the node's; the shelf
//! only knows bounds that let a whole shelf be skipped.

use crate::problem::{Amounts, NodeIdx};

/// Nodes on one shelf: one bit each.
pub(crate) const SLOTS_MAX: usize = 64;

/// Nodes of one rack with equal GPUs.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) group: u32,
    pub(crate) rack: u32,
    /// GPUs of each node.
    pub(crate) gpus: u32,
    /// Node of each slot, ascending.
    pub(crate) nodes: Vec<NodeIdx>,
    /// Ready nodes that have exactly this many whole GPUs free, and some processor and memory.
    by_free: Vec<u64>,
    /// Ready nodes that nothing runs on.
    pub(crate) idle: u64,
    /// Nodes whose state is ready, whatever they run.
    pub(crate) ready: u64,
    /// Nodes whose state is suspect.
    pub(crate) suspect: u64,
    /// Nodes that somebody is promised.
    pub(crate) held: u64,
    /// Nodes with a GPU that somebody has a part of.
    pub(crate) opened: u64,
    /// No ready node has more free of any of these.
    pub(crate) most: Amounts,
    /// No node is smaller in any of these, and none is larger.
    pub(crate) smallest: Amounts,
    pub(crate) largest: Amounts,
}

/// What the shelf must know of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// Its state is ready.
    pub(crate) is_ready: bool,
    /// Its state is suspect.
    pub(crate) is_suspect: bool,
    /// Nobody has it alone.
    pub(crate) is_shared: bool,
    pub(crate) is_idle: bool,
    pub(crate) free: Amounts,
}

impl Shelf {
    pub(crate) fn new(group: u32, rack: u32, gpus: u32) -> Self {
        let n_levels = usize::try_from(gpus).unwrap_or(0).saturating_add(1);
        Self {
            group,
            rack,
            gpus,
            nodes: Vec::new(),
            by_free: vec![0; n_levels],
            idle: 0,
            ready: 0,
            suspect: 0,
            held: 0,
            opened: 0,
            most: Amounts::default(),
            smallest: Amounts { gpus, memory_bytes: u64::MAX, cpu_milli: u64::MAX },
            largest: Amounts { gpus, ..Amounts::default() },
        }
    }

    /// Adds a node of this size; its slot.
    pub(crate) fn push(&mut self, node: NodeIdx, total: Amounts) -> usize {
        self.nodes.push(node);
        self.smallest.memory_bytes = self.smallest.memory_bytes.min(total.memory_bytes);
        self.smallest.cpu_milli = self.smallest.cpu_milli.min(total.cpu_milli);
        self.largest.memory_bytes = self.largest.memory_bytes.max(total.memory_bytes);
        self.largest.cpu_milli = self.largest.cpu_milli.max(total.cpu_milli);
        self.nodes.len().saturating_sub(1)
    }

    /// Moves a node to where it belongs now. `most` is not updated: see [`Self::keep_most`].
    pub(crate) fn file(&mut self, slot: usize, was: Slot, is: Slot) {
        let bit = 1_u64 << slot;
        if let Some(mask) = was.level().and_then(|level| self.by_free.get_mut(level)) {
            *mask &= !bit;
        }
        if let Some(mask) = is.level().and_then(|level| self.by_free.get_mut(level)) {
            *mask |= bit;
        }
        let put = |mask: u64, is_in: bool| if is_in { mask | bit } else { mask & !bit };
        self.idle = put(self.idle, is.is_ready && is.is_idle);
        self.ready = put(self.ready, is.is_ready);
        self.suspect = put(self.suspect, is.is_suspect);
    }

    /// A node has opened GPUs, or no longer.
    pub(crate) fn mark_opened(&mut self, slot: usize, is_opened: bool) {
        let bit = 1_u64 << slot;
        self.opened = if is_opened { self.opened | bit } else { self.opened & !bit };
    }

    /// Keeps the bound when a node changes. Only if it reached the bound and has less now must all
    /// be looked at, and then only until others reach it.
    pub(crate) fn keep_most(&mut self, was: Slot, is: Slot, all: impl Iterator<Item = Amounts>) {
        let (was, is) = (was.open(), is.open());
        let bound = self.most.max_of(is);
        let shrinks = (was.gpus == self.most.gpus && is.gpus < was.gpus)
            || (was.memory_bytes == self.most.memory_bytes && is.memory_bytes < was.memory_bytes)
            || (was.cpu_milli == self.most.cpu_milli && is.cpu_milli < was.cpu_milli);
        if !shrinks {
            self.most = bound;
            return;
        }
        self.most = Amounts::default();
        for free in all {
            self.most = self.most.max_of(free);
            if self.most == bound {
                return;
            }
        }
    }

    /// Ready nodes with exactly this many GPUs free.
    pub(crate) fn with_free(&self, gpus: usize) -> u64 {
        self.by_free.get(gpus).copied().unwrap_or(0)
    }

    /// Ready nodes with at least this many GPUs free.
    pub(crate) fn with_at_least(&self, gpus: u32) -> u64 {
        let from = usize::try_from(gpus).unwrap_or(usize::MAX);
        self.by_free.get(from..).unwrap_or_default().iter().fold(0, |mask, level| mask | level)
    }

    pub(crate) const fn n_idle(&self) -> u32 {
        self.idle.count_ones()
    }
}

impl Slot {
    pub(crate) const fn takes_work(&self) -> bool {
        self.is_ready && self.is_shared
    }

    /// What new work could have of it.
    pub(crate) fn open(&self) -> Amounts {
        if self.takes_work() { self.free } else { Amounts::default() }
    }

    /// The mask it belongs to; none if it can take nothing at all.
    fn level(&self) -> Option<usize> {
        let open = self.takes_work() && self.free.memory_bytes > 0 && self.free.cpu_milli > 0;
        if open { usize::try_from(self.free.gpus).ok() } else { None }
    }
}
