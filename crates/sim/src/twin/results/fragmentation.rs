//! Fragmentation: the share of all GPUs that are free but of no use to a job drawn from this workload.
//!
//! For each class of job (GPUs of a node, part, segment, GPU classes) the free GPUs that it could not
//! use are counted; the result is their mean, weighted by how many jobs are of the class, over the
//! fleet's GPUs. For jobs of one node this is the measure of FGD (ATC 2023) with whole GPUs; for
//! segments it counts the trays left over after whole segments. The 32 most frequent classes count.

use std::collections::BTreeMap;

use crate::twin::{
    fleet::{ClassIdx, Fleet, NodeIdx},
    number,
    occupancy::Free,
    workload::{ClassSet, Prepared},
};

/// Classes of job that count.
const CLASSES_MAX: usize = 32;

/// What jobs of one class need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    gpus: u32,
    gpu_milli: u32,
    segment: u32,
    classes: ClassSet,
}

/// Free GPUs of one kind of node.
#[derive(Debug, Clone, Default)]
struct ByKind {
    class: Option<ClassIdx>,
    gpus_per_node: u32,
    /// Nodes by GPUs of which nothing is taken.
    nodes: Vec<u64>,
    /// Thousandths free on GPUs of which a part is taken.
    parts_milli: u64,
    /// NVLink domains by nodes of which nothing is taken.
    domains: Vec<u64>,
}

/// What is free, counted so that the measure costs no walk over the fleet.
#[derive(Debug, Clone)]
pub(super) struct Fragmentation {
    kinds: Vec<ByKind>,
    needs: Vec<(Need, u64)>,
    /// Whole free nodes of each NVLink domain.
    domain_nodes: Vec<u32>,
    gpus_milli: u64,
}

impl Fragmentation {
    pub(super) fn new(fleet: &Fleet, jobs: &Prepared) -> Self {
        let domains = fleet.nodes.iter().map(|node| node.domain.saturating_add(1)).max();
        let mut all = Self {
            kinds: vec![ByKind::default(); fleet.kinds.len()],
            needs: needs(jobs),
            domain_nodes: vec![0; number::index(domains.unwrap_or(0))],
            gpus_milli: fleet.counts().gpus.saturating_mul(1_000),
        };
        let mut kind_of_domain = BTreeMap::new();
        for node in &fleet.nodes {
            let Some(kind) = fleet.kind(node.kind) else { continue };
            bump(&mut all.domain_nodes, node.domain);
            kind_of_domain.insert(node.domain, node.kind);
            if let Some(by_kind) = all.kinds.get_mut(number::index(node.kind.0)) {
                (by_kind.class, by_kind.gpus_per_node) = (kind.class, kind.gpus);
                count(&mut by_kind.nodes, kind.gpus, true);
            }
        }
        for (domain, kind) in kind_of_domain {
            let nodes = all.domain_nodes.get(number::index(domain)).copied().unwrap_or(0);
            if let Some(by_kind) = all.kinds.get_mut(number::index(kind.0)) {
                count(&mut by_kind.domains, nodes, true);
            }
        }
        all
    }

    /// What is free on a node has changed.
    pub(super) fn changed(&mut self, fleet: &Fleet, node: NodeIdx, before: Free, after: Free) {
        let Some(place) = fleet.node(node) else { return };
        let Some(kind) = self.kinds.get_mut(number::index(place.kind.0)) else { return };
        count(&mut kind.nodes, before.gpus, false);
        count(&mut kind.nodes, after.gpus, true);
        let parts = kind.parts_milli.saturating_sub(u64::from(before.parts_milli));
        kind.parts_milli = parts.saturating_add(u64::from(after.parts_milli));
        if before.is_whole == after.is_whole {
            return;
        }
        let Some(nodes) = self.domain_nodes.get_mut(number::index(place.domain)) else { return };
        count(&mut kind.domains, *nodes, false);
        *nodes = if after.is_whole { nodes.saturating_add(1) } else { nodes.saturating_sub(1) };
        count(&mut kind.domains, *nodes, true);
    }

    /// The measure now, in millionths of the fleet's GPUs.
    pub(super) fn ppm(&self) -> u64 {
        let weights: u64 = self.needs.iter().map(|(_, jobs)| jobs).sum();
        let unusable = |need: &Need| self.kinds.iter().map(|kind| kind.unusable(need)).sum::<u64>();
        let sum: u128 = self
            .needs
            .iter()
            .map(|(need, jobs)| u128::from(unusable(need)).saturating_mul(u128::from(*jobs)))
            .sum();
        let whole = u128::from(weights).saturating_mul(u128::from(self.gpus_milli));
        number::scale_wide(sum, 1_000_000, whole)
    }
}

impl ByKind {
    /// Thousandths of GPUs that are free but of no use to a class of job.
    fn unusable(&self, need: &Need) -> u64 {
        let sum = |nodes: &[u64], from: u32| -> u64 {
            let free = (0_u64..).zip(nodes);
            free.take_while(|(gpus, _)| *gpus < u64::from(from)).map(|(gpus, n)| gpus * n).sum()
        };
        let is_other_class = !need.classes.allows(self.class);
        if need.segment > 1 && !is_other_class {
            let segment = u64::from(need.segment);
            let left = (0_u64..).zip(&self.domains).map(|(nodes, n)| (nodes % segment) * n);
            let left = left.sum::<u64>().saturating_mul(u64::from(self.gpus_per_node));
            let whole_nodes = (0_u64..).zip(&self.domains).map(|(nodes, n)| nodes * n).sum::<u64>();
            let whole = whole_nodes.saturating_mul(u64::from(self.gpus_per_node));
            // GPUs on nodes that are partly taken are of no use to a segment either.
            let all = sum(&self.nodes, u32::MAX);
            let gpus = left.saturating_add(all.saturating_sub(whole));
            return gpus.saturating_mul(1_000).saturating_add(self.parts_milli);
        }
        let below = if is_other_class { u32::MAX } else { need.gpus };
        let whole = sum(&self.nodes, below).saturating_mul(1_000);
        // A part of a GPU is taken to be of use to whoever wants a part.
        let is_share = need.gpu_milli < 1_000 && !is_other_class;
        whole.saturating_add(if is_share { 0 } else { self.parts_milli })
    }
}

/// The most frequent classes of job that need a GPU; ties by the class itself.
fn needs(jobs: &Prepared) -> Vec<(Need, u64)> {
    let mut found: BTreeMap<Need, u64> = BTreeMap::new();
    for request in jobs.requests.iter().filter(|request| request.gpus > 0) {
        let (gpus, gpu_milli) = (request.gpus, request.gpu_milli);
        let need = Need { gpus, gpu_milli, segment: request.segment, classes: request.classes };
        let jobs = found.entry(need).or_default();
        *jobs = jobs.saturating_add(1);
    }
    let mut needs: Vec<(Need, u64)> = found.into_iter().collect();
    needs.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    needs.truncate(CLASSES_MAX);
    needs
}

fn bump(counts: &mut [u32], at: u32) {
    if let Some(slot) = counts.get_mut(number::index(at)) {
        *slot = slot.saturating_add(1);
    }
}

/// One more or one less at a position, the list as long as it must be.
fn count(counts: &mut Vec<u64>, at: u32, is_more: bool) {
    let at = number::index(at);
    if counts.len() <= at {
        counts.resize(at.saturating_add(1), 0);
    }
    if let Some(slot) = counts.get_mut(at) {
        *slot = if is_more { slot.saturating_add(1) } else { slot.saturating_sub(1) };
    }
}
