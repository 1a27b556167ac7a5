//! What is free on every node, with a summary of each NVLink domain so that a failed try is cheap.

use crate::twin::{
    events::{Part, Share},
    fleet::{Fleet, NodeIdx},
    number,
    workload::Request,
};

/// One node.
#[derive(Debug, Clone)]
struct Node {
    /// Thousandths free of each GPU.
    gpus: Vec<u32>,
    cpu_milli: u64,
    memory_bytes: u64,
    /// Causes for which it does not work.
    down: u32,
}

/// Neighbouring nodes of one NVLink domain.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    pub(super) first: u32,
    pub(super) nodes: u32,
    /// Working nodes by GPUs of which nothing is taken.
    by_free: Vec<u32>,
    /// Causes for which it holds no gang.
    pub(super) suspect: u32,
}

/// All nodes.
#[derive(Debug)]
pub(super) struct Nodes<'a> {
    fleet: &'a Fleet,
    nodes: Vec<Node>,
    pub(super) domains: Vec<Domain>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(fleet: &'a Fleet) -> Self {
        let mut all = Self { fleet, nodes: Vec::new(), domains: Vec::new() };
        for (index, node) in (0_u32..).zip(&fleet.nodes) {
            let Some(kind) = fleet.kind(node.kind) else { continue };
            if all.domains.len() <= number::index(node.domain) {
                let by_free = vec![0; number::index(kind.gpus.saturating_add(1))];
                all.domains.push(Domain { first: index, nodes: 0, by_free, suspect: 0 });
            }
            if let Some(domain) = all.domains.last_mut() {
                domain.nodes = domain.nodes.saturating_add(1);
            }
            let gpus = vec![1_000; number::index(kind.gpus)];
            let (cpu_milli, memory_bytes) = (kind.cpu.0, kind.memory.0);
            all.nodes.push(Node { gpus, cpu_milli, memory_bytes, down: 0 });
            all.count(NodeIdx(index), true);
        }
        all
    }

    /// Adds a node to the summary of its domain, or takes it out before it changes.
    fn count(&mut self, node: NodeIdx, is_more: bool) {
        let Some(one) = self.nodes.get(number::index(node.0)) else { return };
        if one.down > 0 {
            return;
        }
        let free = one.gpus.iter().filter(|milli| **milli == 1_000).count();
        let domain = self.fleet.node(node).map(|node| number::index(node.domain));
        let domain = domain.and_then(|domain| self.domains.get_mut(domain));
        if let Some(slot) = domain.and_then(|domain| domain.by_free.get_mut(free)) {
            *slot = if is_more { slot.saturating_add(1) } else { slot.saturating_sub(1) };
        }
    }

    /// At most so many nodes of a domain can hold a rank; processor and memory are not looked at.
    pub(super) fn at_most(&self, domain: usize, request: &Request) -> u32 {
        let Some(domain) = self.domains.get(domain) else { return 0 };
        if request.is_share() {
            return domain.nodes;
        }
        domain.by_free.iter().skip(number::index(request.gpus)).sum()
    }

    /// The share that a rank of a request would have of a node, if it fits there.
    pub(super) fn fits(&self, node: NodeIdx, request: &Request) -> Option<Share> {
        let one = self.nodes.get(number::index(node.0)).filter(|one| one.down == 0)?;
        let class = self.fleet.kind_of(node)?.class;
        let has_room = one.cpu_milli >= request.cpu.0 && one.memory_bytes >= request.memory.0;
        if !has_room || (request.gpus > 0 && !request.classes.allows(class)) {
            return None;
        }
        if request.gpus > 0 && request.is_share() {
            let milli = request.gpu_milli;
            // A GPU that is shared already comes first, so that whole ones stay whole.
            let started = one.gpus.iter().position(|free| *free >= milli && *free < 1_000);
            let gpu = started.or_else(|| one.gpus.iter().position(|free| *free == 1_000))?;
            let gpu = number::small(number::count(gpu));
            return Some(Share { node, gpus: 0, part: Some(Part { gpu, milli }) });
        }
        let free = one.gpus.iter().filter(|milli| **milli == 1_000).count();
        let is_enough = number::count(free) >= u64::from(request.gpus);
        is_enough.then_some(Share { node, gpus: request.gpus, part: None })
    }

    /// Takes a share, or gives it back. Whole GPUs are taken from the last one down, parts from the
    /// first one up, so that they do not get in each other's way.
    pub(super) fn change(&mut self, share: &Share, request: &Request, is_taken: bool) {
        self.count(share.node, false);
        if let Some(one) = self.nodes.get_mut(number::index(share.node.0)) {
            let by = if is_taken { u64::saturating_sub } else { u64::saturating_add };
            one.cpu_milli = by(one.cpu_milli, request.cpu.0);
            one.memory_bytes = by(one.memory_bytes, request.memory.0);
            let (from, to) = if is_taken { (1_000, 0) } else { (0, 1_000) };
            let whole = one.gpus.iter_mut().rev().filter(|milli| **milli == from);
            for milli in whole.take(number::index(share.gpus)) {
                *milli = to;
            }
            if let Some(part) = share.part
                && let Some(milli) = one.gpus.get_mut(number::index(part.gpu))
            {
                *milli = if is_taken {
                    milli.saturating_sub(part.milli)
                } else {
                    milli.saturating_add(part.milli)
                };
            }
        }
        self.count(share.node, true);
    }

    /// One more cause, or one less, for which a node does not work; true if that is a change.
    pub(super) fn set_down(&mut self, node: NodeIdx, is_down: bool) -> bool {
        self.count(node, false);
        let mut is_change = false;
        if let Some(one) = self.nodes.get_mut(number::index(node.0)) {
            let before = one.down;
            one.down = if is_down { before.saturating_add(1) } else { before.saturating_sub(1) };
            is_change = (before == 0) != (one.down == 0);
        }
        self.count(node, true);
        is_change
    }
}
