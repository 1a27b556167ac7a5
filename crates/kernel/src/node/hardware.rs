//! What nodes are made of, each kind once: a fleet of thousands has a handful of kinds, so whether
//! anything could ever hold a job is not asked node by node.
//!
//! Derived; a rebuild gives the same.

use std::collections::BTreeMap;

use sched::mig::Geometry;
use units::{Bytes, Id, kinds};

use super::{Capacity, Facts, Node};
use crate::{State, state::Index};

/// A kind of node: the same site, capacity and models of GPU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hardware {
    /// Where it stands.
    pub site: Id<kinds::Site>,
    /// What one has, free or not.
    pub capacity: Capacity,
    /// Models of its GPUs, each once, in order.
    pub models: Vec<String>,
    /// Model and memory of its GPUs, if they can be cut into MIG instances.
    cut: Option<(String, Bytes)>,
}

/// How many nodes there are of each kind.
pub(crate) type Kinds = BTreeMap<Hardware, u32>;

impl Hardware {
    fn of(site: Id<kinds::Site>, facts: &Facts) -> Self {
        let mut models: Vec<String> = facts.gpus.iter().map(|gpu| gpu.model.clone()).collect();
        models.sort_unstable();
        models.dedup();
        let first = facts.gpus.first().filter(|_| facts.geometry().is_some());
        let cut = first.map(|gpu| (gpu.model.clone(), gpu.memory));
        Self { site, capacity: facts.capacity, models, cut }
    }

    /// How its GPUs can be cut into MIG instances.
    pub(crate) fn geometry(&self) -> Option<&'static Geometry> {
        let (model, memory) = self.cut.as_ref()?;
        Geometry::of(model, memory.0)
    }
}

impl State {
    /// Kinds of nodes, whatever their status, and how many there are of each.
    pub fn hardware(&self) -> impl Iterator<Item = (&Hardware, u32)> {
        self.index.hardware.iter().map(|(kind, count)| (kind, *count))
    }

    /// Nodes whose drain stops what still runs, with the time, soonest first.
    pub fn ending_drains(&self) -> impl Iterator<Item = (units::UnixMicros, Id<kinds::Node>)> + '_ {
        self.index.draining.iter().copied()
    }
}

/// Puts a node into the indices over nodes.
pub(crate) fn index_into(index: &mut Index, node: &Node) {
    let count = index.hardware.entry(Hardware::of(node.site, &node.facts)).or_default();
    *count = count.saturating_add(1);
    index.draining.extend(node.stop_at.map(|at| (at, node.id)));
}

/// Takes a node out of them.
pub(super) fn unindex(index: &mut Index, node: &Node) {
    let kind = Hardware::of(node.site, &node.facts);
    if let Some(count) = index.hardware.get_mut(&kind) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            index.hardware.remove(&kind);
        }
    }
    if let Some(at) = node.stop_at {
        index.draining.remove(&(at, node.id));
    }
}
