//! What a scheduler knows of power: its budgets, what feeds which node, and who draws how much.
//!
//! What a placement adds is a peak, never a mean. Of each node with GPUs: GPUs taken × what one draws
//! above idle at the utilisation of the job's class (idle + u × (full − idle), cut off by its limit),
//! where a GPU's figures include its part of the machine; of a part of a GPU so many thousandths of
//! that, which no limit lowers, because others share the GPU. Of work without GPUs: the share of the
//! machine's cores that it asks for × what its host draws above idle when all cores are busy. What
//! machines draw when idle is counted from the start, whatever their state: nobody turned them off.
//!
//! INVARIANT: the tree's counters are the sum of what idles and what the work known here draws under
//! its limits; they change with the work, never with a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::grid_error::GridError;
use super::model::{ClassPower, GpuPower, PowerModel, RunningPower};
use super::room::Pledge;
use super::tree::{FeederIdx, FeederSpec, PowerTree, Shortfall};
use crate::fleet::Fleet;
use crate::part::GPU_MILLI;
use crate::problem::{Job, JobIdx, Node, NodeIdx};

/// A machine, as far as power goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodePower {
    /// The lowest feeder that it hangs from; `None` if no budget counts it.
    pub feeder: Option<FeederIdx>,
    /// Draw of the machine with its GPUs when nothing runs, in milliwatts.
    pub idle_mw: u64,
    /// What its host draws above that when all cores are busy, in milliwatts; at most 2³².
    pub host_range_mw: u64,
}

/// Everything about the power of a fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GridSpec {
    /// The budgets.
    pub feeders: Vec<FeederSpec>,
    /// Each node of the fleet, in its order.
    pub nodes: Vec<NodePower>,
    /// Each model of GPU, by [`ClassIdx`](crate::ClassIdx).
    pub gpus: Vec<GpuPower>,
    /// Classes of work, by [`Job::power_class`]; a number beyond the last means the last.
    pub classes: Vec<ClassPower>,
}

/// The power of a fleet, kept by small changes.
#[derive(Debug, Clone)]
pub struct Grid {
    pub(super) tree: PowerTree,
    nodes: Vec<NodePower>,
    /// The feeder of each shelf of the fleet, where all its nodes have the same.
    pub(super) shelves: Vec<Option<FeederIdx>>,
    gpus: Vec<GpuPower>,
    /// What is drawn above idle. Kind 0 is one milliwatt of a host, kind `k + 1` is GPU model `k`.
    pub(super) model: PowerModel,
    n_classes: u32,
    pub(super) draws: BTreeMap<JobIdx, RunningPower>,
    /// Who draws at which lowest feeder.
    pub(super) at: BTreeMap<FeederIdx, BTreeSet<JobIdx>>,
    /// Work under some limit.
    pub(super) capped: BTreeSet<JobIdx>,
    /// Power that waiting work is promised.
    pub(super) pledges: Vec<Pledge>,
}

impl Grid {
    /// The power of a fleet on which nothing runs.
    ///
    /// # Errors
    /// [`GridError`] if the parts do not fit each other or the fleet.
    pub fn new(spec: GridSpec, fleet: &Fleet) -> Result<Self, GridError> {
        let GridSpec { feeders, nodes, gpus, classes } = spec;
        let mut tree = PowerTree::new(&feeders).map_err(GridError::Tree)?;
        if nodes.len() != fleet.n_nodes() {
            return Err(GridError::Nodes { given: nodes.len(), exist: fleet.n_nodes() });
        }
        if classes.is_empty() {
            return Err(GridError::NoClasses);
        }
        for (index, power) in (0..=u32::MAX).map(NodeIdx).zip(&nodes) {
            let class = fleet.node(index).and_then(|node| node.class);
            if let Some(class) = class.filter(|class| class.at() >= gpus.len()) {
                return Err(GridError::NoGpuPower { node: index, class });
            }
            let Some(feeder) = power.feeder else { continue };
            if feeder.position() >= tree.len() {
                return Err(GridError::NoSuchFeeder { node: index, feeder });
            }
            if u32::try_from(power.host_range_mw).is_err() {
                let range_mw = power.host_range_mw;
                return Err(GridError::HostRange { node: index, range_mw });
            }
            tree.charge(&[(feeder, power.idle_mw)]);
        }
        let one_mw = GpuPower::new(0, 1, Vec::new()).map_err(GridError::Model)?;
        let kinds = std::iter::once(one_mw).chain(gpus.iter().map(GpuPower::above_idle)).collect();
        let n_classes = u32::try_from(classes.len()).unwrap_or(u32::MAX);
        let model = PowerModel::new(kinds, classes).map_err(GridError::Model)?;
        let shelves = fleet.shelves().iter().map(|shelf| {
            let mut feeders = shelf.nodes.iter().map(|node| nodes.get(node.at())?.feeder);
            let first = feeders.next().flatten();
            first.filter(|_| feeders.all(|feeder| feeder == first))
        });
        Ok(Self {
            tree,
            shelves: shelves.collect(),
            nodes,
            gpus,
            model,
            n_classes,
            draws: BTreeMap::new(),
            at: BTreeMap::new(),
            capped: BTreeSet::new(),
            pledges: Vec::new(),
        })
    }

    /// The budgets, with what is drawn and owed at each feeder.
    #[must_use]
    pub const fn tree(&self) -> &PowerTree {
        &self.tree
    }

    /// What feeds a node; `None` if no budget counts it.
    #[must_use]
    pub fn feeder_of(&self, node: NodeIdx) -> Option<FeederIdx> {
        self.nodes.get(node.at())?.feeder
    }

    /// Sets what a feeder is allowed now; false if it does not exist or more than is contracted.
    pub fn set_allowed(&mut self, feeder: FeederIdx, allowed_mw: u64) -> bool {
        self.tree.set_allowed(feeder, allowed_mw).is_ok()
    }

    /// Number of the limit that running work is under; 0 is none.
    #[must_use]
    pub fn cap_of(&self, job: JobIdx) -> u32 {
        self.draws.get(&job).map_or(0, |draw| draw.cap)
    }

    /// That limit for one of its GPUs, in milliwatts; `None` for no limit.
    #[must_use]
    pub fn limit_mw(&self, job: JobIdx, cap: u32) -> Option<u64> {
        let kind = self.draws.get(&job)?.gpu.checked_sub(1)?;
        self.gpus.get(usize::try_from(kind).ok()?)?.limit_mw(cap)
    }

    /// How much less work gets done under its limit, in per mille.
    #[must_use]
    pub fn slowdown_permille(&self, job: JobIdx) -> u32 {
        let slowdown = |draw: &RunningPower| {
            let class = self.model.class(draw.class)?;
            Some(self.model.gpu(draw.gpu)?.slowdown_permille(class.utilisation_permille, draw.cap))
        };
        self.draws.get(&job).and_then(slowdown).unwrap_or(0)
    }

    /// What running work draws above idle, in milliwatts.
    #[must_use]
    pub fn draw_mw(&self, job: JobIdx) -> u64 {
        let draw = self.draws.get(&job).and_then(|draw| self.model.loads(draw));
        draw.iter().flatten().map(|(_, mw)| *mw).fold(0, u64::saturating_add)
    }

    /// Work under some limit, by number.
    pub fn capped(&self) -> impl Iterator<Item = JobIdx> + '_ {
        self.capped.iter().copied()
    }

    /// Running work has been given another limit, or none (0). A number that its GPUs do not have
    /// changes nothing.
    pub(crate) fn set_cap(&mut self, job: JobIdx, cap: u32) {
        let Some(mut draw) = self.take_off(job) else { return };
        if self.model.gpu(draw.gpu).is_some_and(|gpu| cap <= gpu.n_caps()) {
            draw.cap = cap;
        }
        self.put_on(job, draw);
    }

    /// Work runs on these nodes.
    pub(crate) fn adopt(&mut self, index: JobIdx, job: &Job, nodes: &[NodeIdx], fleet: &Fleet) {
        self.finish(index);
        let draw = self.draw(job, nodes, fleet);
        self.put_on(index, draw);
    }

    /// Work is gone.
    pub(crate) fn finish(&mut self, index: JobIdx) {
        self.take_off(index);
    }

    /// What a job would draw on these nodes without a limit.
    pub(super) fn draw(&self, job: &Job, nodes: &[NodeIdx], fleet: &Fleet) -> RunningPower {
        let mut gpus_at: Vec<(FeederIdx, u32)> = Vec::new();
        let mut gpu = 0;
        for index in nodes {
            let Some((kind, feeder, count)) = fleet.node(*index).and_then(|node| {
                let (kind, count) = self.part((job, fleet), node, *index)?;
                Some((kind, self.feeder_of(*index)?, count))
            }) else {
                continue;
            };
            gpu = kind;
            match gpus_at.last_mut() {
                Some((last, sum)) if *last == feeder => *sum = sum.saturating_add(count),
                Some(_) | None => gpus_at.push((feeder, count)),
            }
        }
        let class = job.power_class.min(self.n_classes.saturating_sub(1));
        RunningPower { gpu, class, cap: 0, gpus_at, lost_work: 0, preemptible: false }
    }

    /// Loads of a job on these nodes.
    pub(crate) fn loads(
        &self,
        job: &Job,
        nodes: &[NodeIdx],
        fleet: &Fleet,
    ) -> Vec<(FeederIdx, u64)> {
        self.model.loads(&self.draw(job, nodes, fleet)).unwrap_or_default()
    }

    /// What one rank adds on this node.
    pub(crate) fn load_on(&self, job: &Job, index: NodeIdx, fleet: &Fleet) -> u64 {
        let loads = self.loads(job, &[index], fleet);
        loads.first().map_or(0, |(_, load)| *load)
    }

    /// Loads of running work.
    pub(crate) fn loads_of(&self, job: JobIdx) -> Vec<(FeederIdx, u64)> {
        self.draws.get(&job).and_then(|draw| self.model.loads(draw)).unwrap_or_default()
    }

    /// The kind and count of what a job uses of a node.
    fn part(
        &self,
        (job, fleet): (&Job, &Fleet),
        node: &Node,
        index: NodeIdx,
    ) -> Option<(u32, u32)> {
        // Whoever has a node whole may use all of it.
        let need = if job.exclusive { node.total } else { job.need };
        if need.gpus > 0 {
            return Some((node.class?.0.checked_add(1)?, need.gpus));
        }
        if let Some(part) = job.part {
            let milli = part.milli(fleet.cut(node.class).map(|cut| cut.geometry));
            let class = self.model.class(job.power_class.min(self.n_classes.saturating_sub(1)))?;
            let gpu = self.gpus.get(node.class?.at())?.above_idle();
            let whole = u128::from(gpu.draw_mw(class.utilisation_permille));
            let mw = whole.saturating_mul(milli.into()).div_ceil(u128::from(GPU_MILLI));
            return Some((0, u32::try_from(mw).unwrap_or(u32::MAX)));
        }
        let range = u128::from(self.nodes.get(index.at())?.host_range_mw);
        let asked = range.saturating_mul(u128::from(need.cpu_milli));
        // INVARIANT: the divisor is at least 1.
        let mw = asked.div_ceil(u128::from(node.total.cpu_milli.max(1)));
        Some((0, u32::try_from(mw.min(range)).unwrap_or(u32::MAX)))
    }

    fn put_on(&mut self, index: JobIdx, draw: RunningPower) {
        self.tree.charge(&self.model.loads(&draw).unwrap_or_default());
        self.tree.owe(&self.owed(&draw));
        for (feeder, _) in &draw.gpus_at {
            self.at.entry(*feeder).or_default().insert(index);
        }
        if draw.cap > 0 {
            self.capped.insert(index);
        }
        self.draws.insert(index, draw);
    }

    fn take_off(&mut self, index: JobIdx) -> Option<RunningPower> {
        let draw = self.draws.remove(&index)?;
        // INVARIANT: what was charged when it was put on is in use.
        let _ = self.tree.release(&self.model.loads(&draw).unwrap_or_default());
        self.tree.forgive(&self.owed(&draw));
        for (feeder, _) in &draw.gpus_at {
            if let Some(jobs) = self.at.get_mut(feeder) {
                jobs.remove(&index);
                if jobs.is_empty() {
                    self.at.remove(feeder);
                }
            }
        }
        self.capped.remove(&index);
        Some(draw)
    }

    /// What it would draw more without its limit.
    fn owed(&self, draw: &RunningPower) -> Vec<(FeederIdx, u64)> {
        let of = |cap| self.model.gpu_mw(draw, cap).unwrap_or(0);
        let each = of(0).saturating_sub(of(draw.cap));
        let load = |(at, n): &(FeederIdx, u32)| (*at, u64::from(*n).saturating_mul(each));
        if each == 0 { Vec::new() } else { draw.gpus_at.iter().map(load).collect() }
    }

    /// The feeders that are above what they are allowed.
    pub fn shortfalls(&self) -> impl Iterator<Item = Shortfall> + '_ {
        self.tree.shortfalls()
    }
}
