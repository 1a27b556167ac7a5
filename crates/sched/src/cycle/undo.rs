//! What a cycle changed on its way, and the way back.

use std::collections::BTreeSet;

use crate::fleet::Hold;
use crate::problem::{Amounts, JobIdx, Micros, NodeIdx};
use crate::scheduler::Scheduler;

/// Everything to be given back.
#[derive(Debug, Default)]
pub(super) struct Journal {
    taken: Vec<(NodeIdx, Amounts, bool)>,
    held: Vec<(NodeIdx, Hold)>,
    /// Running jobs that this cycle evicts: nobody may count on them twice.
    pub(super) condemned: BTreeSet<JobIdx>,
    /// When what this cycle placed ends at the latest, and its position among the placements.
    pub(super) ends: Vec<(Micros, usize)>,
    /// What each placement of this cycle takes of each of its nodes.
    pub(super) placed: Vec<(Amounts, bool)>,
}

impl Journal {
    pub(super) fn take(&mut self, on: &mut Scheduler, node: NodeIdx, what: (Amounts, bool)) {
        on.fleet.take(node, what.0, what.1);
        self.taken.push((node, what.0, what.1));
    }

    pub(super) fn hold(&mut self, on: &mut Scheduler, node: NodeIdx, hold: Hold) {
        on.fleet.hold(node, hold);
        self.held.push((node, hold));
    }

    /// Gives everything back, last first.
    pub(super) fn undo(&mut self, on: &mut Scheduler) {
        for (node, hold) in self.held.drain(..).rev() {
            on.fleet.unhold(node, &hold);
        }
        for (node, need, alone) in self.taken.drain(..).rev() {
            on.fleet.release(node, need, alone);
        }
    }
}
