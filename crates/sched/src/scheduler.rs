//! The scheduler's memory: fleet, queues, what waits and what runs, kept by small changes.
//!
//! It is a fold like the platform's state: equal changes give equal plans, and a plan changes
//! nothing. Whoever proposes the plan reports back what was accepted, by the same changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::carbon::Deferrals;
use crate::cycle;
use crate::fleet::{Fleet, Hold, Need, Owner};
use crate::part::{GPU_MILLI, Seat};
use crate::plan::{Placement, Plan, Promise};
use crate::power::Grid;
use crate::problem::{
    Amounts, ClassIdx, ClassSet, Gate, Job, JobIdx, Micros, NodeIdx, NodeState, Reservation,
    ReservationIdx, Running,
};
use crate::settings::Settings;
use crate::share::{QueueIdx, Table, Tree, Usage};

/// Order within a queue: priority with age, then submission, then number.
pub(crate) type Turn = (i128, u64, JobIdx);

/// Everything that a plan depends on but the time.
#[derive(Debug, Clone, Default)]
pub struct Scheduler {
    pub(crate) fleet: Fleet,
    pub(crate) tree: Tree,
    pub(crate) settings: Settings,
    /// GPU models that some node has.
    stocked: ClassSet,
    pub(crate) waiting: BTreeMap<JobIdx, Job>,
    pub(crate) queues: BTreeMap<QueueIdx, BTreeSet<Turn>>,
    pub(crate) running: BTreeMap<JobIdx, Running>,
    /// When running work ends at the latest, where that is known.
    pub(crate) ends: BTreeSet<(Micros, JobIdx)>,
    /// How much running work of each queue has each priority.
    pub(crate) priorities: BTreeMap<(QueueIdx, i32), u32>,
    /// Running work that is being stopped, and for which waiting job.
    pub(crate) leaving: BTreeMap<JobIdx, Option<JobIdx>>,
    /// What waiting jobs of each leaf want, by resource.
    pub(crate) wanted: Table,
    /// Waiting jobs that others were evicted for, in the order in which they are served: before all
    /// that wait, or those who went could come back to the nodes they made room on.
    pub(crate) claims: BTreeSet<Turn>,
    /// Nodes that are being cleared for a waiting job, and by how many who still have to leave.
    pub(crate) clearing: BTreeMap<JobIdx, BTreeMap<NodeIdx, u32>>,
    pub(crate) reservations: BTreeMap<ReservationIdx, Reservation>,
    /// What each queue used in the past, where that is known.
    pub(crate) past_use: Option<Usage>,
    /// Waiting jobs that want whole blocks of nodes.
    pub(crate) n_in_blocks: u32,
    /// Remembered from plan to plan, for speed alone.
    pub(crate) hopeless: cycle::Hopeless,
    /// Power, if it is limited at all.
    pub(crate) grid: Option<Box<Grid>>,
    pub(crate) deferrals: Deferrals,
}

impl Scheduler {
    /// A fleet on which nothing runs.
    #[must_use]
    pub fn new(fleet: Fleet, tree: Tree, settings: Settings) -> Self {
        let wanted = tree.table();
        let stocked = fleet.classes();
        Self { fleet, tree, settings, wanted, stocked, ..Self::default() }
    }

    /// The fleet as it is now.
    #[must_use]
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The queues with what they have.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Work that holds nodes.
    #[must_use]
    pub fn running(&self, job: JobIdx) -> Option<&Running> {
        self.running.get(&job)
    }

    /// All work that holds nodes, by number.
    pub fn all_running(&self) -> impl Iterator<Item = (JobIdx, &Running)> {
        self.running.iter().map(|(index, running)| (*index, running))
    }

    /// Number of jobs that wait.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a job into its queue, or replaces it there.
    pub fn submit(&mut self, index: JobIdx, job: Job) {
        self.withdraw(index);
        let turn = self.turn_of(index, &job);
        self.queues.entry(job.queue).or_default().insert(turn);
        self.wanted.add(job.queue, &self.resources(&job, None, job.nodes_min));
        let in_blocks = u32::from(job.topology.segment > 1);
        self.n_in_blocks = self.n_in_blocks.saturating_add(in_blocks);
        self.deferrals.decide(index, &job);
        self.waiting.insert(index, job);
    }

    /// Takes a waiting job out; it is given back.
    pub fn withdraw(&mut self, index: JobIdx) -> Option<Job> {
        let job = self.waiting.remove(&index)?;
        let in_blocks = u32::from(job.topology.segment > 1);
        self.n_in_blocks = self.n_in_blocks.saturating_sub(in_blocks);
        let turn = self.turn_of(index, &job);
        self.claims.remove(&turn);
        if let Some(queue) = self.queues.get_mut(&job.queue) {
            queue.remove(&turn);
            if queue.is_empty() {
                self.queues.remove(&job.queue);
            }
        }
        let amounts = self.resources(&job, None, job.nodes_min);
        for (cell, amount) in self.wanted.row_mut(job.queue).iter_mut().zip(amounts) {
            *cell = cell.saturating_sub(amount);
        }
        if let Some(nodes) = self.clearing.remove(&index) {
            for node in nodes.into_keys() {
                self.fleet.unhold(node, &clearing_hold(index));
            }
        }
        self.deferrals.forget(index);
        Some(job)
    }

    fn turn_of(&self, index: JobIdx, job: &Job) -> Turn {
        (self.settings.turn(job.priority, job.submitted_us), job.submitted_order, index)
    }

    /// Says what each queue used in the past, all as of one time.
    pub fn set_past_use(&mut self, usage: Option<Usage>) {
        self.past_use = usage;
    }

    /// Lets ticks of the past use go by, during which what is in use did not change.
    pub fn let_past_use_fade(&mut self, ticks: u64) {
        if let Some(usage) = &mut self.past_use {
            usage.advance(&self.tree, ticks);
        }
    }

    /// Others were evicted for this waiting job.
    pub fn claim(&mut self, index: JobIdx) {
        if let Some(job) = self.waiting.get(&index) {
            self.claims.insert(self.turn_of(index, job));
        }
    }

    /// Opens or shuts a waiting job's gate.
    pub fn set_gate(&mut self, index: JobIdx, gate: Gate) {
        if let Some(job) = self.waiting.get_mut(&index) {
            job.gate = gate;
        }
    }

    /// A waiting job got these nodes; its parts of GPUs lie where the next ones would.
    pub fn start(&mut self, index: JobIdx, nodes: Vec<NodeIdx>, now_us: Micros) {
        self.start_at(Placement { job: index, nodes, seats: Vec::new() }, now_us);
    }

    /// A waiting job got these nodes and these seats on them.
    pub fn start_at(&mut self, placement: Placement, now_us: Micros) {
        let Placement { job: index, nodes, seats } = placement;
        let Some(job) = self.withdraw(index) else { return };
        let (started_us, saved_us) = (now_us, now_us);
        let running = Running { job, nodes, seats, started_us, saved_us, gone_by_us: None };
        self.adopt(index, running);
    }

    /// Work that already holds nodes. Nodes that do not exist hold nothing.
    pub fn adopt(&mut self, index: JobIdx, mut running: Running) {
        let need = Need::of(&running.job);
        let given = running.seats.len();
        for (at, node) in running.nodes.iter().enumerate() {
            let seat = running.seats.get(at).copied();
            let seat = seat.or_else(|| self.fleet.seat(*node, &need));
            self.fleet.take(*node, &need, seat);
            if need.part.is_some() && at >= given {
                running.seats.push(seat.unwrap_or(NOWHERE));
            }
        }
        if let Some(grid) = &mut self.grid {
            grid.adopt(index, &running.job, &running.nodes, &self.fleet);
        }
        // A queue that the tree lacks has no quota to charge.
        let _ = self.tree.charge(running.job.queue, &self.used_by(&running.job, &running.nodes));
        if let Some(end) = running.ends_by_us() {
            self.ends.insert((end, index));
        }
        if running.gone_by_us.is_some() {
            self.leaving.insert(index, None);
        }
        let count = self.priorities.entry((running.job.queue, running.job.priority)).or_default();
        *count = count.saturating_add(1);
        self.running.insert(index, running);
    }

    /// Running work is being stopped and is gone by this time; for whom, if for a waiting job. Until
    /// it is gone its nodes are kept for that job.
    pub fn stopping(&mut self, index: JobIdx, gone_by_us: Micros, for_job: Option<JobIdx>) {
        self.stays(index);
        let Some(running) = self.running.get_mut(&index) else { return };
        if let Some(end) = running.ends_by_us() {
            self.ends.remove(&(end, index));
        }
        running.gone_by_us = Some(gone_by_us);
        self.ends.insert((gone_by_us, index));
        let for_job = for_job.filter(|job| self.waiting.contains_key(job));
        self.leaving.insert(index, for_job);
        let Some(for_job) = for_job else { return };
        let cleared = self.clearing.entry(for_job).or_default();
        for node in &running.nodes {
            let count = cleared.entry(*node).or_default();
            if *count == 0 {
                self.fleet.hold(*node, clearing_hold(for_job));
            }
            *count = count.saturating_add(1);
        }
        self.claim(for_job);
    }

    /// Running work no longer leaves: it is gone, or it was said anew for whom it goes.
    fn stays(&mut self, index: JobIdx) {
        let Some(Some(for_job)) = self.leaving.remove(&index) else { return };
        let running = self.running.get(&index);
        let Some((running, cleared)) = running.zip(self.clearing.get_mut(&for_job)) else { return };
        for node in &running.nodes {
            let Some(count) = cleared.get_mut(node) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                cleared.remove(node);
                self.fleet.unhold(*node, &clearing_hold(for_job));
            }
        }
        if cleared.is_empty() {
            self.clearing.remove(&for_job);
        }
    }

    /// Running work completed a checkpoint.
    pub fn saved(&mut self, index: JobIdx, at_us: Micros) {
        if let Some(running) = self.running.get_mut(&index) {
            running.saved_us = running.saved_us.max(at_us);
        }
    }

    /// Running work is gone; it is given back.
    pub fn finish(&mut self, index: JobIdx) -> Option<Running> {
        self.stays(index);
        let running = self.running.remove(&index)?;
        let key = (running.job.queue, running.job.priority);
        if let Some(count) = self.priorities.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.priorities.remove(&key);
            }
        }
        if let Some(end) = running.ends_by_us() {
            self.ends.remove(&(end, index));
        }
        let need = Need::of(&running.job);
        for (node, seat) in running.seated() {
            self.fleet.release(node, &need, seat);
        }
        if let Some(grid) = &mut self.grid {
            grid.finish(index);
        }
        // What could not be charged cannot be given back either.
        let _ = self.tree.discharge(running.job.queue, &self.used_by(&running.job, &running.nodes));
        Some(running)
    }

    /// Changes whether a node takes work.
    pub fn set_node_state(&mut self, node: NodeIdx, state: NodeState) {
        self.fleet.set_state(node, state);
        self.hopeless.forget();
    }

    /// Promises nodes for a window, or changes that promise.
    pub fn reserve(&mut self, reservation: Reservation) {
        self.cancel_reservation(reservation.id);
        for node in &reservation.nodes {
            self.fleet.hold(*node, calendar_hold(&reservation));
        }
        self.reservations.insert(reservation.id, reservation);
    }

    /// Takes a promise back.
    pub fn cancel_reservation(&mut self, id: ReservationIdx) {
        let Some(reservation) = self.reservations.remove(&id) else { return };
        for node in &reservation.nodes {
            self.fleet.unhold(*node, &calendar_hold(&reservation));
        }
    }

    /// Keeps nodes for a waiting job, for as long as this scheduler lives.
    pub(crate) fn promise(&mut self, promise: &Promise) {
        let hold = Hold {
            from_us: promise.from_us,
            until_us: promise.until_us,
            owner: Owner::Job(promise.job),
        };
        for node in &promise.nodes {
            self.fleet.hold(*node, hold);
        }
    }

    /// What to start and evict at this time, and why the rest waits.
    #[must_use]
    pub fn plan(&mut self, now_us: Micros) -> Plan {
        cycle::run(self, now_us, cycle::Mode::Explain)
    }

    /// The same plan without the reasons, which cost more than the decisions: `unplaced` is empty.
    #[must_use]
    pub fn decide(&mut self, now_us: Micros) -> Plan {
        cycle::run(self, now_us, cycle::Mode::Decide)
    }

    /// The amounts of a job in the tree's resources: milli-GPUs by model, then processor, then memory.
    ///
    /// Work with GPUs is counted by them alone: what processor and memory come with them is nobody's
    /// loss. Before a model is chosen, the lowest that the job accepts and somebody
    /// has counts.
    pub(crate) fn resources(&self, job: &Job, class: Option<ClassIdx>, n_nodes: u32) -> Vec<u64> {
        let Amounts { memory_bytes, cpu_milli, .. } = job.need;
        let n = u64::from(n_nodes);
        let mut amounts = vec![0_u64; self.tree.n_resources()];
        let n_classes = amounts.len().saturating_sub(2);
        let parts = if job.uses_gpus() {
            let stocked = job.classes.0 & self.stocked.0;
            let likely = if stocked == 0 { job.classes.0 } else { stocked };
            let class = class.unwrap_or(ClassIdx(likely.trailing_zeros()));
            let milli = self.gpu_milli(job, Some(class));
            [(class.at().min(n_classes.saturating_sub(1)), milli), (usize::MAX, 0)]
        } else {
            [(n_classes, cpu_milli), (n_classes.saturating_add(1), memory_bytes)]
        };
        for (at, each) in parts {
            if let Some(amount) = amounts.get_mut(at) {
                *amount = amount.saturating_add(each.saturating_mul(n));
            }
        }
        amounts
    }

    /// Thousandths of GPUs of a model that a job counts for on each node.
    pub(crate) fn gpu_milli(&self, job: &Job, class: Option<ClassIdx>) -> u64 {
        let whole = u64::from(job.need.gpus).saturating_mul(u64::from(GPU_MILLI));
        let geometry = || self.fleet.cut(class).map(|cut| cut.geometry);
        job.part.map_or(whole, |part| part.milli(geometry()))
    }

    /// What a job on these nodes takes of its queue's quotas.
    pub(crate) fn used_by(&self, job: &Job, nodes: &[NodeIdx]) -> Vec<u64> {
        let first = nodes.first().and_then(|node| self.fleet.node(*node));
        let n = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        self.resources(job, first.and_then(|node| node.class), n)
    }
}

/// The seat of a part that has no place: on no GPU of any node.
const NOWHERE: Seat = Seat { gpu: u32::MAX, start: None };

const fn clearing_hold(job: JobIdx) -> Hold {
    Hold { from_us: Micros::MIN, until_us: Micros::MAX, owner: Owner::Job(job) }
}

const fn calendar_hold(reservation: &Reservation) -> Hold {
    Hold {
        from_us: reservation.from_us,
        until_us: reservation.until_us,
        owner: Owner::Calendar(reservation.id, reservation.holder),
    }
}
