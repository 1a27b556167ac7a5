//! How a policy ranks one node for one need.
//!
//! Must depend on the node's state, the need and the mix only, never on other nodes: that is what
//! lets a ranking survive changes elsewhere.

use super::baseline;
use super::measure::{Measure, level};
use super::need::{Gpus, Mix, Need};
use super::node::{GpuSet, NodeSpec, NodeState};
use super::ranking::UNFIT;
use super::worth::{self, Worth};

/// How nodes are ranked. Equal ones: the node that was given first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Any node that fits, and any GPU with room, evenly, from a generator with this seed.
    Random {
        /// The seed.
        seed: u64,
    },
    /// The smallest dot product of free and asked (Tetris).
    DotProduct,
    /// Next to work of the same kind (Gandiva).
    Clustering,
    /// GPUs in use first, idle nodes last.
    Packing,
    /// The least left over.
    BestFit,
    /// Fragmentation gradient descent.
    Fgd,
    /// Ours: the least worth lost.
    Worth,
}

/// What is known of a node as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Now {
    /// GPU milli that are fragments, times the counts of the classes.
    pub(super) fragmented: i64,
    /// Worth in millionths of a GPU; 0 for policies that do not ask.
    worth: i64,
}

/// A policy and what it knows of the work to come.
#[derive(Debug)]
pub(super) struct Scorer {
    policy: Policy,
    measure: Measure,
    worth: Option<Worth>,
}

impl Scorer {
    pub(super) fn new(nodes: &[NodeSpec], mix: &Mix, policy: Policy) -> Self {
        let worth = matches!(policy, Policy::Worth).then(|| Worth::new(nodes, mix));
        Self { policy, measure: Measure::new(mix.typical()), worth }
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    /// The sum of the counts of the typical classes.
    pub(super) fn counts(&self) -> i64 {
        self.measure.counts()
    }

    pub(super) fn now(&self, node: &NodeState) -> Now {
        let (cpu, gpus) = (node.cpu_free_milli(), node.gpus_free_milli());
        let worth = self.worth.as_ref().map_or(0, |worth| worth.of(cpu, gpus, node.spec().model));
        Now { fragmented: self.measure.fragmented(cpu, gpus, node.spec().model), worth }
    }

    /// The key of a need on a node that it fits, and the GPUs; higher is better.
    pub(super) fn score(&self, node: &NodeState, now: Now, need: &Need) -> (i64, GpuSet) {
        match self.policy {
            Policy::Random { .. } => (0, node.tightest(need)),
            Policy::DotProduct => (baseline::dot_product(node, need), node.tightest(need)),
            Policy::Clustering => (baseline::clustering(node, need), node.tightest(need)),
            Policy::Packing => (baseline::packing(node, need), node.tightest(need)),
            Policy::BestFit => (baseline::best_fit(node, need), node.tightest(need)),
            Policy::Fgd | Policy::Worth => {
                self.best_gpus(node, now, need).unwrap_or((UNFIT, GpuSet::default()))
            }
        }
    }

    /// The first best GPU for a share, or the first free GPUs, by the state they leave.
    fn best_gpus(&self, node: &NodeState, now: Now, need: &Need) -> Option<(i64, GpuSet)> {
        if !matches!(need.gpus, Gpus::Share { .. }) {
            let gpus = node.whole(need.gpus.count())?;
            return Some((self.key(now, node, need, gpus), gpus));
        }
        let free = node.gpus_free_milli();
        let mut best: Option<(i64, GpuSet)> = None;
        for (position, milli) in free.iter().enumerate() {
            let earlier = free.get(..position).unwrap_or(&[]);
            if *milli < need.gpus.milli_each() || earlier.contains(milli) {
                continue;
            }
            let gpus = GpuSet::default().with(position);
            let key = self.key(now, node, need, gpus);
            if best.is_none_or(|(top, _)| key > top) {
                best = Some((key, gpus));
            }
        }
        best
    }

    fn key(&self, now: Now, node: &NodeState, need: &Need, gpus: GpuSet) -> i64 {
        let after = node.gpus_after(gpus, need.gpus.milli_each());
        let after = after.get(..node.gpus_free_milli().len()).unwrap_or(&[]);
        let cpu = node.cpu_free_milli().saturating_sub(need.cpu_milli);
        let model = node.spec().model;
        let reduction = now.fragmented.saturating_sub(self.measure.fragmented(cpu, after, model));
        match &self.worth {
            None => level(reduction, self.measure.counts()),
            Some(worth) => {
                let cost = now.worth.saturating_sub(worth.of(cpu, after, model));
                worth::key(cost, reduction, &self.measure)
            }
        }
    }
}
