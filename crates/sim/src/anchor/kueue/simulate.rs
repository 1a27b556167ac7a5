//! The event loop: workloads arrive, wait in their queue, are admitted, run, end.
//!
//! Must never read a clock: time is the next event. At one instant ends come before arrivals, and
//! one scheduling pass follows both.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use sched::share::{QueueIdx, QueueSpec, Table, Tree, TreeError, Turns};

use super::{Generator, Outcome, Place, Placement, Workload, WorkloadSet};

/// Whether workloads end others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preemption {
    /// As the files say: lower priorities of the same queue, and what other queues borrowed from
    /// this one, whatever its priority. The victim starts again from nothing.
    AsConfigured,
    /// Nothing is ended.
    Off,
}

/// A workload that runs.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) workload: usize,
    pub(super) set: WorkloadSet,
    pub(super) admitted_ms: u64,
    placement: Placement,
}

/// Rounds of a pass: what was preempted or passed over may fit after others found their place.
const ROUNDS_MAX: u32 = 100;

/// Place in the order of a queue: higher priority, then earlier creation.
type Rank = (Reverse<i32>, usize);

pub(super) struct World<'a> {
    pub(super) generator: &'a Generator,
    workloads: Vec<Workload>,
    pub(super) tree: Tree,
    pub(super) turns: Turns,
    place: &'a mut dyn Place,
    demand: Table,
    waiting: Vec<BTreeSet<Rank>>,
    /// Classes of a queue that did not fit in this pass, as bits by set.
    passed_over: Vec<u64>,
    /// By queue, in order of admission.
    pub(super) running: Vec<Vec<Running>>,
    ends: BinaryHeap<Reverse<(u64, usize, u64)>>,
    pub(super) now_ms: u64,
    pub(super) outcome: Outcome,
}

/// Runs a generator's workloads to the end.
///
/// # Errors
/// [`TreeError`] if the generator's quotas contradict each other.
pub fn simulate(
    generator: &Generator,
    preemption: Preemption,
    place: &mut dyn Place,
) -> Result<Outcome, TreeError> {
    let tree = tree(generator)?;
    let n_queues = usize::try_from(generator.n_queues()).unwrap_or(0);
    let mut world = World {
        generator,
        workloads: generator.workloads(),
        turns: Turns::new(&tree, tree.table(), &[]),
        demand: tree.table(),
        tree,
        place,
        waiting: vec![BTreeSet::new(); n_queues],
        passed_over: vec![0; n_queues],
        running: vec![Vec::new(); n_queues],
        ends: BinaryHeap::new(),
        now_ms: 0,
        outcome: Outcome::default(),
    };
    world.run(preemption);
    Ok(world.outcome)
}

/// Queues first, in the order of their numbers, then the cohorts.
fn tree(generator: &Generator) -> Result<Tree, TreeError> {
    let (n_queues, per_cohort) = (generator.n_queues(), generator.queues_per_cohort);
    let queues = (0..n_queues).map(|queue| QueueSpec {
        parent: Some(QueueIdx(n_queues + queue / per_cohort.max(1))),
        weight: 1,
        deserved: vec![generator.nominal_milli],
        borrowing_limit: vec![Some(generator.borrowing_limit_milli)],
        ..QueueSpec::default()
    });
    let cohorts = (0..generator.n_cohorts).map(|_| QueueSpec {
        weight: 1,
        deserved: vec![generator.nominal_milli * u64::from(per_cohort)],
        ..QueueSpec::default()
    });
    Tree::new(1, &queues.chain(cohorts).collect::<Vec<_>>())
}

fn at(queue: QueueIdx) -> usize {
    usize::try_from(queue.0).unwrap_or(usize::MAX)
}

impl World<'_> {
    fn run(&mut self, preemption: Preemption) {
        let mut next = 0;
        loop {
            let arrival_ms = self.workloads.get(next).map(|workload| workload.created_ms);
            let end_ms = self.ends.peek().map(|Reverse((end_ms, ..))| *end_ms);
            let Some(now_ms) = arrival_ms.into_iter().chain(end_ms).min() else { break };
            self.now_ms = now_ms;
            self.end_all();
            while let Some(workload) = self.workloads.get(next).filter(|w| w.created_ms == now_ms) {
                let (queue, set) = (QueueIdx(workload.queue), workload.set);
                let need = self.generator.sets.get(set).map_or(0, WorkloadSet::need_milli);
                self.demand.add(queue, &[need]);
                self.wait(queue, next);
                next += 1;
            }
            self.pass(preemption);
        }
    }

    /// Ends what is due. Ends of attempts that were preempted meanwhile are stale.
    fn end_all(&mut self) {
        while let Some(Reverse((end_ms, workload, admitted_ms))) = self.ends.peek().copied() {
            if end_ms > self.now_ms {
                break;
            }
            self.ends.pop();
            let Some(queue) = self.workloads.get(workload).map(|w| QueueIdx(w.queue)) else {
                continue;
            };
            let Some(runs) = self.running.get_mut(at(queue)) else { continue };
            let found = runs
                .iter()
                .position(|run| run.workload == workload && run.admitted_ms == admitted_ms);
            if let Some(found) = found {
                let run = runs.remove(found);
                let need = run.set.need_milli();
                let demand = self.demand.get(queue, 0);
                self.demand.set(queue, 0, demand.saturating_sub(need));
                self.leave(queue, &run);
                self.record(&run);
            }
        }
    }

    /// Gives back quota and room.
    fn leave(&mut self, queue: QueueIdx, run: &Running) {
        let need = run.set.need_milli();
        self.outcome.used_milli_ms += need * (self.now_ms - run.admitted_ms);
        self.place.release(&run.placement);
        // INVARIANT: what runs was charged when it was admitted, and is given back once.
        let returned = self.turns.returned(&mut self.tree, queue, &[need]);
        debug_assert_eq!(returned, Ok(()));
    }

    fn record(&mut self, run: &Running) {
        let created_ms = self.workloads.get(run.workload).map_or(0, |w| w.created_ms);
        let class = self.outcome.classes.entry(run.set.class).or_default();
        class.count += 1;
        class.wait_ms_sum += run.admitted_ms - created_ms;
        class.wait_ms_max = class.wait_ms_max.max(run.admitted_ms - created_ms);
        self.outcome.makespan_ms = self.now_ms;
    }

    fn wait(&mut self, queue: QueueIdx, workload: usize) {
        let set = self.workloads.get(workload).and_then(|w| self.generator.sets.get(w.set));
        let rank = (Reverse(set.map_or(0, |set| set.priority)), workload);
        if let Some(waiting) = self.waiting.get_mut(at(queue)) {
            waiting.insert(rank);
        }
    }

    /// The first workload of a queue whose class was not passed over.
    fn head(&self, queue: QueueIdx) -> Option<usize> {
        let passed_over = self.passed_over.get(at(queue)).copied().unwrap_or(0);
        let waiting = self.waiting.get(at(queue))?.iter().map(|(_, workload)| *workload);
        waiting.into_iter().find(|workload| {
            let set = self.workloads.get(*workload).map_or(0, |w| w.set);
            passed_over.checked_shr(u32::try_from(set).unwrap_or(64)).unwrap_or(0) & 1 == 0
        })
    }

    fn submission(&self, queue: QueueIdx) -> Option<u64> {
        self.head(queue).and_then(|workload| u64::try_from(workload).ok())
    }

    /// Every queue in its turn, until nothing that waits fits.
    fn pass(&mut self, preemption: Preemption) {
        self.outcome.n_passes += 1;
        for _ in 0..ROUNDS_MAX {
            let before = self.outcome.n_admissions;
            self.round(preemption);
            if self.outcome.n_admissions == before {
                break;
            }
        }
        debug_assert_eq!(self.tree.violations(), []);
    }

    fn round(&mut self, preemption: Preemption) {
        self.passed_over.iter_mut().for_each(|bits| *bits = 0);
        let quota = self.generator.nominal_milli * u64::from(self.generator.n_queues());
        let fair = self.tree.fair_shares(&[quota], &self.demand, None);
        let queues = (0..self.generator.n_queues()).map(QueueIdx);
        let heads: Vec<(QueueIdx, u64)> =
            queues.filter_map(|queue| Some((queue, self.submission(queue)?))).collect();
        self.turns = Turns::new(&self.tree, fair, &heads);
        while let Some(queue) = self.turns.next(&self.tree) {
            let Some(workload) = self.head(queue) else { break };
            let Some(set_at) = self.workloads.get(workload).map(|w| w.set) else { break };
            let Some(set) = self.generator.sets.get(set_at).copied() else { break };
            self.outcome.n_decisions += 1;
            let started = self.admit(queue, workload, set)
                || (preemption == Preemption::AsConfigured
                    && self.make_room(queue, set)
                    && self.admit(queue, workload, set));
            if !started && let Some(bits) = self.passed_over.get_mut(at(queue)) {
                *bits |= 1_u64.checked_shl(u32::try_from(set_at).unwrap_or(64)).unwrap_or(0);
            }
            self.turns.set_head(&self.tree, queue, self.submission(queue));
        }
    }

    /// Starts a workload if quota and racks allow it.
    fn admit(&mut self, queue: QueueIdx, workload: usize, set: WorkloadSet) -> bool {
        let need = [set.need_milli()];
        if self.tree.admit(queue, &need).is_err() {
            return false;
        }
        let Some(placement) = self.place.place(&set) else { return false };
        let Some(runs) = self.running.get_mut(at(queue)) else { return false };
        let admitted_ms = self.now_ms;
        runs.push(Running { workload, set, admitted_ms, placement });
        if let Some(waiting) = self.waiting.get_mut(at(queue)) {
            waiting.remove(&(Reverse(set.priority), workload));
        }
        self.ends.push(Reverse((self.now_ms + set.runtime_ms, workload, admitted_ms)));
        self.outcome.n_admissions += 1;
        let next = self.submission(queue);
        // INVARIANT: the queue is a leaf and the amount was admitted, so it can be charged.
        let charged = self.turns.served(&mut self.tree, queue, &need, next);
        debug_assert_eq!(charged, Ok(()));
        true
    }

    /// Ends a running workload; it waits again and its work is lost.
    pub(super) fn preempt(&mut self, queue: QueueIdx, workload: usize) {
        let Some(runs) = self.running.get_mut(at(queue)) else { return };
        let Some(found) = runs.iter().position(|run| run.workload == workload) else { return };
        let run = runs.remove(found);
        self.leave(queue, &run);
        self.outcome.lost_milli_ms += run.set.need_milli() * (self.now_ms - run.admitted_ms);
        self.outcome.classes.entry(run.set.class).or_default().n_preemptions += 1;
        self.wait(queue, workload);
        self.turns.set_head(&self.tree, queue, self.submission(queue));
    }
}
