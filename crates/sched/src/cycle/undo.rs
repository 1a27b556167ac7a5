//! What a cycle changed on its way, and the way back.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Asker, Hold, Need};
use crate::part::Seat;
use crate::power::FeederIdx;
use crate::problem::{Job, JobIdx, Micros, NodeIdx};
use crate::scheduler::Scheduler;
use crate::share::QueueIdx;

/// One change.
#[derive(Debug)]
enum Done {
    Took(NodeIdx, Need, Option<Seat>),
    Held(NodeIdx, Hold),
    Charged(QueueIdx, Vec<u64>),
    Discharged(QueueIdx, Vec<u64>),
    Drew(Vec<(FeederIdx, u64)>),
}

/// Everything to be given back.
#[derive(Debug, Default)]
pub(super) struct Journal {
    done: Vec<Done>,
    /// Running jobs that this cycle evicts: nobody may count on them twice.
    pub(super) condemned: BTreeSet<JobIdx>,
    /// When what this cycle placed ends at the latest, and its position among the placements.
    pub(super) ends: Vec<(Micros, usize)>,
    /// What each placement of this cycle takes of each of its nodes.
    pub(super) placed: Vec<Need>,
    /// What each placement of this cycle draws; empty where power is not limited.
    pub(super) drawn: Vec<Vec<(FeederIdx, u64)>>,
    /// Waiting jobs that are counted in their queues already, because their place is being cleared.
    expected: BTreeMap<JobIdx, (QueueIdx, Vec<u64>)>,
}

impl Journal {
    /// Counts the shares as they will be once those who are leaving are gone, and those whose place
    /// they leave have come. Otherwise a queue would take back the same thing again and again.
    pub(super) fn new(on: &mut Scheduler) -> Self {
        let mut journal = Self::default();
        let leaving: Vec<JobIdx> = on.leaving.keys().copied().collect();
        for index in leaving {
            journal.discharge_running(on, index);
        }
        let expected: Vec<JobIdx> = on.clearing.keys().copied().collect();
        for index in expected {
            let Some(job) = on.waiting.get(&index) else { continue };
            let amounts = on.resources(job, None, job.nodes_min);
            let queue = job.queue;
            if journal.charge(on, queue, amounts.clone()) {
                journal.expected.insert(index, (queue, amounts));
            }
        }
        journal
    }

    /// A job whose place is being cleared has its turn: what it takes is now counted for real.
    pub(super) fn arrives(&mut self, on: &mut Scheduler, index: JobIdx) {
        if let Some((queue, amounts)) = self.expected.remove(&index) {
            self.discharge(on, queue, amounts);
        }
    }

    pub(super) fn take(&mut self, on: &mut Scheduler, node: NodeIdx, what: (Need, Option<Seat>)) {
        on.fleet.take(node, &what.0, what.1);
        self.done.push(Done::Took(node, what.0, what.1));
    }

    pub(super) fn hold(&mut self, on: &mut Scheduler, node: NodeIdx, hold: Hold) {
        on.fleet.hold(node, hold);
        self.done.push(Done::Held(node, hold));
    }

    /// Charges a queue for what a job of it takes; false if the tree does not count it.
    pub(super) fn charge(
        &mut self,
        on: &mut Scheduler,
        queue: QueueIdx,
        amounts: Vec<u64>,
    ) -> bool {
        let counts = on.tree.charge(queue, &amounts).is_ok();
        if counts {
            self.done.push(Done::Charged(queue, amounts));
        }
        counts
    }

    fn discharge(&mut self, on: &mut Scheduler, queue: QueueIdx, amounts: Vec<u64>) {
        if on.tree.discharge(queue, &amounts).is_ok() {
            self.done.push(Done::Discharged(queue, amounts));
        }
    }

    /// A running job no longer counts in its queue.
    pub(super) fn discharge_running(&mut self, on: &mut Scheduler, index: JobIdx) {
        let Some(running) = on.running.get(&index) else { return };
        let (queue, amounts) = (running.job.queue, on.used_by(&running.job, &running.nodes));
        self.discharge(on, queue, amounts);
    }

    /// A placement draws power, if that is limited.
    pub(super) fn draw(
        &mut self,
        on: &mut Scheduler,
        (job, nodes): (&Job, &[NodeIdx]),
        asker: &Asker,
    ) {
        let Some(grid) = &mut on.grid else { return };
        let loads = grid.loads(job, nodes, &on.fleet);
        grid.draw_more(&loads, asker);
        self.drawn.push(loads.clone());
        self.done.push(Done::Drew(loads));
    }

    /// Gives everything back, last first.
    pub(super) fn undo(&mut self, on: &mut Scheduler) {
        on.grid.iter_mut().for_each(|grid| grid.forget_pledges());
        for done in self.done.drain(..).rev() {
            // INVARIANT: each step was possible one way, so it is the other way.
            match done {
                Done::Drew(loads) => {
                    on.grid.iter_mut().for_each(|grid| grid.draw_less(&loads));
                }
                Done::Took(node, need, seat) => on.fleet.release(node, &need, seat),
                Done::Held(node, hold) => on.fleet.unhold(node, &hold),
                Done::Charged(queue, amounts) => drop(on.tree.discharge(queue, &amounts)),
                Done::Discharged(queue, amounts) => drop(on.tree.charge(queue, &amounts)),
            }
        }
    }
}
