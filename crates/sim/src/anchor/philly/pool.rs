//! Nodes of eight GPUs and the placement rules of the experiment.
//!
//! Must never give out a GPU twice. The tie-breaks are part of the experiment: a job of at most eight
//! GPUs goes to the fullest node that fits, a larger one to idle nodes and one more for the remainder,
//! which must be the emptiest that is left; always the lowest number first.

use std::collections::BTreeSet;

use super::job::NODE_GPUS;

/// GPUs taken of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    node: u32,
    gpus: u32,
}

/// A cluster, or a part of one that a tenant has for itself.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    nodes: Vec<Node>,
    /// Numbers of the nodes with 0, 1, … 8 free GPUs, without those behind a fence.
    by_free: [BTreeSet<u32>; NODE_GPUS as usize + 1],
}

#[derive(Debug, Clone)]
struct Node {
    free: u32,
    fenced: bool,
    /// When each job on it started, and the job's position.
    since: BTreeSet<(u64, u32)>,
}

impl Pool {
    pub(super) fn new(nodes: u32) -> Self {
        let node = Node { free: NODE_GPUS, fenced: false, since: BTreeSet::new() };
        let mut by_free: [BTreeSet<u32>; 9] = Default::default();
        if let Some(idle) = by_free.last_mut() {
            idle.extend(0..nodes);
        }
        Self { nodes: (0..nodes).map(|_| node.clone()).collect(), by_free }
    }

    /// Nodes without any job, before no fence.
    pub(super) fn idle(&self) -> u32 {
        let idle = self.by_free.last().map_or(0, BTreeSet::len);
        u32::try_from(idle).unwrap_or(u32::MAX)
    }

    /// How many idle nodes [`place`](Self::place) would use for a job, if it fits.
    pub(super) fn idle_used(&self, gpus: u32) -> Option<u32> {
        let parts = self.choose(gpus)?;
        let idle = |part: &&Part| self.node(part.node).is_some_and(|node| node.free == NODE_GPUS);
        u32::try_from(parts.iter().filter(idle).count()).ok()
    }

    /// Starts a job, or leaves everything as it was if it does not fit.
    pub(super) fn place(&mut self, gpus: u32, position: u32, now_s: u64) -> Option<Vec<Part>> {
        let parts = self.choose(gpus)?;
        for part in &parts {
            self.change(part.node, |node| {
                node.free -= part.gpus;
                node.since.insert((now_s, position));
            });
        }
        Some(parts)
    }

    /// Ends a job that started at that time.
    pub(super) fn release(&mut self, parts: &[Part], position: u32, started_s: u64) {
        for part in parts {
            self.change(part.node, |node| {
                node.free += part.gpus;
                node.since.remove(&(started_s, position));
            });
        }
    }

    /// Puts a fence before the nodes that a job may hope to have soonest: idle ones, then those whose
    /// oldest job is youngest, because what has run for long will run for long.
    pub(super) fn fence(&mut self, nodes: u32) {
        let open = (0u32..).zip(&self.nodes).filter(|(_, node)| !node.fenced);
        let mut open: Vec<_> = open.map(|(number, node)| (node.emptied_late(), number)).collect();
        open.sort_unstable();
        for (_, number) in open.into_iter().take(usize::try_from(nodes).unwrap_or(usize::MAX)) {
            self.change(number, |node| node.fenced = true);
        }
    }

    /// Takes all fences away.
    pub(super) fn open(&mut self) {
        let fenced: Vec<u32> =
            (0u32..).zip(&self.nodes).filter(|(_, node)| node.fenced).map(|pair| pair.0).collect();
        for number in fenced {
            self.change(number, |node| node.fenced = false);
        }
    }

    fn choose(&self, gpus: u32) -> Option<Vec<Part>> {
        if gpus <= NODE_GPUS {
            let fitting = self.by_free.iter().skip(usize::try_from(gpus).ok()?);
            let node = *fitting.flatten().next()?;
            return Some(vec![Part { node, gpus }]);
        }
        let whole = usize::try_from(gpus / NODE_GPUS).ok()?;
        let rest = gpus % NODE_GPUS;
        let mut emptiest = self.by_free.iter().rev().flatten();
        let mut parts: Vec<Part> = emptiest
            .by_ref()
            .take(whole)
            .map(|node| Part { node: *node, gpus: NODE_GPUS })
            .collect();
        let idle = usize::try_from(self.idle()).ok()?;
        if whole > idle {
            return None;
        }
        if rest > 0 {
            let node = *emptiest.next()?;
            self.node(node).filter(|node| node.free >= rest)?;
            parts.push(Part { node, gpus: rest });
        }
        Some(parts)
    }

    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(number).ok()?)
    }

    /// Changes a node and keeps the index in step.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut Node)) {
        let Some(node) = usize::try_from(number).ok().and_then(|at| self.nodes.get_mut(at)) else {
            return;
        };
        let slot = |node: &Node| usize::try_from(node.free).ok().filter(|_| !node.fenced);
        let before = slot(node);
        change(node);
        let after = slot(node);
        if before == after {
            return;
        }
        if let Some(set) = before.and_then(|at| self.by_free.get_mut(at)) {
            set.remove(&number);
        }
        if let Some(set) = after.and_then(|at| self.by_free.get_mut(at)) {
            set.insert(number);
        }
    }
}

impl Node {
    /// Smaller for nodes that will be empty sooner.
    fn emptied_late(&self) -> (bool, std::cmp::Reverse<u64>, std::cmp::Reverse<u32>) {
        let oldest = self.since.first().map(|(since, _)| *since);
        (oldest.is_some(), std::cmp::Reverse(oldest.unwrap_or(0)), std::cmp::Reverse(self.free))
    }
}
