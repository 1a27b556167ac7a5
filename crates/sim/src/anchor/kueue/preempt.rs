//! Which workloads give way, by the policies in the files: `reclaimWithinCohort: Any` and
//! `withinClusterQueue: LowerPriority`.
//!
//! Must never end more than needed: victims are left out of the tree in order, those without whom
//! it works as well are put back, and only then anything is ended.

use std::cmp::Reverse;

use sched::share::{Claim, QueueIdx, Tree};

use super::WorkloadSet;
use super::simulate::World;

/// A running workload that may be ended.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    queue: QueueIdx,
    workload: usize,
    held: [u64; 1],
}

impl World<'_> {
    /// Ends what must end so that a workload is admitted; false, and nothing is ended, if that
    /// cannot be.
    pub(super) fn make_room(&mut self, queue: QueueIdx, set: WorkloadSet) -> bool {
        let need = [set.need_milli()];
        let others = self.borrowed_by_others(queue);
        let own = self.lower_priorities(queue, set.priority);
        let mut victims: Vec<Candidate> = Vec::new();
        // What others borrowed first. They come again after the queue's own, without which the
        // claim may stay within its nominal quota.
        for candidate in others.iter().chain(&own).chain(&others) {
            if self.tree.admit(queue, &need).is_ok() {
                break;
            }
            let taken = victims.iter().any(|victim| victim.workload == candidate.workload);
            if !taken && may_end(&self.tree, queue, &need, candidate) {
                self.lift(candidate);
                victims.push(*candidate);
            }
        }
        let fits = self.tree.admit(queue, &need).is_ok();
        let mut ended = Vec::new();
        for victim in victims.into_iter().rev() {
            self.put_back(&victim);
            if fits && self.tree.admit(queue, &need).is_err() {
                self.lift(&victim);
                ended.push(victim);
            }
        }
        for victim in ended {
            self.put_back(&victim);
            self.preempt(victim.queue, victim.workload);
        }
        fits
    }

    /// Leaves a workload out of the tree for a try.
    fn lift(&mut self, candidate: &Candidate) {
        // INVARIANT: what runs is charged.
        let discharged = self.tree.discharge(candidate.queue, &candidate.held);
        debug_assert_eq!(discharged, Ok(()));
    }

    fn put_back(&mut self, candidate: &Candidate) {
        // INVARIANT: it was lifted before, so it can be charged again.
        let charged = self.tree.charge(candidate.queue, &candidate.held);
        debug_assert_eq!(charged, Ok(()));
    }

    /// What runs in queues of the same cohort that use more than their nominal quota: lower
    /// priority first, then what was admitted last.
    fn borrowed_by_others(&self, queue: QueueIdx) -> Vec<Candidate> {
        let siblings = self.tree.children(self.tree.parent(queue));
        let nominal_milli = self.generator.nominal_milli;
        let borrowing = siblings.iter().filter(|other| {
            **other != queue && self.tree.allocated(**other).iter().any(|n| *n > nominal_milli)
        });
        self.candidates(borrowing.copied(), |_| true)
    }

    fn lower_priorities(&self, queue: QueueIdx, below: i32) -> Vec<Candidate> {
        self.candidates([queue].into_iter(), |set| set.priority < below)
    }

    fn candidates(
        &self,
        queues: impl Iterator<Item = QueueIdx>,
        wanted: impl Fn(&WorkloadSet) -> bool,
    ) -> Vec<Candidate> {
        let mut found = Vec::new();
        for queue in queues {
            let position = usize::try_from(queue.0).unwrap_or(usize::MAX);
            let runs = self.running.get(position).into_iter().flatten();
            found.extend(runs.filter(|run| wanted(&run.set)).map(|run| {
                let key = (run.set.priority, Reverse(run.admitted_ms), Reverse(run.workload));
                let held = [run.set.need_milli()];
                (key, Candidate { queue, workload: run.workload, held })
            }));
        }
        found.sort_unstable_by_key(|(key, _)| *key);
        found.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

/// Own workloads were chosen by priority; those of others only give what is deserved, even if
/// theirs is one workload across its bound, as in Kueue.
fn may_end(tree: &Tree, queue: QueueIdx, need: &[u64], candidate: &Candidate) -> bool {
    if candidate.queue == queue {
        return true;
    }
    let claim = Claim { queue, need, missing: need };
    tree.may_reclaim_across(&claim, candidate.queue, &candidate.held)
}
