//! The event loop of first fit: at each time everything that ends, is repaired, changes, breaks and
//! arrives, in this order, and then one pass over the waiting jobs.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    iter::Peekable,
};

use units::DurationMicros;

use super::{nodes::Nodes, place::place};
use crate::twin::{
    backend::{Input, Progress},
    events::{Ending, Event, Observer, Preemption, Share},
    failures::{Broken, Outage, Outages},
    fleet::NodeIdx,
    number,
    power::Meter,
    quotas::Quotas,
    time::Time,
    workload::{JobIdx, Request},
};

/// Steps between two calls of progress.
const PROGRESS_STEPS: u64 = 1_024;
/// Repairs after which waiting jobs are given up, if nothing runs and nothing more arrives.
const IDLE_REPAIRS_MAX: u64 = 100;

/// A job with nodes.
#[derive(Debug)]
struct Running {
    since: Time,
    shares: Vec<Share>,
    /// Told apart from an earlier start of the same job.
    start: u64,
}

/// What will happen, in the order in which it happens at equal times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Release(JobIdx, u64),
    Repair(Broken),
}

/// One run.
pub(super) struct Run<'a> {
    input: &'a Input<'a>,
    observer: &'a mut dyn Observer,
    tries_max: usize,
    nodes: Nodes<'a>,
    meter: Meter<'a>,
    quotas: Quotas<'a>,
    due: BinaryHeap<Reverse<(Time, Due)>>,
    outages: Option<Peekable<Outages>>,
    waiting: BTreeSet<(Reverse<i32>, JobIdx)>,
    running: BTreeMap<JobIdx, Running>,
    /// Jobs that wait for others: how many are left, by job; and who waits, by other job.
    blocked: BTreeMap<JobIdx, usize>,
    blocks: BTreeMap<JobIdx, Vec<JobIdx>>,
    /// Work done before the present start.
    done: BTreeMap<JobIdx, DurationMicros>,
    arrived: u32,
    power_events: usize,
    starts: u64,
    ended: u64,
    idle_repairs: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        input: &'a Input<'a>,
        observer: &'a mut dyn Observer,
        tries_max: usize,
    ) -> Self {
        let outages = input.has_failures.then(|| Outages::new(input.fleet, input.seed).peekable());
        let mut blocks: BTreeMap<JobIdx, Vec<JobIdx>> = BTreeMap::new();
        let mut blocked = BTreeMap::new();
        for (job, request) in input.jobs.jobs().filter(|(_, request)| !request.after.is_empty()) {
            blocked.insert(job, request.after.len());
            for other in &request.after {
                blocks.entry(*other).or_default().push(job);
            }
        }
        Self {
            input,
            observer,
            tries_max,
            nodes: Nodes::new(input.fleet),
            meter: Meter::new(input.fleet),
            quotas: Quotas::new(input.fleet, &input.jobs.tenants),
            due: BinaryHeap::new(),
            outages,
            waiting: BTreeSet::new(),
            running: BTreeMap::new(),
            blocked,
            blocks,
            done: BTreeMap::new(),
            arrived: 0,
            power_events: 0,
            starts: 0,
            ended: 0,
            idle_repairs: 0,
        }
    }

    /// Runs until nothing is left that could happen; gives the time of the last event.
    pub(super) fn until_end(mut self, progress: &mut dyn FnMut(Progress) -> bool) -> Time {
        let mut now = Time::ZERO;
        for step in 0_u64.. {
            let Some(next) = self.next_time() else { break };
            if self.input.horizon.is_some_and(|horizon| next > horizon) {
                now = self.input.horizon.unwrap_or(next);
                break;
            }
            now = next;
            self.step(now);
            let is_due = step.is_multiple_of(PROGRESS_STEPS);
            if is_due && !progress(Progress { now, ended: self.ended }) {
                break;
            }
        }
        now
    }

    fn next_time(&mut self) -> Option<Time> {
        let arrival = self.input.jobs.request(JobIdx(self.arrived)).map(|request| request.submit);
        let power = self.input.fleet.power_events.get(self.power_events).map(|event| event.at);
        let due = self.due.peek().map(|Reverse((time, _))| *time);
        let is_idle = arrival.is_none() && self.running.is_empty();
        // Broken things go on breaking for ever. Alone they count only while a repair or more power may
        // let a waiting job start, and not without end.
        let is_over = is_idle
            && (self.waiting.is_empty()
                || (due.is_none() && power.is_none())
                || self.idle_repairs > IDLE_REPAIRS_MAX);
        if is_over {
            return None;
        }
        let outage = self.outages.as_mut().and_then(|outages| outages.peek().map(|next| next.at));
        [arrival, due, power, outage].into_iter().flatten().min()
    }

    fn step(&mut self, now: Time) {
        let mut is_freed = false;
        while let Some(Reverse((time, due))) = self.due.peek().copied() {
            if time > now {
                break;
            }
            self.due.pop();
            match due {
                Due::Release(job, start) => is_freed |= self.release(now, job, start),
                Due::Repair(broken) => {
                    self.set_broken(now, broken, false);
                    self.idle_repairs = self.idle_repairs.saturating_add(1);
                    is_freed = true;
                }
            }
        }
        while let Some(event) = self.input.fleet.power_events.get(self.power_events) {
            if event.at > now {
                break;
            }
            self.power_events += 1;
            self.meter.set_allowed(event.feeder, event.allowed);
            let (feeder, allowed) = (event.feeder, event.allowed);
            self.observer.observe(now, &Event::PowerAllowed { feeder, allowed });
            is_freed = true;
        }
        while let Some(outage) = self.next_outage(now) {
            self.set_broken(now, outage.what, true);
            if outage.until < Time::NEVER {
                self.due.push(Reverse((outage.until, Due::Repair(outage.what))));
            }
        }
        let first = JobIdx(self.arrived);
        while let Some(request) = self.input.jobs.request(JobIdx(self.arrived)) {
            if request.submit > now {
                break;
            }
            let job = JobIdx(self.arrived);
            self.arrived = self.arrived.saturating_add(1);
            self.observer.observe(now, &Event::Submitted { job });
            if !self.blocked.contains_key(&job) {
                self.waiting.insert((Reverse(request.priority), job));
            }
        }
        self.pass(now, if is_freed { None } else { Some(first) });
    }

    fn next_outage(&mut self, now: Time) -> Option<Outage> {
        self.outages.as_mut()?.next_if(|outage| outage.at <= now)
    }

    /// Tries the waiting jobs; those before `since` cannot fit if nothing became free.
    fn pass(&mut self, now: Time, since: Option<JobIdx>) {
        let mut tries = 0;
        let mut failed: BTreeSet<(u32, u32, u32, u64)> = BTreeSet::new();
        let waiting: Vec<JobIdx> =
            self.waiting.iter().take(self.tries_max.max(256)).map(|(_, job)| *job).collect();
        for job in waiting {
            let Some(request) = self.input.jobs.request(job) else { continue };
            let shape = (request.nodes_min, request.gpus, request.gpu_milli, request.classes.0);
            let is_hopeless = since.is_some_and(|since| job < since) || failed.contains(&shape);
            if !is_hopeless && self.start(now, job, request) {
                continue;
            }
            failed.insert(shape);
            tries += 1;
            if tries >= self.tries_max {
                break;
            }
        }
    }

    fn start(&mut self, now: Time, job: JobIdx, request: &Request) -> bool {
        if !self.quotas.allows(request) {
            return false;
        }
        let placed = place(self.input.fleet, &self.nodes, &mut self.meter, request);
        let Some(shares) = placed else { return false };
        for share in &shares {
            self.nodes.change(share, request, true);
        }
        self.quotas.change(request.tenant, &shares, true);
        self.waiting.remove(&(Reverse(request.priority), job));
        self.observer.observe(now, &Event::Started { job, shares: &shares });
        self.idle_repairs = 0;
        self.starts += 1;
        let start = self.starts;
        let left = self.left(job, request);
        let held = request.limit.map_or(left, |limit| limit.min(left));
        self.due.push(Reverse((now.plus(held), Due::Release(job, start))));
        self.running.insert(job, Running { since: now, shares, start });
        true
    }

    fn left(&self, job: JobIdx, request: &Request) -> DurationMicros {
        let done = self.done.get(&job).copied().unwrap_or_default();
        DurationMicros(request.run.0.saturating_sub(done.0))
    }

    /// A job lets go of its nodes, if it still runs as it did when this was planned.
    fn release(&mut self, now: Time, job: JobIdx, start: u64) -> bool {
        if self.running.get(&job).is_none_or(|running| running.start != start) {
            return false;
        }
        let (Some(request), Some(running)) =
            (self.input.jobs.request(job), self.running.remove(&job))
        else {
            return false;
        };
        self.give_back(request, &running.shares);
        let is_done = now.since(running.since) >= self.left(job, request);
        let how = if is_done { Ending::Finished } else { Ending::TimedOut };
        self.observer.observe(now, &Event::Ended { job, how });
        self.done.remove(&job);
        self.ended = self.ended.saturating_add(1);
        for other in self.blocks.remove(&job).unwrap_or_default() {
            self.unblock(other);
        }
        true
    }

    fn unblock(&mut self, job: JobIdx) {
        let Some(left) = self.blocked.get_mut(&job) else { return };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return;
        }
        self.blocked.remove(&job);
        let priority = self.input.jobs.request(job).map_or(0, |request| request.priority);
        if job.0 < self.arrived {
            self.waiting.insert((Reverse(priority), job));
        }
    }

    fn give_back(&mut self, request: &Request, shares: &[Share]) {
        for share in shares {
            self.nodes.change(share, request, false);
            self.meter.remove(request, share);
        }
        self.quotas.change(request.tenant, shares, false);
    }

    /// Something breaks or is repaired.
    fn set_broken(&mut self, now: Time, broken: Broken, is_broken: bool) {
        match broken {
            Broken::Node(node) => self.set_down(now, node, is_broken),
            Broken::Rack(rack) => {
                for node in self.input.fleet.nodes_of(rack) {
                    self.set_down(now, node, is_broken);
                }
            }
            Broken::Nvlink(index) => {
                let Some(domain) = self.nodes.domains.get_mut(number::index(index)) else { return };
                let suspect = domain.suspect;
                let by = if is_broken { u32::saturating_add } else { u32::saturating_sub };
                domain.suspect = by(suspect, 1);
                if is_broken {
                    let nodes = domain.first..domain.first.saturating_add(domain.nodes);
                    self.preempt(now, |shares| {
                        shares.len() > 1 && shares.iter().any(|s| nodes.contains(&s.node.0))
                    });
                }
            }
        }
    }

    fn set_down(&mut self, now: Time, node: NodeIdx, is_down: bool) {
        if !self.nodes.set_down(node, is_down) {
            return;
        }
        self.meter.node_changed(node, !is_down);
        self.observer.observe(now, &Event::NodeChanged { node, is_up: !is_down });
        if is_down {
            self.preempt(now, |shares| shares.iter().any(|share| share.node == node));
        }
    }

    /// Sends jobs back to the queue; what they did since their last checkpoint is lost.
    fn preempt(&mut self, now: Time, is_hit: impl Fn(&[Share]) -> bool) {
        let hit = self.running.iter().filter(|(_, running)| is_hit(&running.shares));
        let hit: Vec<JobIdx> = hit.map(|(job, _)| *job).collect();
        for job in hit {
            let (Some(request), Some(running)) =
                (self.input.jobs.request(job), self.running.remove(&job))
            else {
                continue;
            };
            self.give_back(request, &running.shares);
            let run = now.since(running.since);
            let kept = request.checkpoint.map_or(0, |every| run.0 / every.0.max(1) * every.0);
            let lost = DurationMicros(run.0.saturating_sub(kept));
            let done = self.done.entry(job).or_default();
            *done = done.saturating_add(DurationMicros(kept));
            let why = Preemption::Failure;
            self.observer.observe(now, &Event::Preempted { job, why, lost });
            self.waiting.insert((Reverse(request.priority), job));
        }
    }
}
