//! The packer: nodes, a policy, and the next choice.
//!
//! A choice must always be what a scan of all nodes would give. To be faster than a scan, every
//! need that was asked keeps its ranking, and a change of a node reaches it when it is asked again.

use std::collections::BTreeMap;
use std::fmt;

use super::measure::Fragmentation;
use super::need::{Gpus, Mix, Need};
use super::node::{GpuSet, NodeSpec, NodeState};
use super::ranking::{Ranking, UNFIT};
use super::scorer::{Now, Policy, Scorer};
use crate::NodeIdx;

/// Where a need goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Position of the node among those given.
    pub node: NodeIdx,
    /// Its GPUs; none for work without GPUs.
    pub gpus: GpuSet,
}

/// Why a change was refused; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such node.
    NoSuchNode(NodeIdx),
    /// The need does not fit there, or not on these GPUs.
    DoesNotFit(NodeIdx),
    /// More would come back than the node has.
    NotTaken(NodeIdx),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode(node) => write!(f, "no node `{}`: choose one of those given", node.0),
            Self::DoesNotFit(node) => {
                write!(f, "the need does not fit node `{}` on these GPUs: choose again", node.0)
            }
            Self::NotTaken(node) => {
                write!(f, "node `{}` never gave so much: release what was taken", node.0)
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Most nodes in all rankings together, which is some 64 MiB. When the needs asked go beyond that,
/// all rankings are built anew.
const RANKED_MAX: usize = 1 << 22;

/// See the module.
#[derive(Debug)]
pub struct Packer {
    scorer: Scorer,
    random: u64,
    nodes: Vec<NodeState>,
    /// Per node what is known of its present state, so that only the state after is computed.
    now: Vec<Now>,
    fragmented: i64,
    needs: BTreeMap<Need, usize>,
    rankings: Vec<Ranking>,
    /// Nodes in the order in which they changed.
    changes: Vec<usize>,
    /// Per node the position of its last change.
    changed: Vec<usize>,
}

impl Packer {
    /// All nodes idle and ready. The order of the nodes is the tie-break.
    #[must_use]
    pub fn new(nodes: &[NodeSpec], mix: &Mix, policy: Policy) -> Self {
        let seed = if let Policy::Random { seed } = policy { seed } else { 0 };
        let mut packer = Self {
            scorer: Scorer::new(nodes, mix, policy),
            random: seed,
            nodes: nodes.iter().map(|spec| NodeState::new(*spec)).collect(),
            now: vec![Now::default(); nodes.len()],
            fragmented: 0,
            needs: BTreeMap::new(),
            rankings: Vec::new(),
            changes: Vec::new(),
            changed: vec![0; nodes.len()],
        };
        (0..nodes.len()).for_each(|node| packer.note(node));
        packer
    }

    /// The state of a node.
    #[must_use]
    pub fn node(&self, node: NodeIdx) -> Option<&NodeState> {
        self.nodes.get(position(node))
    }

    /// The fragmentation of all nodes, those that are not ready among them.
    #[must_use]
    pub fn fragmentation(&self) -> Fragmentation {
        Fragmentation { milli_counts: self.fragmented, counts: self.scorer.counts() }
    }

    /// Where the need goes now; `None` if it fits on no ready node. Takes nothing.
    pub fn choose(&mut self, need: &Need) -> Option<Choice> {
        if let Policy::Random { .. } = self.scorer.policy() {
            return self.any(need);
        }
        let at = self.ranking_of(need);
        let mut ranking =
            std::mem::replace(self.rankings.get_mut(at)?, Ranking::new([].into_iter(), 0));
        for (at, &node) in self.changes.iter().enumerate().skip(ranking.seen) {
            if self.changed.get(node) == Some(&at) {
                let (key, gpus) = self.score(node, need);
                ranking.set(node, key, gpus);
            }
        }
        ranking.seen = self.changes.len();
        let best = ranking.best();
        *self.rankings.get_mut(at)? = ranking;
        let (node, gpus) = best?;
        Some(Choice { node: NodeIdx(u32::try_from(node).ok()?), gpus })
    }

    /// Takes what the need asks where it was chosen.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such node or it does not fit.
    pub fn take(&mut self, need: &Need, choice: Choice) -> Result<(), Refusal> {
        let at = position(choice.node);
        let node = self.nodes.get_mut(at).ok_or(Refusal::NoSuchNode(choice.node))?;
        if !node.ready || !node.take(need, choice.gpus) {
            return Err(Refusal::DoesNotFit(choice.node));
        }
        self.note(at);
        Ok(())
    }

    /// Gives back what the need took there.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such node or it never had so much.
    pub fn release(&mut self, need: &Need, choice: Choice) -> Result<(), Refusal> {
        let at = position(choice.node);
        let node = self.nodes.get_mut(at).ok_or(Refusal::NoSuchNode(choice.node))?;
        if !node.release(need, choice.gpus) {
            return Err(Refusal::NotTaken(choice.node));
        }
        self.note(at);
        Ok(())
    }

    /// A node takes new work, or takes none any more. What runs there is not touched.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such node.
    pub fn set_ready(&mut self, node: NodeIdx, ready: bool) -> Result<(), Refusal> {
        let at = position(node);
        self.nodes.get_mut(at).ok_or(Refusal::NoSuchNode(node))?.ready = ready;
        self.note(at);
        Ok(())
    }

    /// The work to come changed: prices, measure and rankings are made anew from this mix.
    pub fn learn(&mut self, mix: &Mix) {
        let specs: Vec<NodeSpec> = self.nodes.iter().map(|node| *node.spec()).collect();
        self.scorer = Scorer::new(&specs, mix, self.scorer.policy());
        self.fragmented = 0;
        self.now.fill(Now::default());
        self.forget();
        (0..self.nodes.len()).for_each(|node| self.note(node));
    }

    /// What changes with a node.
    fn note(&mut self, at: usize) {
        let (Some(node), Some(now)) = (self.nodes.get(at), self.now.get_mut(at)) else { return };
        let fresh = self.scorer.now(node);
        self.fragmented = self.fragmented.saturating_add(fresh.fragmented);
        self.fragmented = self.fragmented.saturating_sub(now.fragmented);
        *now = fresh;
        if let Some(changed) = self.changed.get_mut(at) {
            *changed = self.changes.len();
        }
        self.changes.push(at);
        if self.changes.len() > self.nodes.len().saturating_mul(8).saturating_add(1_024) {
            self.compact();
        }
    }

    /// Drops all but the last change of each node.
    fn compact(&mut self) {
        let last = |(at, node): &(usize, usize)| self.changed.get(*node) == Some(at);
        let kept: Vec<(usize, usize)> =
            self.changes.iter().copied().enumerate().filter(last).collect();
        for ranking in &mut self.rankings {
            ranking.seen = kept.partition_point(|(at, _)| *at < ranking.seen);
        }
        self.changes = kept.iter().map(|(_, node)| *node).collect();
        for (at, node) in self.changes.iter().enumerate() {
            if let Some(changed) = self.changed.get_mut(*node) {
                *changed = at;
            }
        }
    }

    fn forget(&mut self) {
        self.needs.clear();
        self.rankings.clear();
    }

    /// The position of the need's ranking, made when it is asked for the first time.
    fn ranking_of(&mut self, need: &Need) -> usize {
        if let Some(at) = self.needs.get(need) {
            return *at;
        }
        let nodes = self.nodes.len().next_power_of_two();
        if self.rankings.len().saturating_add(1).saturating_mul(nodes) > RANKED_MAX {
            self.forget();
        }
        let scores = (0..self.nodes.len()).map(|node| self.score(node, need));
        let ranking = Ranking::new(scores, self.changes.len());
        let at = self.rankings.len();
        self.rankings.push(ranking);
        self.needs.insert(*need, at);
        at
    }

    /// The key and the GPUs of a need on a node.
    fn score(&self, at: usize, need: &Need) -> (i64, GpuSet) {
        match (self.nodes.get(at), self.now.get(at)) {
            (Some(node), Some(now)) if node.ready && node.fits(need) => {
                self.scorer.score(node, *now, need)
            }
            _ => (UNFIT, GpuSet::default()),
        }
    }

    /// Any node that fits, any GPU with room.
    fn any(&mut self, need: &Need) -> Option<Choice> {
        let fits = |node: &&NodeState| node.ready && node.fits(need);
        let many = self.nodes.iter().filter(fits).count();
        let wanted = below(&mut self.random, many);
        let mut fitting = self.nodes.iter().enumerate().filter(|(_, node)| fits(node));
        let (at, node) = fitting.nth(wanted)?;
        let gpus = if let Gpus::Share { .. } = need.gpus {
            let room = |free: &u16| *free >= need.gpus.milli_each();
            let many = node.gpus_free_milli().iter().filter(|free| room(free)).count();
            let wanted = below(&mut self.random, many);
            let mut with_room =
                node.gpus_free_milli().iter().enumerate().filter(|(_, free)| room(free));
            GpuSet::default().with(with_room.nth(wanted)?.0)
        } else {
            node.whole(need.gpus.count())?
        };
        Some(Choice { node: NodeIdx(u32::try_from(at).ok()?), gpus })
    }
}

fn position(node: NodeIdx) -> usize {
    usize::try_from(node.0).unwrap_or(usize::MAX)
}

/// A number below `many`, or 0; splitmix64, which any seed suits.
fn below(state: &mut u64, many: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let many = u128::try_from(many).unwrap_or(0);
    let product = u128::from(mixed ^ (mixed >> 31)).saturating_mul(many);
    usize::try_from(product >> 64).unwrap_or(0)
}
