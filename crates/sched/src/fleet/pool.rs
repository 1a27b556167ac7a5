//! A pool: the shelves of one site with one model of GPU, indexed by what is free on them.
//!
//! Must always agree with its shelves; only `Fleet` writes both, in one place.

use super::{
    Cut, Size,
    bits::Bits,
    opened::ByRoom,
    shelf::{Shelf, Slot},
};
use crate::part::Part;
use crate::place::Broken;
use crate::problem::{ClassIdx, SiteIdx};

/// Shelves of one site and model, which lie side by side in the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) site: SiteIdx,
    pub(crate) class: Option<ClassIdx>,
    /// True at each number of GPUs that some of its nodes have.
    sizes: Vec<bool>,
    /// Its first shelf in the fleet.
    pub(crate) first: usize,
    /// How many shelves it has.
    pub(crate) n_shelves: usize,
    /// Shelves that have a ready node that runs something and has exactly this many GPUs free.
    by_started: Vec<Bits>,
    /// Shelves that have exactly this many idle nodes.
    by_idle: Vec<Bits>,
    /// Free GPUs of its ready nodes.
    pub(crate) n_free_gpus: u64,
    /// Nodes that take work, by GPUs that are free.
    n_by_free: Vec<u32>,
    /// Its idle nodes.
    pub(crate) n_idle: u64,
    /// Counts of idle nodes, in the order in which racks that have so many are taken from for one
    /// node: see `place::tails`.
    pub(crate) best_idle: Vec<(Broken, usize)>,
    /// GPUs that somebody has a part of, on ready nodes.
    pub(crate) opened: ByRoom,
    /// How its GPUs can be cut.
    pub(crate) cut: Option<Cut>,
}

impl Pool {
    pub(crate) fn new(site: SiteIdx, class: Option<ClassIdx>, first: usize) -> Self {
        Self {
            site,
            class,
            sizes: Vec::new(),
            first,
            n_shelves: 0,
            by_started: Vec::new(),
            by_idle: Vec::new(),
            n_free_gpus: 0,
            n_by_free: Vec::new(),
            n_idle: 0,
            best_idle: Vec::new(),
            opened: ByRoom::default(),
            cut: None,
        }
    }

    /// Some of its nodes have this many GPUs.
    pub(crate) fn add_size(&mut self, gpus: u32) {
        let at = usize::try_from(gpus).unwrap_or(0);
        self.sizes.resize(self.sizes.len().max(at.saturating_add(1)), false);
        if let Some(size) = self.sizes.get_mut(at) {
            *size = true;
        }
    }

    /// True if some of its nodes have this many GPUs.
    pub(crate) fn has_size(&self, gpus: usize) -> bool {
        self.sizes.get(gpus).copied().unwrap_or(false)
    }

    /// True if its GPUs can be cut so.
    pub(crate) fn can_cut(&self, part: Part) -> bool {
        Size::of(part, self.cut.as_ref().map(|cut| cut.geometry)).is_some()
    }

    /// Makes the indices once all shelves are known.
    pub(crate) fn finish(&mut self, gpus_max: u32, slots_max: usize) {
        let levels = usize::try_from(gpus_max).unwrap_or(0).saturating_add(1);
        self.by_started = vec![Bits::new(self.n_shelves); levels];
        self.n_by_free = vec![0; levels];
        self.by_idle = vec![Bits::new(self.n_shelves); slots_max.saturating_add(1)];
        let order = |count| Some((Broken::of(u32::try_from(count).ok()?, 1), count));
        self.best_idle = (1..=slots_max).filter_map(order).collect();
        self.best_idle.sort_unstable();
        for shelf in 0..self.n_shelves {
            if let Some(bits) = self.by_idle.first_mut() {
                bits.set(shelf, true);
            }
        }
    }

    /// A shelf changed at these levels of free GPUs, and its idle nodes from one count to another.
    pub(crate) fn file(&mut self, at: usize, shelf: &Shelf, levels: [u32; 2], idle_was: u32) {
        let place = at.saturating_sub(self.first);
        for level in levels {
            let level = usize::try_from(level).unwrap_or(usize::MAX);
            if let Some(bits) = self.by_started.get_mut(level) {
                bits.set(place, shelf.with_free(level) & !shelf.idle != 0);
            }
        }
        let idle_is = shelf.n_idle();
        if idle_is == idle_was {
            return;
        }
        self.n_idle =
            self.n_idle.saturating_sub(u64::from(idle_was)).saturating_add(u64::from(idle_is));
        for (count, is_in) in [(idle_was, false), (idle_is, true)] {
            let bits = usize::try_from(count).ok().and_then(|count| self.by_idle.get_mut(count));
            if let Some(bits) = bits {
                bits.set(place, is_in);
            }
        }
    }

    /// Counts a node as what it is now.
    pub(crate) fn count(&mut self, was: Slot, is: Slot) {
        let mut count = |slot: Slot, by: i32| {
            let at = usize::try_from(slot.free.gpus).unwrap_or(usize::MAX);
            if let Some(n) = self.n_by_free.get_mut(at).filter(|_| slot.takes_work()) {
                *n = n.saturating_add_signed(by);
            }
        };
        count(was, -1);
        count(is, 1);
    }

    /// Nodes that take work and have at least so many GPUs free: as many as could fit a need, or
    /// more.
    pub(crate) fn n_at_least(&self, gpus: u32) -> u32 {
        let from = usize::try_from(gpus).unwrap_or(usize::MAX);
        self.n_by_free
            .get(from..)
            .unwrap_or_default()
            .iter()
            .fold(0, |n, one| n.saturating_add(*one))
    }

    /// Shelves with a ready node that runs something and has exactly this many GPUs free, in order.
    pub(crate) fn with_started(&self, gpus: usize) -> impl Iterator<Item = usize> + '_ {
        self.by_started
            .get(gpus)
            .into_iter()
            .flat_map(Bits::iter)
            .map(|p| p.saturating_add(self.first))
    }

    /// Shelves with exactly this many idle nodes, in order.
    pub(crate) fn with_idle(&self, nodes: usize) -> impl Iterator<Item = usize> + '_ {
        self.by_idle
            .get(nodes)
            .into_iter()
            .flat_map(Bits::iter)
            .map(|p| p.saturating_add(self.first))
    }

    /// The largest number of free GPUs that a node could have.
    pub(crate) fn gpus_max(&self) -> usize {
        self.by_started.len().saturating_sub(1)
    }

    /// Its shelves in the fleet.
    pub(crate) const fn shelves(&self) -> std::ops::Range<usize> {
        self.first..self.first.saturating_add(self.n_shelves)
    }
}
