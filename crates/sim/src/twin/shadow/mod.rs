//! The platform's own state machine beside the twin: everything that happens there is decided and
//! folded here as well, so that the two cannot drift apart.
//!
//! An observer like the others. Every start is a proposal that [`kernel::decide`] must accept, and
//! every end a report; at the end the state's own invariants are checked. Where it is asked to, it
//! plans with [`kernel::Planner`] before the first start of an instant, and the platform's placements
//! must be the twin's, node for node. Must change nothing of the run.

mod place;
mod setup;

use std::collections::{BTreeMap, VecDeque};

use kernel::{
    Actor, Command, Ctx, Entry, Planner, State, Submission, decide, node,
    usage::Counters,
    workload::{self, Phase, Preempt, RankStatus, Report},
};
use sched::Settings;
use units::{Id, UnixMicros, kinds};

use super::{
    backend::Input,
    checkers::{Finding, Findings, Rule},
    events::{Event, Observer},
    fleet::NodeIdx,
    time::Time,
    workload::JobIdx,
};
use place::Start;

/// Simulated time zero on the platform's clock: 1 January 2026.
const EPOCH_US: i64 = 1_767_225_600_000_000;

/// The platform that is told everything.
#[derive(Debug)]
pub struct Shadow<'a> {
    input: Input<'a>,
    state: State,
    n_commands: u64,
    nodes: Vec<Id<kinds::Node>>,
    node_numbers: BTreeMap<Id<kinds::Node>, NodeIdx>,
    projects: Vec<Id<kinds::Project>>,
    workloads: BTreeMap<JobIdx, Id<kinds::Workload>>,
    jobs: BTreeMap<Id<kinds::Workload>, JobIdx>,
    planner: Option<Planner>,
    /// What the platform would start at an instant, in its order.
    planned: Option<(Time, VecDeque<Start>)>,
    findings: Findings,
    n_starts: u64,
}

impl<'a> Shadow<'a> {
    /// A platform with this fleet and these tenants, on which nothing runs. With settings it also
    /// plans, which is only comparable where nobody is evicted and no link breaks: the twin's events
    /// do not say who is leaving, nor which node is doubted.
    ///
    /// # Errors
    /// A message if the platform has no word for something of the fleet.
    pub fn new(input: &Input<'a>, plans: Option<Settings>) -> Result<Self, String> {
        let mut shadow = Self {
            input: *input,
            state: State::default(),
            n_commands: 0,
            nodes: Vec::new(),
            node_numbers: BTreeMap::new(),
            projects: Vec::new(),
            workloads: BTreeMap::new(),
            jobs: BTreeMap::new(),
            planner: plans.map(Planner::new),
            planned: None,
            findings: Findings::default(),
            n_starts: 0,
        };
        shadow.build()?;
        Ok(shadow)
    }

    /// What the platform found wrong until this time, and how many starts it was shown.
    #[must_use]
    pub fn finish(mut self, end: Time) -> (Findings, u64) {
        self.settle();
        for message in self.state.check() {
            self.find(end, None, message);
        }
        (self.findings, self.n_starts)
    }

    /// The platform's state.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    fn find(&mut self, at: Time, job: Option<JobIdx>, message: String) {
        let job = job.map(|job| self.input.jobs.name(job).to_owned());
        self.findings.push(Finding { at, rule: Rule::Platform, job, message });
    }

    /// Decides a command and folds what follows from it.
    fn run(
        &mut self,
        now: Time,
        actor: Actor,
        command: Command,
    ) -> Result<Vec<kernel::Event>, String> {
        self.n_commands = self.n_commands.saturating_add(1);
        let mut random = [0; 10];
        for (byte, digit) in random.iter_mut().zip(self.n_commands.to_be_bytes()) {
            *byte = digit;
        }
        let ctx = Ctx { now: at(now), actor, random };
        let events = decide(&self.state, &Submission::new(command), &ctx)
            .map_err(|refusal| format!("is refused: {refusal}"))?;
        for event in &events {
            let entry = Entry { at: ctx.now, actor, idempotency: None, event: event.clone() };
            self.state.apply(&entry);
        }
        Ok(events)
    }

    fn tell(&mut self, now: Time, job: Option<JobIdx>, (actor, command): (Actor, Command)) {
        if let Err(message) = self.run(now, actor, command) {
            self.find(now, job, message);
        }
    }

    fn submitted(&mut self, now: Time, job: JobIdx) {
        let submit = match self.submission(job) {
            Ok(submit) => submit,
            Err(message) => return self.find(now, Some(job), message),
        };
        match self.run(now, Actor::System, Command::Workload(submit)) {
            Ok(events) => {
                let subject = events.first().map(kernel::Event::subject);
                if let Some(kernel::Subject::Workload(id)) = subject {
                    self.workloads.insert(job, id);
                    self.jobs.insert(id, job);
                }
            }
            Err(message) => self.find(now, Some(job), message),
        }
    }

    /// All ranks that still run say how they ended.
    fn exit(&mut self, now: Time, job: JobIdx, status: &RankStatus) {
        let Some(id) = self.workloads.get(&job).copied() else { return };
        let attempt = self.state.workloads.get(&id).and_then(|one| one.attempt());
        let Some(attempt) = attempt else { return };
        let (number, n_ranks) = (attempt.number, attempt.ranks.len());
        for rank in (0..=u32::MAX).take(n_ranks) {
            let report = Report {
                workload: id,
                attempt: number,
                rank,
                status: status.clone(),
                used: Counters::default(),
                energy_measured: false,
                energy_source: "simulated".to_owned(),
            };
            let report = Command::Workload(workload::Command::Report(report));
            self.tell(now, Some(job), (Actor::Engine, report));
        }
    }

    /// A job leaves its nodes and waits again, if it does not already because its node is lost.
    fn left(&mut self, now: Time, job: JobIdx) {
        let found = self.workloads.get(&job).and_then(|id| self.state.workloads.get(id));
        let Some(workload) = found else { return };
        if matches!(workload.phase, Phase::Placed { .. } | Phase::Running { .. }) {
            let preempt = Preempt {
                workload: workload.id,
                generation: workload.generation,
                for_workload: None,
                reason: "simulated".to_owned(),
            };
            let preempt = Command::Workload(workload::Command::Preempt(preempt));
            self.tell(now, Some(job), (Actor::Planner, preempt));
        }
        let killed = RankStatus::Exited { code: None, signal: Some(15), reason: None };
        self.exit(now, job, &killed);
    }

    fn ended(&mut self, now: Time, job: JobIdx) {
        let Some(id) = self.workloads.get(&job).copied() else { return };
        let holds = self.state.workloads.get(&id).is_some_and(workload::Workload::holds_nodes);
        if holds {
            self.exit(now, job, &RankStatus::Exited { code: Some(0), signal: None, reason: None });
        } else {
            let stop = Command::Workload(workload::Command::Stop { id });
            self.tell(now, Some(job), (Actor::System, stop));
        }
        let has_ended = self.state.workloads.get(&id).is_some_and(workload::Workload::has_ended);
        if !has_ended {
            self.find(now, Some(job), "ended, but not on the platform".to_owned());
        }
    }

    fn node_changed(&mut self, now: Time, node: NodeIdx, is_up: bool) {
        let Some(id) = self.nodes.get(super::number::index(node.0)).copied() else { return };
        let status = if is_up { node::Status::Ready } else { node::Status::Down };
        let command = node::Command::SetStatus { id, status, reason: "simulated".to_owned() };
        self.tell(now, None, (Actor::System, Command::Node(command)));
    }
}

/// A simulated time on the platform's clock.
fn at(now: Time) -> UnixMicros {
    UnixMicros(EPOCH_US.saturating_add(i64::try_from(now.0).unwrap_or(i64::MAX)))
}

impl Observer for Shadow<'_> {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        if !matches!(event, Event::Started { .. }) {
            self.settle();
        }
        match *event {
            Event::Submitted { job } => self.submitted(now, job),
            Event::Started { job, shares } => self.started(now, job, shares),
            Event::Preempted { job, .. } => self.left(now, job),
            Event::Ended { job, .. } => self.ended(now, job),
            Event::NodeChanged { node, is_up } => self.node_changed(now, node, is_up),
            // Power is nothing to a start that was decided.
            Event::PowerAllowed { .. }
            | Event::GpuCapped { .. }
            | Event::JobCapped { .. }
            | Event::Sample(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
