//! The checker: its own books of what runs where, and every rule on every event.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bounds, Finding, Findings, Rule, placement};
use crate::twin::{
    events::{Event, Observer, Share},
    fleet::{FeederIdx, Fleet, NodeIdx, RackIdx},
    number,
    occupancy::Occupancy,
    power::Meter,
    quotas::Quotas,
    time::Time,
    workload::{JobIdx, Prepared, Request},
};

/// A job that was submitted and has not ended.
#[derive(Debug)]
enum Book {
    /// Since when.
    Waiting(Time),
    Running(Vec<Share>),
}

/// Checks a run while it runs.
#[derive(Debug)]
pub struct Checks<'a> {
    fleet: &'a Fleet,
    jobs: &'a Prepared,
    bounds: Bounds,
    findings: Findings,
    now: Time,
    books: BTreeMap<JobIdx, Book>,
    occupancy: Occupancy<'a>,
    meter: Meter<'a>,
    quotas: Quotas<'a>,
    /// Ranks on each node.
    ranks: Vec<u32>,
    /// Nodes that broke now: whoever is on them must be gone when time goes on.
    broke: Vec<NodeIdx>,
    /// Feeders above what they may carry, since when.
    over: BTreeMap<FeederIdx, Time>,
    /// Jobs that others wait for, and when they ended.
    awaited: BTreeMap<JobIdx, Option<Time>>,
}

impl<'a> Checks<'a> {
    /// Checks jobs on a fleet.
    #[must_use]
    pub fn new(fleet: &'a Fleet, jobs: &'a Prepared, bounds: Bounds) -> Self {
        let after = jobs.requests.iter().flat_map(|request| &request.after);
        Self {
            fleet,
            jobs,
            bounds,
            findings: Findings::default(),
            now: Time::ZERO,
            books: BTreeMap::new(),
            occupancy: Occupancy::new(fleet),
            meter: Meter::new(fleet),
            quotas: Quotas::new(fleet, &jobs.tenants),
            ranks: vec![0; fleet.nodes.len()],
            broke: Vec::new(),
            over: BTreeMap::new(),
            awaited: after.map(|job| (*job, None)).collect(),
        }
    }

    /// What was found until the end of the run.
    #[must_use]
    pub fn finish(mut self, now: Time) -> Findings {
        self.goes_on(now);
        for (job, book) in std::mem::take(&mut self.books) {
            if let (Book::Waiting(since), Some(request)) = (book, self.jobs.request(job)) {
                self.starvation(job, request, since);
            }
        }
        self.findings
    }

    fn found(&mut self, rule: Rule, job: Option<JobIdx>, message: impl Into<String>) {
        let job = job.map(|job| self.jobs.name(job).to_owned());
        self.findings.push(Finding { at: self.now, rule, job, message: message.into() });
    }

    /// What must hold before time goes on.
    fn goes_on(&mut self, now: Time) {
        if now < self.now {
            let message = format!("an event at {now} after one at {}", self.now);
            self.found(Rule::Order, None, message);
        }
        if now <= self.now {
            return;
        }
        for node in std::mem::take(&mut self.broke) {
            let ranks = self.ranks.get(number::index(node.0)).copied().unwrap_or(0);
            if ranks > 0 && !self.occupancy.is_up(node) {
                let message = format!("{ranks} ranks still run on node {}, which broke", node.0);
                self.found(Rule::Failure, None, message);
            }
        }
        self.now = now;
        self.overloads();
    }

    /// Feeders that have been above what they may carry for too long.
    fn overloads(&mut self) {
        let meter = &self.meter;
        let is_over = |feeder: FeederIdx| {
            meter.allowed(feeder).is_some_and(|most| meter.power(feeder) > most)
        };
        self.over.retain(|feeder, _| is_over(*feeder));
        let Some(grace) = self.bounds.power_grace else { return };
        let due = self.over.iter().find(|(_, since)| self.now > since.plus(grace));
        if let Some((feeder, since)) = due.map(|(feeder, since)| (*feeder, *since)) {
            self.over.remove(&feeder);
            let name = self.fleet.feeder(feeder).map_or("", |one| one.name.as_str());
            let message = format!("`{name}` has carried more than it may since {since}");
            self.found(Rule::Power, None, message);
        }
    }

    fn submitted(&mut self, job: JobIdx, request: &Request) {
        if self.now < request.submit {
            self.found(Rule::Order, Some(job), "it was submitted before its time");
        }
        if self.books.insert(job, Book::Waiting(self.now)).is_some() {
            self.found(Rule::Order, Some(job), "it was submitted twice");
        }
    }

    fn started(&mut self, job: JobIdx, request: &Request, shares: &[Share]) {
        match self.books.insert(job, Book::Running(shares.to_vec())) {
            Some(Book::Waiting(since)) => self.starvation(job, request, since),
            Some(Book::Running(_)) => self.found(Rule::Order, Some(job), "it was started twice"),
            None => self.found(Rule::Order, Some(job), "it was started before it was submitted"),
        }
        if let Some(other) = self.is_before(request) {
            let message = format!("it was started before `{}` had ended", self.jobs.name(other));
            self.found(Rule::Dependency, Some(job), message);
        }
        for (rule, message) in placement::check(self.fleet, request, shares) {
            self.found(rule, Some(job), message);
        }
        for share in shares {
            if let Err(message) = self.occupancy.take(request, share) {
                let message = format!("node {}: {message}", share.node.0);
                self.found(Rule::Capacity, Some(job), message);
            }
            let exists = self.fleet.node(share.node).is_some();
            if exists && !self.occupancy.is_up(share.node) {
                let message =
                    format!("it was started on node {}, which does not work", share.node.0);
                self.found(Rule::Failure, Some(job), message);
            }
            self.meter.add(request, share);
            self.count_rank(share.node, true);
        }
        if let Some(message) = self.quotas.change(request.tenant, shares, true) {
            self.found(Rule::Quota, Some(job), message);
        }
        self.power(job, shares);
    }

    /// No placement may load a feeder above what it may carry.
    fn power(&mut self, job: JobIdx, shares: &[Share]) {
        let mut racks: BTreeSet<RackIdx> = BTreeSet::new();
        for share in shares {
            let Some(rack) = self.fleet.node(share.node).map(|node| node.rack) else { continue };
            if !racks.insert(rack) {
                continue;
            }
            if let Some(feeder) = self.meter.overloaded(share.node) {
                let name = self.fleet.feeder(feeder).map_or("", |one| one.name.as_str());
                let watts = |mw: u64| number::grouped(mw / 1_000);
                let message = format!(
                    "`{name}` carries {} W of the {} W that it may",
                    watts(self.meter.power(feeder).0),
                    watts(self.meter.allowed(feeder).map_or(0, |most| most.0))
                );
                self.found(Rule::Power, Some(job), message);
                return;
            }
        }
    }

    /// A job that must have ended and has not.
    fn is_before(&self, request: &Request) -> Option<JobIdx> {
        let has_ended = |job: &JobIdx| self.awaited.get(job).is_some_and(Option::is_some);
        request.after.iter().copied().find(|job| !has_ended(job))
    }

    /// Counted from when the job could start: it was there, and nothing was left that it waits for.
    fn starvation(&mut self, job: JobIdx, request: &Request, since: Time) {
        let Some(most) = self.bounds.wait_max else { return };
        let ended = request.after.iter().map(|job| self.awaited.get(job).copied().flatten());
        let Some(free) = ended.collect::<Option<Vec<Time>>>() else { return };
        let since = free.into_iter().max().unwrap_or(Time::ZERO).max(since);
        let waited = self.now.since(since);
        if waited > most {
            let message = format!("it waited {waited}, at most {most}");
            self.found(Rule::Starvation, Some(job), message);
        }
    }

    fn released(&mut self, job: JobIdx, request: &Request) {
        let Some(Book::Running(shares)) = self.books.get(&job) else { return };
        let shares = shares.clone();
        for share in &shares {
            self.occupancy.give_back(request, share);
            self.meter.remove(request, share);
            self.count_rank(share.node, false);
        }
        self.quotas.change(request.tenant, &shares, false);
    }

    fn count_rank(&mut self, node: NodeIdx, is_more: bool) {
        if let Some(ranks) = self.ranks.get_mut(number::index(node.0)) {
            *ranks = if is_more { ranks.saturating_add(1) } else { ranks.saturating_sub(1) };
        }
    }

    fn preempted(&mut self, job: JobIdx, request: &Request) {
        self.released(job, request);
        match self.books.insert(job, Book::Waiting(self.now)) {
            Some(Book::Running(_)) => {}
            Some(Book::Waiting(_)) | None => {
                self.found(Rule::Order, Some(job), "it was preempted while it did not run");
            }
        }
    }

    fn ended(&mut self, job: JobIdx, request: &Request) {
        self.released(job, request);
        if self.books.remove(&job).is_none() {
            self.found(Rule::Order, Some(job), "it ended without having been submitted");
        }
        if let Some(ended) = self.awaited.get_mut(&job) {
            *ended = Some(self.now);
        }
    }
}

impl Observer for Checks<'_> {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        self.findings.events = self.findings.events.saturating_add(1);
        self.goes_on(now);
        let jobs = self.jobs;
        let mut known = |job: JobIdx| {
            let request = jobs.request(job);
            if request.is_none() {
                self.found(Rule::Order, None, format!("there is no job {}", job.0));
            }
            request
        };
        match *event {
            Event::Submitted { job } => {
                if let Some(request) = known(job) {
                    self.submitted(job, request);
                }
            }
            Event::Started { job, shares } => {
                if let Some(request) = known(job) {
                    self.started(job, request, shares);
                }
            }
            Event::Preempted { job, .. } => {
                if let Some(request) = known(job) {
                    self.preempted(job, request);
                }
            }
            Event::Ended { job, .. } => {
                if let Some(request) = known(job) {
                    self.ended(job, request);
                }
            }
            Event::NodeChanged { node, is_up } => {
                if self.occupancy.set_up(node, is_up) {
                    self.meter.node_changed(node, is_up);
                    if !is_up {
                        self.broke.push(node);
                    }
                }
            }
            Event::PowerAllowed { feeder, allowed } => {
                self.meter.set_allowed(feeder, allowed);
                if allowed.is_some_and(|most| self.meter.power(feeder) > most) {
                    self.over.entry(feeder).or_insert(now);
                }
            }
            Event::GpuCapped { site, class, cap } => self.meter.set_cap(site, class, cap),
            Event::JobCapped { shares, from, to, .. } => self.meter.cap_job(shares, from, to),
            Event::Sample(_) => {}
        }
    }
}
