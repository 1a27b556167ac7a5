//! The event loop: what arrives, ends and breaks, in order of time; a plan whenever one may help.

mod nodes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use sched::{Gate, Job, JobIdx as Number, NodeIdx as Place, Plan, Scheduler};
use units::DurationMicros;

use super::extras::Extras;
use super::life::{Due, Life, micros, scaled, shares};
use super::power::Pace;
use crate::twin::{
    backend::{Input, Progress},
    events::{Ending, Event, Gauges, Observer, Preemption},
    failures::{Outage, Outages},
    number,
    time::Time,
    workload::{JobIdx, Request},
};

use nodes::{Health, Step};

/// Time between the word to leave and being gone.
pub(super) const GRACE: DurationMicros = DurationMicros::from_secs(30);
/// Past use is reckoned in hours, as on the platform.
const HOUR_US: u64 = 3_600_000_000;
/// Events between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// One run.
pub(super) struct Run<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) scheduler: Scheduler,
    jobs: Vec<Job>,
    interval: DurationMicros,
    pub(super) now: Time,
    next_job: u32,
    pub(super) due: BinaryHeap<Reverse<(Time, Due)>>,
    outages: Option<Outages>,
    next_outage: Option<Outage>,
    pub(super) lives: BTreeMap<Number, Life>,
    /// Jobs that wait for a job, by the one they wait for.
    dependents: BTreeMap<JobIdx, Vec<JobIdx>>,
    ended: BTreeSet<JobIdx>,
    n_ended: u64,
    /// What is wrong with each node that something was wrong with.
    health: BTreeMap<Place, Health>,
    /// What was planned to happen to nodes, by what is due.
    steps: Vec<Step>,
    planned_at: Option<Time>,
    /// True if something arrived or became free since the last plan.
    pub(super) is_stale: bool,
    /// Changes of budgets so far.
    pub(super) n_power_events: usize,
    /// When the first job that is put off is due.
    wake: Option<Time>,
    n_events: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        input: &'a Input<'a>,
        scheduler: Scheduler,
        jobs: Vec<Job>,
        interval: DurationMicros,
        extras: &Extras,
    ) -> Self {
        let mut dependents: BTreeMap<JobIdx, Vec<JobIdx>> = BTreeMap::new();
        for (index, request) in input.jobs.jobs() {
            for before in &request.after {
                dependents.entry(*before).or_default().push(index);
            }
        }
        let mut outages = input.has_failures.then(|| Outages::new(input.fleet, input.seed));
        let next_outage = outages.as_mut().and_then(Iterator::next);
        let mut run = Self {
            input,
            scheduler,
            jobs,
            interval,
            now: Time::ZERO,
            next_job: 0,
            due: BinaryHeap::new(),
            outages,
            next_outage,
            lives: BTreeMap::new(),
            dependents,
            ended: BTreeSet::new(),
            n_ended: 0,
            health: BTreeMap::new(),
            steps: Vec::new(),
            planned_at: None,
            is_stale: false,
            n_power_events: 0,
            wake: None,
            n_events: 0,
        };
        run.plan_upkeep(extras);
        run
    }

    /// Until the last job has ended, the horizon is reached, or nothing can happen any more.
    pub(super) fn live(
        &mut self,
        observer: &mut dyn Observer,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Time {
        let n_jobs = number::count(self.jobs.len());
        while self.n_ended < n_jobs {
            let Some(next) = self.next_time() else { break };
            if self.input.horizon.is_some_and(|horizon| next > horizon) {
                break;
            }
            let hours = (next.0 / HOUR_US).saturating_sub(self.now.0 / HOUR_US);
            if hours > 0 {
                // What is in use now was in use until now, but for changes within an hour.
                self.scheduler.let_past_use_fade(hours);
            }
            self.now = next;
            self.happen(observer);
            if self.may_plan() {
                self.plan(observer);
            }
            self.n_events = self.n_events.saturating_add(1);
            if self.n_events.is_multiple_of(PROGRESS_EVERY) {
                observer.observe(self.now, &Event::Sample(Gauges::default()));
                if !progress(Progress { now: self.now, ended: self.n_ended }) {
                    break;
                }
            }
        }
        self.now
    }

    /// When something happens next; `None` if only outages are left and nobody could use a repair.
    fn next_time(&self) -> Option<Time> {
        let arrival = self.request(self.next_job).map(|request| request.submit);
        let due = self.due.peek().map(|Reverse((time, _))| *time);
        let plan =
            self.is_stale.then(|| self.planned_at.map(|at| at.plus(self.interval))).flatten();
        let plan = plan.map(|plan| plan.max(self.now));
        let power = self.input.fleet.power_events.get(self.n_power_events).map(|event| event.at);
        let known = [arrival, due, plan, self.wake, power].into_iter().flatten().min();
        let outage = self.next_outage.map(|outage| outage.at);
        known.map(|known| outage.map_or(known, |outage| known.min(outage)))
    }

    pub(super) fn request(&self, job: u32) -> Option<&'a Request> {
        self.input.jobs.requests.get(number::index(job))
    }

    /// Everything that happens at this very time.
    fn happen(&mut self, observer: &mut dyn Observer) {
        while let Some(Reverse((_, due))) =
            self.due.peek().copied().filter(|one| one.0.0 <= self.now)
        {
            self.due.pop();
            match due {
                Due::End(job, run) => self.end(job, run, observer),
                Due::Gone(job, run) => {
                    let why = self.lives.get(&job).map_or(Preemption::Priority, |life| life.why);
                    self.leave(job, run, why, observer);
                }
                Due::Repaired(what) => self.change(what, -1, observer),
                Due::Upkeep(step) => self.upkeep(step, observer),
            }
        }
        self.allow(observer);
        if self.wake.is_some_and(|wake| wake <= self.now) {
            (self.wake, self.is_stale) = (None, true);
        }
        while let Some(outage) = self.next_outage.filter(|outage| outage.at <= self.now) {
            self.change(outage.what, 1, observer);
            if outage.until < Time::NEVER {
                self.due.push(Reverse((outage.until, Due::Repaired(outage.what))));
            }
            self.next_outage = self.outages.as_mut().and_then(Iterator::next);
        }
        while let Some(request) = self.request(self.next_job).filter(|r| r.submit <= self.now) {
            self.arrive(request, observer);
        }
    }

    fn arrive(&mut self, request: &Request, observer: &mut dyn Observer) {
        let index = JobIdx(self.next_job);
        self.next_job = self.next_job.saturating_add(1);
        observer.observe(self.now, &Event::Submitted { job: index });
        let Some(job) = self.jobs.get(number::index(index.0)) else { return };
        let gate = self.gate(request);
        self.lives.insert(Number(index.0), Life::default());
        self.scheduler.submit(Number(index.0), Job { gate, ..job.clone() });
        self.is_stale = true;
    }

    /// Shut while a job that it waits for has not ended.
    fn gate(&self, request: &Request) -> Gate {
        let unfinished = request.after.iter().filter(|job| !self.ended.contains(job)).count();
        match u32::try_from(unfinished).unwrap_or(u32::MAX) {
            0 => Gate::Open,
            unfinished => Gate::Dependency { unfinished },
        }
    }

    /// True if a plan may change something and enough time has passed since the last one.
    fn may_plan(&self) -> bool {
        let rested = self.planned_at.is_none_or(|at| at.plus(self.interval) <= self.now);
        self.is_stale && rested
    }

    fn plan(&mut self, observer: &mut dyn Observer) {
        let plan = self.scheduler.decide(micros(self.now));
        self.is_stale = false;
        let wake = self.scheduler.next_deferred_us(micros(self.now));
        self.wake = wake.and_then(|time| u64::try_from(time).ok()).map(Time);
        self.follow_power(&plan, observer);
        self.follow(plan, observer);
        // With nobody waiting the next arrival is looked at at once.
        self.planned_at = (self.scheduler.n_waiting() > 0).then_some(self.now);
    }

    fn follow(&mut self, plan: Plan, observer: &mut dyn Observer) {
        for placement in plan.placements {
            let job = placement.job;
            let Some(request) = self.request(job.0) else { continue };
            let shares = shares(request, &placement.nodes, &placement.seats);
            observer.observe(self.now, &Event::Started { job: JobIdx(job.0), shares: &shares });
            let n_nodes = u32::try_from(placement.nodes.len()).unwrap_or(u32::MAX);
            self.scheduler.start_at(placement, micros(self.now));
            let Some(life) = self.lives.get_mut(&job) else { continue };
            life.n_runs = life.n_runs.saturating_add(1);
            life.started = self.now;
            life.n_nodes = n_nodes;
            (life.pace, life.why) = (Pace::new(self.now), Preemption::Priority);
            let at = life.end(self.now, request);
            self.due.push(Reverse((at, Due::End(job, life.n_runs))));
        }
        for preemption in plan.preemptions {
            for victim in preemption.victims {
                let Some(life) = self.lives.get(&victim) else { continue };
                let at = self.now.plus(GRACE);
                self.scheduler.stopping(victim, micros(at), Some(preemption.job));
                let gone = Due::Gone(victim, life.n_runs);
                self.due.push(Reverse((at, gone)));
            }
        }
    }

    /// A run is over: the work is done, or its limit has passed.
    fn end(&mut self, job: Number, run: u32, observer: &mut dyn Observer) {
        let is_this = self.lives.get(&job).is_some_and(|life| life.n_runs == run);
        if !is_this || self.scheduler.running(job).is_none() {
            return;
        }
        self.uncap(job, observer);
        self.scheduler.finish(job);
        let life = self.lives.remove(&job).unwrap_or_default();
        let index = JobIdx(job.0);
        let request = self.request(job.0);
        let is_done = request.is_none_or(|request| {
            let worked = life.pace.worked(self.now);
            life.done.0.saturating_add(scaled(worked, life.n_nodes, request.nodes_min))
                >= request.run.0
        });
        let how = if is_done { Ending::Finished } else { Ending::TimedOut };
        observer.observe(self.now, &Event::Ended { job: index, how });
        self.n_ended = self.n_ended.saturating_add(1);
        self.is_stale = true;
        let waiting = self.dependents.remove(&index).unwrap_or_default();
        if !waiting.is_empty() {
            self.ended.insert(index);
        }
        for dependent in waiting {
            let Some(request) = self.request(dependent.0) else { continue };
            let gate = self.gate(request);
            self.scheduler.set_gate(Number(dependent.0), gate);
        }
    }

    /// A job leaves its nodes before its work is done, and waits again.
    fn leave(&mut self, job: Number, run: u32, why: Preemption, observer: &mut dyn Observer) {
        if self.lives.get(&job).is_none_or(|life| life.n_runs != run) {
            return;
        }
        self.uncap(job, observer);
        let Some(life) = self.lives.get_mut(&job) else { return };
        let Some(running) = self.scheduler.finish(job) else { return };
        let Some(request) = self.input.jobs.requests.get(number::index(job.0)) else { return };
        let ran = self.now.since(life.started);
        let saved = request
            .checkpoint
            .filter(|every| every.0 > 0)
            .map_or(0, |every| ran.0.checked_div(every.0).unwrap_or(0).saturating_mul(every.0));
        // At the mean pace of the run.
        let worked = number::scale(life.pace.worked(self.now), saved, ran.0.max(1));
        let saved_work = scaled(worked, life.n_nodes, request.nodes_min);
        life.done = DurationMicros(life.done.0.saturating_add(saved_work).min(request.run.0));
        let lost = DurationMicros(ran.0.saturating_sub(saved));
        // Ends of this run that are still due no longer mean anything.
        life.n_runs = life.n_runs.saturating_add(1);
        observer.observe(self.now, &Event::Preempted { job: JobIdx(job.0), why, lost });
        self.scheduler.submit(job, running.job);
        self.is_stale = true;
    }
}
