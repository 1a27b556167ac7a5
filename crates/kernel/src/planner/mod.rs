//! The border between the state and the scheduler: it follows the state by what changed, plans, and
//! turns the plan into proposals.
//!
//! The scheduler only proposes: each placement passes `decide` like anyone's command, so a planner
//! that lags or errs costs a refusal and nothing else. Following must give what reading everything
//! anew gives; the simulator compares the two.

mod jobs;
mod names;
mod shares;

use std::collections::{BTreeMap, BTreeSet};

use sched::{Fleet, Gate, JobIdx, Plan, Reason, ReservationIdx, Scheduler, Settings};
use units::{Id, UnixMicros, kinds};

use crate::{
    Command, State, Subject, Submission, budget,
    workload::{self, Phase, Place, Workload},
};
use names::Names;

/// Why a workload waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The dominant reason.
    pub reason: Reason,
    /// When it starts at the latest, if everything runs to its limit and nothing is submitted.
    pub start_at: Option<UnixMicros>,
    /// The waiting workload for which nodes that it could use are kept, if that is the reason.
    pub kept_for: Option<Id<kinds::Workload>>,
}

/// Follows a state and plans for it.
#[derive(Debug, Clone, Default)]
pub struct Planner {
    scheduler: Scheduler,
    names: Names,
    settings: Settings,
    /// Size of the state that was followed last.
    seen: Option<u64>,
    jobs: BTreeMap<Id<kinds::Workload>, JobIdx>,
    workloads: BTreeMap<JobIdx, Id<kinds::Workload>>,
    n_jobs: u32,
    /// Waiting workloads whose back-off ends or ended then.
    delayed: BTreeSet<(UnixMicros, Id<kinds::Workload>)>,
    /// The time that gates were opened for last.
    now: UnixMicros,
    /// Projects whose budget is used up.
    closed: BTreeSet<Id<kinds::Project>>,
}

impl Planner {
    /// A planner that has seen nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// A planner of this state alone, for a question asked once.
    #[must_use]
    pub fn of(state: &State, now: UnixMicros) -> Self {
        let mut planner = Self::new(Settings::default());
        planner.follow(state, now);
        planner
    }

    /// Takes in what changed since the last time, or everything where that cannot be told.
    pub fn follow(&mut self, state: &State, now: UnixMicros) {
        if !self.follow_changes(state, now) {
            self.rebuild(state, now);
        }
        self.seen = Some(state.size);
        self.open_gates(state, now);
    }

    /// True if something waits.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.scheduler.n_waiting() > 0
    }

    /// What to start and evict, and why the rest waits.
    #[must_use]
    pub fn plan(&mut self, now: UnixMicros) -> Plan {
        self.scheduler.plan(now.0)
    }

    /// The commands that a plan proposes, in its order.
    #[must_use]
    pub fn proposals(&self, state: &State, plan: &Plan) -> Vec<Submission> {
        let propose = |placement: &sched::Placement| {
            let workload = self.workload(placement.job)?;
            let generation = state.workloads.get(&workload)?.generation;
            let nodes = placement.nodes.iter().filter_map(|node| self.names.node(*node)).collect();
            let place = Place { workload, generation, nodes };
            Some(Submission::new(Command::Workload(workload::Command::Place(place))))
        };
        plan.placements.iter().filter_map(propose).collect()
    }

    /// The nodes that a plan gives a workload.
    #[must_use]
    pub fn placement(
        &self,
        plan: &Plan,
        workload: Id<kinds::Workload>,
    ) -> Option<Vec<Id<kinds::Node>>> {
        let job = self.jobs.get(&workload)?;
        let placement = plan.placements.iter().find(|placement| placement.job == *job)?;
        Some(placement.nodes.iter().filter_map(|node| self.names.node(*node)).collect())
    }

    /// What a plan says of a workload that it leaves waiting.
    #[must_use]
    pub fn waiting(&self, plan: &Plan, workload: Id<kinds::Workload>) -> Option<Waiting> {
        let job = self.jobs.get(&workload)?;
        let unplaced = plan.unplaced.iter().find(|unplaced| unplaced.job == *job)?;
        Some(self.why(unplaced))
    }

    /// Everything that a plan leaves waiting, in the order in which it is served.
    pub fn queue<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (Id<kinds::Workload>, Waiting)> + 'a {
        plan.unplaced.iter().filter_map(|one| Some((self.workload(one.job)?, self.why(one))))
    }

    fn why(&self, unplaced: &sched::Unplaced) -> Waiting {
        let mut reason = unplaced.reason.clone();
        // A number means nothing outside this planner; the workload does.
        let kept_for = match &mut reason {
            Reason::Promised { job, .. } => job.take().and_then(|job| self.workload(job)),
            Reason::Contradictory { .. }
            | Reason::BudgetExhausted
            | Reason::WaitingForJobs { .. }
            | Reason::ArrayLimit { .. }
            | Reason::NotBefore { .. }
            | Reason::NoSiteAllowed
            | Reason::NoSuchGpuClass { .. }
            | Reason::NoNodeLargeEnough { .. }
            | Reason::GangTooLarge { .. }
            | Reason::DomainTooSmall { .. }
            | Reason::OverQuota { .. }
            | Reason::NodesUnavailable { .. }
            | Reason::Preempting { .. }
            | Reason::Fragmented { .. }
            | Reason::PowerCapped { .. }
            | Reason::WaitingForCapacity { .. } => None,
        };
        Waiting { reason, start_at: unplaced.start_us.map(UnixMicros), kept_for }
    }

    fn workload(&self, job: JobIdx) -> Option<Id<kinds::Workload>> {
        self.workloads.get(&job).copied()
    }

    /// False if the whole state must be read: nothing was seen yet, too much has passed, or
    /// something changed that everything else depends on.
    fn follow_changes(&mut self, state: &State, now: UnixMicros) -> bool {
        let seen = self.seen.filter(|seen| *seen <= state.size);
        let Some(changes) = seen.and_then(|seen| state.index.changes.since(seen)) else {
            return false;
        };
        let mut workloads = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        for subject in changes {
            match subject {
                Subject::Workload(id) => drop(workloads.insert(id)),
                Subject::Node(id) => drop(nodes.insert(id)),
                // Where data may go, and who is whose.
                Subject::Site(_)
                | Subject::Policy(_)
                | Subject::Organisation(_)
                | Subject::Project(_)
                // Who is entitled to what, and which nodes are promised.
                | Subject::Quota(_)
                | Subject::Reservation(_) => return false,
                // Money is looked at each time; the rest is nothing to a scheduler.
                Subject::Budget(_)
                | Subject::Price(_)
                | Subject::Key(_)
                | Subject::Dataset(_)
                | Subject::Model(_)
                | Subject::Endpoint(_)
                | Subject::Gateway(_) => {}
            }
        }
        for id in nodes {
            let Some(node) = state.nodes.get(&id) else { return false };
            let Some((index, known)) = self.names.node_index(id) else { return false };
            let is = self.names.row(node);
            // A machine that is another one than before moves in the indices.
            if (sched::Node { state: known.state, ..is }) != known {
                return false;
            }
            self.names.set_state(index, is.state);
            self.scheduler.set_node_state(index, is.state);
        }
        for id in workloads {
            self.take_in(state, id, now);
        }
        true
    }

    fn rebuild(&mut self, state: &State, now: UnixMicros) {
        self.names = Names::of(state);
        let (tree, queues) = shares::tree(state, &self.names);
        self.names.set_queues(queues);
        self.scheduler = Scheduler::new(Fleet::new(self.names.rows()), tree, self.settings);
        let reservations = state.reservations_from(now).zip((0..=u32::MAX).map(ReservationIdx));
        for (reservation, id) in reservations {
            self.scheduler.reserve(self.names.reservation(reservation, id));
        }
        self.jobs.clear();
        self.workloads.clear();
        self.delayed.clear();
        self.closed.clear();
        self.n_jobs = 0;
        let ids: Vec<Id<kinds::Workload>> = state.index.active.iter().copied().collect();
        for id in ids {
            self.take_in(state, id, now);
        }
    }

    /// Makes the scheduler know a workload as it is now.
    fn take_in(&mut self, state: &State, id: Id<kinds::Workload>, now: UnixMicros) {
        let Some(workload) = state.workloads.get(&id).filter(|workload| !workload.has_ended())
        else {
            self.forget(id);
            return;
        };
        let index = self.number(id);
        match &workload.phase {
            Phase::Queued { not_before, .. } => {
                self.scheduler.finish(index);
                self.delayed.extend(not_before.map(|time| (time, id)));
                let job = self.names.waiting(state, workload, now);
                self.scheduler.submit(index, job);
            }
            Phase::Placed { .. } | Phase::Running { .. } => self.hold(workload, index),
            Phase::Stopping { since, .. } => {
                self.hold(workload, index);
                let gone_by = jobs::later(*since, workload.spec.grace);
                self.scheduler.stopping(index, gone_by, None);
            }
            Phase::Ended { .. } => {}
        }
    }

    /// Makes a workload hold the nodes of its attempt, once.
    fn hold(&mut self, workload: &Workload, index: JobIdx) {
        let running = self.names.running(workload);
        let known = self.scheduler.running(index);
        // Another attempt may be on the same nodes.
        let attempt = (running.started_us, &running.nodes);
        if known.is_some_and(|known| (known.started_us, &known.nodes) == attempt) {
            return;
        }
        self.scheduler.finish(index);
        self.scheduler.withdraw(index);
        self.scheduler.adopt(index, running);
    }

    fn forget(&mut self, id: Id<kinds::Workload>) {
        self.delayed.retain(|(_, delayed)| *delayed != id);
        let Some(index) = self.jobs.remove(&id) else { return };
        self.workloads.remove(&index);
        self.scheduler.finish(index);
        self.scheduler.withdraw(index);
    }

    fn number(&mut self, id: Id<kinds::Workload>) -> JobIdx {
        if let Some(index) = self.jobs.get(&id) {
            return *index;
        }
        let index = JobIdx(self.n_jobs);
        self.n_jobs = self.n_jobs.wrapping_add(1);
        self.jobs.insert(id, index);
        self.workloads.insert(index, id);
        index
    }

    /// Opens and shuts gates by what can change without an event of the workload: time and money.
    fn open_gates(&mut self, state: &State, now: UnixMicros) {
        // Clocks may be set back; then what was open is shut again.
        let (from, to) = (self.now.min(now), self.now.max(now));
        self.now = now;
        let passed = self.delayed.iter().filter(|(at, _)| *at > from && *at <= to);
        let passed: Vec<Id<kinds::Workload>> = passed.map(|(_, id)| *id).collect();
        for id in passed {
            self.set_gate(state, id, now);
        }
        let projects = state.projects.keys().copied();
        let closed = projects.filter(|project| budget::require_open(state, *project).is_err());
        let closed: BTreeSet<Id<kinds::Project>> = closed.collect();
        if closed == self.closed {
            return;
        }
        let changed: BTreeSet<_> = closed.symmetric_difference(&self.closed).copied().collect();
        self.closed = closed;
        let queued: Vec<Id<kinds::Workload>> = state.index.queued.iter().copied().collect();
        for id in queued {
            if state.workloads.get(&id).is_some_and(|w| changed.contains(&w.project)) {
                self.set_gate(state, id, now);
            }
        }
    }

    fn set_gate(&mut self, state: &State, id: Id<kinds::Workload>, now: UnixMicros) {
        let Some((index, workload)) = self.jobs.get(&id).zip(state.workloads.get(&id)) else {
            return;
        };
        let gate: Gate = jobs::gate(state, workload, now);
        self.scheduler.set_gate(*index, gate);
    }
}

/// Why a waiting workload waits; `None` if it would be placed now, or does not wait.
#[must_use]
pub fn explain(state: &State, id: Id<kinds::Workload>, now: UnixMicros) -> Option<Waiting> {
    let mut planner = Planner::of(state, now);
    let plan = planner.plan(now);
    planner.waiting(&plan, id)
}
