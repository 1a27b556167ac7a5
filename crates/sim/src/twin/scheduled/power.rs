//! Budgets that fall and rise, and what the scheduler's plan does about them: limits that slow work,
//! and work that stops.

use sched::{JobIdx as Number, Plan, power::Cap};
use units::{DurationMicros, MilliWatt};

use super::{
    energy,
    life::{Due, Life, micros, scaled, shares},
    run::{GRACE, Run},
};
use crate::twin::{
    events::{Event, Observer, Preemption, Share},
    number,
    time::Time,
    workload::{JobIdx, Request},
};

const ALL_PERMILLE: u64 = 1_000;

/// How fast a run goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// Since when it goes at this pace.
    since: Time,
    /// Time of work that was done at other paces, in microseconds at full pace.
    worked: u64,
    /// Work lost by a limit, in per mille.
    slower: u32,
}

impl Pace {
    /// A run that starts, without a limit.
    pub(super) const fn new(now: Time) -> Self {
        Self { since: now, worked: 0, slower: 0 }
    }

    /// Work done so far, as time at full pace.
    pub(super) fn worked(&self, now: Time) -> u64 {
        let ran = now.since(self.since).0;
        let rate = ALL_PERMILLE.saturating_sub(u64::from(self.slower));
        self.worked.saturating_add(number::scale(ran, rate, ALL_PERMILLE))
    }

    /// Time that this much work takes at the present pace; rounded up, so that it is done then.
    fn time_for(&self, work: u64) -> u64 {
        let rate = u128::from(ALL_PERMILLE.saturating_sub(u64::from(self.slower)).max(1));
        let time = (u128::from(work) * u128::from(ALL_PERMILLE)).div_ceil(rate);
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    fn change(&mut self, now: Time, slower: u32) {
        self.worked = self.worked(now);
        (self.since, self.slower) = (now, slower);
    }
}

impl Life {
    /// When the present run ends: its work is done, or its limit has passed.
    pub(super) fn end(&self, now: Time, request: &Request) -> Time {
        let left = request.run.0.saturating_sub(self.done.0);
        let left = scaled(left, request.nodes_min, self.n_nodes);
        let left = left.saturating_sub(self.pace.worked(now));
        let end = now.plus(DurationMicros(self.pace.time_for(left)));
        request.limit.map_or(end, |limit| end.min(self.started.plus(limit)))
    }
}

impl Run<'_> {
    /// Budgets that change at this time.
    pub(super) fn allow(&mut self, observer: &mut dyn Observer) {
        while let Some(event) = self.input.fleet.power_events.get(self.n_power_events) {
            if event.at > self.now {
                break;
            }
            self.n_power_events = self.n_power_events.saturating_add(1);
            let (feeder, allowed) = (event.feeder, event.allowed);
            observer.observe(self.now, &Event::PowerAllowed { feeder, allowed });
            let allowed = allowed.map(|allowed| allowed.0);
            let allowed_mw = energy::allowed_mw(self.input.fleet, feeder, allowed);
            self.scheduler.set_allowed(sched::power::FeederIdx(feeder.0), allowed_mw);
            self.is_stale = true;
        }
    }

    /// Does what a plan says about power, before anything else of it.
    pub(super) fn follow_power(&mut self, plan: &Plan, observer: &mut dyn Observer) {
        let power = &plan.power;
        for cap in &power.lower {
            self.cap(cap, observer);
        }
        for stop in &power.stop {
            let Some(life) = self.lives.get_mut(&stop.job) else { continue };
            life.why = Preemption::Power;
            let at = self.now.plus(GRACE);
            let gone = Due::Gone(stop.job, life.n_runs);
            self.scheduler.stopping(stop.job, micros(at), None);
            self.due.push(std::cmp::Reverse((at, gone)));
        }
        for cap in &power.lift {
            self.cap(cap, observer);
        }
        // Limits that were lowered or lifted change what there is room for.
        self.is_stale |= !power.lower.is_empty() || !power.lift.is_empty();
    }

    fn cap(&mut self, cap: &Cap, observer: &mut dyn Observer) {
        let Some(request) = self.request(cap.job.0) else { return };
        let from = self.limit_of(cap.job, cap.from);
        self.scheduler.set_cap(cap.job, cap.to);
        let slower = self.scheduler.grid().map_or(0, |grid| grid.slowdown_permille(cap.job));
        let shares = self.shares_of(cap.job, request);
        let (job, to) = (JobIdx(cap.job.0), cap.limit_mw.map(MilliWatt));
        observer.observe(self.now, &Event::JobCapped { job, shares: &shares, from, to });
        let Some(life) = self.lives.get_mut(&cap.job) else { return };
        life.pace.change(self.now, slower);
        // The end that was known no longer is.
        life.n_runs = life.n_runs.saturating_add(1);
        let end = life.end(self.now, request);
        self.due.push(std::cmp::Reverse((end, Due::End(cap.job, life.n_runs))));
    }

    /// A limit goes with the run that had it.
    pub(super) fn uncap(&mut self, job: Number, observer: &mut dyn Observer) {
        let cap = self.scheduler.grid().map_or(0, |grid| grid.cap_of(job));
        let Some(from) = self.limit_of(job, cap) else { return };
        let Some(request) = self.request(job.0) else { return };
        let shares = self.shares_of(job, request);
        let (index, from) = (JobIdx(job.0), Some(from));
        let lifted = Event::JobCapped { job: index, shares: &shares, from, to: None };
        observer.observe(self.now, &lifted);
    }

    fn limit_of(&self, job: Number, cap: u32) -> Option<MilliWatt> {
        self.scheduler.grid()?.limit_mw(job, cap).map(MilliWatt)
    }

    fn shares_of(&self, job: Number, request: &Request) -> Vec<Share> {
        let running = self.scheduler.running(job);
        running.map_or_else(Vec::new, |one| shares(request, &one.nodes, &one.seats))
    }
}
