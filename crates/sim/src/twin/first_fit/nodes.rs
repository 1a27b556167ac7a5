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
    /// GPUs of which nothing is taken.
    free_gpus: u32,
    /// GPUs of which a part is taken, with the thousandths that are free. Whole ones are not told apart.
    parted: Vec<(u32, u32)>,
    cpu_milli: u64,
    memory_bytes: u64,
    /// Causes for which it does not work.
    down: u32,
}

impl Node {
    /// Takes a part of a GPU, or gives it back; one of which nothing is taken is whole again.
    fn part(&mut self, part: Part, is_taken: bool) {
        let found = self.parted.iter().position(|(gpu, _)| *gpu == part.gpu);
        let position = found.unwrap_or(self.parted.len());
        if found.is_none() {
            self.free_gpus = self.free_gpus.saturating_sub(1);
            self.parted.push((part.gpu, 1_000));
        }
        let Some((_, free)) = self.parted.get_mut(position) else { return };
        let by = if is_taken { u32::saturating_sub } else { u32::saturating_add };
        *free = by(*free, part.milli);
        if *free >= 1_000 {
            self.parted.swap_remove(position);
            self.free_gpus = self.free_gpus.saturating_add(1);
        }
    }
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
            let (free_gpus, parted) = (kind.gpus, Vec::new());
            let (cpu_milli, memory_bytes) = (kind.cpu.0, kind.memory.0);
            all.nodes.push(Node { free_gpus, parted, cpu_milli, memory_bytes, down: 0 });
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
        let free = number::index(one.free_gpus);
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
            let started = one.parted.iter().find(|(_, free)| *free >= milli).map(|(gpu, _)| *gpu);
            let is_new = |gpu: &u32| one.parted.iter().all(|(parted, _)| parted != gpu);
            let fresh = || (0..).find(is_new).filter(|_| one.free_gpus > 0);
            let gpu = started.or_else(fresh)?;
            return Some(Share { node, gpus: 0, part: Some(Part { gpu, milli }) });
        }
        (one.free_gpus >= request.gpus).then_some(Share { node, gpus: request.gpus, part: None })
    }

    /// Takes a share, or gives it back.
    pub(super) fn change(&mut self, share: &Share, request: &Request, is_taken: bool) {
        self.count(share.node, false);
        if let Some(one) = self.nodes.get_mut(number::index(share.node.0)) {
            let by = if is_taken { u64::saturating_sub } else { u64::saturating_add };
            one.cpu_milli = by(one.cpu_milli, request.cpu.0);
            one.memory_bytes = by(one.memory_bytes, request.memory.0);
            let by = if is_taken { u32::saturating_sub } else { u32::saturating_add };
            one.free_gpus = by(one.free_gpus, share.gpus);
            if let Some(part) = share.part {
                one.part(part, is_taken);
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
