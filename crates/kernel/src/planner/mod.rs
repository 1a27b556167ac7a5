//! The border between the state and the scheduler: it follows the state by what changed, plans, and
//! turns the plan into proposals.
//!
//! The scheduler only proposes: each placement passes `decide` like anyone's command, so a planner
//! that lags or errs costs a refusal and nothing else. Following must give what reading everything
//! anew gives; the simulator compares the two.

mod advice;
mod jobs;
mod names;
mod power;
mod shares;

use std::collections::{BTreeMap, BTreeSet};

use sched::{Fleet, Gate, JobIdx, Plan, Reason, ReservationIdx, Scheduler, Settings};
use units::{Id, UnixMicros, kinds};

use crate::{
    Command, State, Subject, Submission, budget,
    power::Domain,
    workload::{self, Phase, Place, Preempt, Workload},
};
pub use advice::Advice;
use names::Names;
pub use power::DomainDraw;

/// Why a workload waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The dominant reason.
    pub reason: Reason,
    /// When it starts at the latest, if everything runs to its limit and nothing is submitted.
    pub start_at: Option<UnixMicros>,
    /// The waiting workload for which nodes that it could use are kept, if that is the reason.
    pub kept_for: Option<Id<kinds::Workload>>,
    /// The domain whose power budget is short, if that is the reason.
    pub domain: Option<Domain>,
    /// What would start it now; only where that was asked.
    pub advice: Option<Advice>,
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
    /// The domains of the scheduler's feeders, by number.
    domains: Vec<Domain>,
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
        if !self.follow_changes(state) {
            self.rebuild(state, now);
        }
        self.seen = Some(state.size);
        if self.scheduler.n_waiting() > 0 {
            // Only turns ask for it.
            self.scheduler.set_past_use(self.names.past_use(state, self.scheduler.tree(), now));
        }
        self.open_gates(state, now);
    }

    /// True if something waits, or too much power is drawn, or a limit may be lifted.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.scheduler.n_waiting() > 0 || self.scheduler.has_power_work()
    }

    /// What to start and evict, and why the rest waits.
    #[must_use]
    pub fn plan(&mut self, now: UnixMicros) -> Plan {
        self.scheduler.plan(now.0)
    }

    /// The same without the reasons, for whoever only follows the plan.
    #[must_use]
    pub fn decide(&mut self, now: UnixMicros) -> Plan {
        self.scheduler.decide(now.0)
    }

    /// The commands that a plan proposes, in its order.
    #[must_use]
    pub fn proposals(&self, state: &State, plan: &Plan) -> Vec<Submission> {
        let place = |placement: &sched::Placement| {
            let (workload, generation) = self.as_of(state, placement.job)?;
            let nodes = placement.nodes.iter().filter_map(|node| self.names.node(*node)).collect();
            let seats = placement.seats.iter().copied().map(Into::into).collect();
            let place = Place { workload, generation, nodes, seats };
            Some(workload::Command::Place(place))
        };
        let preempt = |victim: &JobIdx, job: JobIdx| {
            let (workload, generation) = self.as_of(state, *victim)?;
            let for_workload = self.workload(job)?;
            Some(workload::Command::Preempt(Preempt {
                workload,
                generation,
                for_workload: Some(for_workload),
                reason: format!("it makes room for {for_workload}, which has the better claim"),
            }))
        };
        let evictions = plan.preemptions.iter().flat_map(|preemption| {
            preemption.victims.iter().filter_map(move |victim| preempt(victim, preemption.job))
        });
        let power = self.power_commands(state, plan).into_iter();
        let commands = power.chain(plan.placements.iter().filter_map(place)).chain(evictions);
        commands.map(|command| Submission::new(Command::Workload(command))).collect()
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
        let kept_for = if let Reason::Promised { job, .. } = &mut reason {
            job.take().and_then(|job| self.workload(job))
        } else {
            None
        };
        let domain = if let Reason::PowerCapped { feeder, .. } = &reason {
            self.domain(*feeder).cloned()
        } else {
            None
        };
        let start_at = unplaced.start_us.map(UnixMicros);
        Waiting { reason, start_at, kept_for, domain, advice: None }
    }

    fn workload(&self, job: JobIdx) -> Option<Id<kinds::Workload>> {
        self.workloads.get(&job).copied()
    }

    /// The workload behind a number, with the generation that a proposal about it is made for.
    fn as_of(&self, state: &State, job: JobIdx) -> Option<(Id<kinds::Workload>, u64)> {
        let workload = self.workload(job)?;
        Some((workload, state.workloads.get(&workload)?.generation))
    }

    /// False if the whole state must be read: nothing was seen yet, too much has passed, or
    /// something changed that everything else depends on.
    fn follow_changes(&mut self, state: &State) -> bool {
        let seen = self.seen.filter(|seen| *seen <= state.size);
        let Some(changes) = seen.and_then(|seen| state.index.changes.since(seen)) else {
            return false;
        };
        let mut workloads = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        for subject in changes {
            if concerns_everything(subject) {
                return false;
            }
            if let Subject::Node(id) = subject {
                nodes.insert(id);
            }
            let Subject::Workload(id) = subject else { continue };
            workloads.insert(id);
            // The entry of an array is also that of its tasks.
            let array = state.workloads.get(&id).and_then(|one| one.spec.terms.array);
            let tasks = array.iter().flat_map(|array| array.indices().map(move |i| (array, i)));
            workloads.extend(tasks.filter_map(|(array, index)| array.task(id, index)));
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
        self.take_in(state, workloads.iter().copied());
        self.take_in_claims(state, workloads.into_iter());
        true
    }

    /// Makes the scheduler know for whom work went: it may be gone already.
    fn take_in_claims(&mut self, state: &State, ids: impl Iterator<Item = Id<kinds::Workload>>) {
        for workload in ids.filter_map(|id| state.workloads.get(&id)) {
            let other = workload.goes_for().and_then(|id| state.workloads.get(&id));
            let index = other.filter(|other| other.has_claim).map(|other| self.jobs.get(&other.id));
            if let Some(index) = index.flatten() {
                self.scheduler.claim(*index);
            }
        }
    }

    fn rebuild(&mut self, state: &State, now: UnixMicros) {
        self.names = Names::of(state);
        let (tree, queues) = shares::tree(state, &self.names);
        self.names.set_queues(queues);
        let fleet = Fleet::with_mig(self.names.rows(), self.names.geometries());
        self.scheduler = Scheduler::new(fleet, tree, self.settings);
        let reservations = state.reservations_from(now).zip((0..=u32::MAX).map(ReservationIdx));
        for (reservation, id) in reservations {
            self.scheduler.reserve(self.names.reservation(reservation, id));
        }
        self.read_power(state);
        self.jobs.clear();
        self.workloads.clear();
        self.n_jobs = 0;
        self.take_in(state, state.index.active.iter().copied());
    }

    /// Makes the scheduler know workloads as they are now: first who waits, then who leaves, because
    /// who leaves may do so for who waits.
    fn take_in(&mut self, state: &State, ids: impl Iterator<Item = Id<kinds::Workload>>) {
        let leaving = ids.filter(|id| !self.take_in_one(state, *id));
        let leaving: Vec<Id<kinds::Workload>> = leaving.collect();
        for workload in leaving.iter().filter_map(|id| state.workloads.get(id)) {
            let Phase::Stopping { since, .. } = &workload.phase else { continue };
            let index = self.number(workload.id);
            self.hold(state, workload, index);
            let gone_by = jobs::later(*since, workload.spec.grace);
            let for_job = workload.goes_for().and_then(|id| self.jobs.get(&id).copied());
            self.scheduler.stopping(index, gone_by, for_job);
        }
    }

    /// False for a workload that is leaving its nodes.
    fn take_in_one(&mut self, state: &State, id: Id<kinds::Workload>) -> bool {
        let workload = state.workloads.get(&id);
        // An array stands for its tasks and never runs itself.
        let workload = workload.filter(|workload| !workload.has_ended() && !workload.is_array());
        let Some(workload) = workload else {
            self.forget(id);
            return true;
        };
        match &workload.phase {
            Phase::Queued { .. } => {
                let index = self.number(id);
                self.scheduler.finish(index);
                let job = self.names.waiting(state, workload);
                self.scheduler.submit(index, job);
                if workload.has_claim {
                    self.scheduler.claim(index);
                }
            }
            Phase::Placed { .. } | Phase::Running { .. } => {
                let index = self.number(id);
                self.hold(state, workload, index);
            }
            Phase::Stopping { .. } => return false,
            Phase::Ended { .. } => {}
        }
        true
    }

    /// Makes a workload hold the nodes of its attempt, once.
    fn hold(&mut self, state: &State, workload: &Workload, index: JobIdx) {
        let running = self.names.running(workload);
        let known = self.scheduler.running(index);
        // Another attempt may be on the same nodes.
        let attempt = (running.started_us, &running.nodes);
        if known.is_none_or(|known| (known.started_us, &known.nodes) != attempt) {
            self.scheduler.finish(index);
            self.scheduler.withdraw(index);
            self.scheduler.adopt(index, running);
        }
        self.limit(state, workload, index);
    }

    fn forget(&mut self, id: Id<kinds::Workload>) {
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

    /// Opens and shuts the gate of everything that waits: time, money, other work and the tasks of
    /// its array can all change without an event of the workload itself.
    fn open_gates(&mut self, state: &State, now: UnixMicros) {
        let due: BTreeSet<_> = workload::due(state, now).map(|workload| workload.id).collect();
        for id in &state.index.queued {
            let Some((index, workload)) = self.jobs.get(id).zip(state.workloads.get(id)) else {
                continue;
            };
            let whose = (workload.project, workload.by);
            let may = budget::require_open_for_work(state, whose, &workload.spec, now).is_ok();
            let gate = jobs::gate(state, workload, now, due.contains(id));
            self.scheduler.set_gate(*index, if may { gate } else { Gate::Budget });
        }
    }
}

/// Why a waiting workload waits; `None` if it would be placed now, or does not wait.
#[must_use]
pub fn explain(state: &State, id: Id<kinds::Workload>, now: UnixMicros) -> Option<Waiting> {
    let mut planner = Planner::of(state, now);
    let plan = planner.plan(now);
    let waiting = planner.waiting(&plan, id)?;
    let advice = planner.advise(&plan, id, now);
    Some(Waiting { advice, ..waiting })
}

/// True for what everything else depends on.
const fn concerns_everything(subject: Subject) -> bool {
    match subject {
        // Where data may go, and who is whose.
        Subject::Site(_)
        | Subject::Policy(_)
        | Subject::Organisation(_)
        | Subject::Project(_)
        | Subject::Entity(_)
        // Who is entitled to what, and which nodes are promised.
        | Subject::Quota(_)
        | Subject::Reservation(_)
        // Budgets and figures; series are about their site.
        | Subject::Power(_) => true,
        // Looked at by itself.
        Subject::Workload(_) | Subject::Node(_) => false,
        // Money is looked at each time; the rest is nothing to a scheduler.
        Subject::Budget(_)
        | Subject::RateLimit(_)
        | Subject::Price(_)
        | Subject::Key(_)
        | Subject::Dataset(_)
        | Subject::Model(_)
        | Subject::Endpoint(_)
        | Subject::Gateway(_)
        | Subject::Storage(_)
        | Subject::Evidence(_)
        | Subject::User(_)
        | Subject::Group(_)
        | Subject::ServiceAccount(_)
        | Subject::Role(_)
        | Subject::Binding(_)
        | Subject::Course(_)
        | Subject::IdentityProvider(_)
        | Subject::Consent(_)
        | Subject::Upstream(_)
        | Subject::Erasure(_) => false,
    }
}
