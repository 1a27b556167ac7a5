//! Listens to a run and measures it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use units::DurationMicros;

use super::{
    energy::Energy,
    fairness::Fairness,
    files::JobTable,
    fragmentation::Fragmentation,
    histogram::Histogram,
    live::{JobRow, Live, State},
    organisations::Organisations,
    outcome::{Curves, Times},
    rackmap::RackMap,
    sizes::{SIZE_CLASSES, class_of},
    summary::JobCounts,
};
use crate::twin::{
    events::{Ending, Event, Observer, Preemption, Share},
    fleet::{Fleet, NodeIdx},
    number,
    occupancy::Occupancy,
    time::{SECOND_MICROS, Time},
    workload::{JobIdx, Prepared, Request},
};

/// Measures a run.
#[derive(Debug)]
pub struct Collector<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) jobs: &'a Prepared,
    pub(super) policy: String,
    pub(super) rows: JobTable<'a>,
    pub(super) live: BTreeMap<JobIdx, Live>,
    pub(super) organisations: Organisations,
    pub(super) counts: JobCounts,
    pub(super) preemptions: BTreeMap<Preemption, u64>,
    /// Thousandths of a GPU times microseconds.
    pub(super) lost: u128,
    /// Micro-euro times thousandths of a GPU times microseconds, over hours.
    pub(super) charged: u128,
    pub(super) all: Times,
    pub(super) by_size: [Times; SIZE_CLASSES.len()],
    pub(super) by_organisation: Vec<Times>,
    pub(super) finish_times: Histogram,
    pub(super) curves: Curves,
    pub(super) energy: Energy<'a>,
    pub(super) fairness: Fairness,
    pub(super) racks: RackMap,
    occupancy: Occupancy<'a>,
    fragmentation: Fragmentation,
    /// Not to be measured again before this time.
    fragmentation_due: Time,
}

impl<'a> Collector<'a> {
    /// Measures a run of a policy; writes one row for each job into `rows`, below [`super::JOBS_HEADER`].
    #[must_use]
    pub fn new(
        fleet: &'a Fleet,
        jobs: &'a Prepared,
        policy: &str,
        rows: &'a mut dyn Write,
    ) -> Self {
        let organisations = Organisations::new(jobs);
        let number = organisations.names.len();
        let energy = Energy::new(fleet);
        let mut curves = Curves::new(fleet);
        curves.power_mw.set(Time::ZERO, energy.power_mw());
        curves.allowed_mw.set(Time::ZERO, energy.allowed_mw().unwrap_or(0));
        Self {
            fleet,
            jobs,
            policy: policy.to_owned(),
            rows: JobTable::new(policy, rows),
            live: BTreeMap::new(),
            counts: JobCounts::default(),
            preemptions: BTreeMap::new(),
            lost: 0,
            charged: 0,
            all: Times::default(),
            by_size: std::array::from_fn(|_| Times::default()),
            by_organisation: vec![Times::default(); number],
            finish_times: Histogram::default(),
            fairness: Fairness::new(number, curves.up_gpu_milli.value()),
            curves,
            energy,
            racks: RackMap::new(fleet),
            occupancy: Occupancy::new(fleet),
            fragmentation: Fragmentation::new(fleet, jobs),
            fragmentation_due: Time::ZERO,
            organisations,
        }
    }

    /// What went wrong with writing rows, if anything did.
    ///
    /// # Errors
    /// The first error of the writer.
    pub fn rows_written(&mut self) -> io::Result<()> {
        self.rows.finish()
    }

    fn submitted(&mut self, now: Time, job: JobIdx, request: &Request) {
        self.counts.submitted = self.counts.submitted.saturating_add(1);
        let contention = self.fairness.contention(now);
        self.live.insert(job, Live::new(contention));
        self.starts_waiting(now, request);
    }

    fn starts_waiting(&mut self, now: Time, request: &Request) {
        let asked = request.gpu_milli_total();
        self.curves.waiting_jobs.add(now, 1);
        self.curves.waiting_gpu_milli.add(now, asked);
        self.fairness.waits(now, self.organisations.of(request.tenant), asked);
    }

    fn started(&mut self, now: Time, job: JobIdx, request: &Request, shares: &[Share]) {
        let Some(mut live) = self.live.remove(&job) else { return };
        let gpu_milli = shares.iter().map(Share::gpu_milli).sum();
        if live.first_start.is_none() {
            self.counts.started = self.counts.started.saturating_add(1);
            let wait = now.since(request.submit);
            self.each_times(request, |times| times.waits.add(wait.0 / 1_000));
        }
        live.first_start = live.first_start.or(Some(now));
        live.running_since = Some(now);
        live.shares = shares.to_vec();
        live.gpu_milli = gpu_milli;
        live.nodes = Some(number::small(number::count(shares.len())));
        self.live.insert(job, live);
        let asked = request.gpu_milli_total();
        self.curves.waiting_jobs.sub(now, 1);
        self.curves.waiting_gpu_milli.sub(now, asked);
        self.curves.running_jobs.add(now, 1);
        self.curves.used_gpu_milli.add(now, gpu_milli);
        self.curves.used_cpu_milli.add(now, cpu_milli(request, shares));
        self.fairness.runs(now, self.organisations.of(request.tenant), asked, gpu_milli);
        self.energy.advance(now);
        for share in shares {
            let before = self.occupancy.free(share.node);
            // Checkers report what exceeds a node; here it is only counted.
            let _ = self.occupancy.take(request, share);
            let after = self.occupancy.free(share.node);
            self.fragmentation.changed(self.fleet, share.node, before, after);
            self.energy.meter.add(request, share);
            self.racks.used(self.fleet, now, share.node, share.gpu_milli(), true);
        }
        self.power_changed(now);
    }

    /// A job lets go of what it has. `None` if it was not running.
    fn stops(&mut self, now: Time, request: &Request, live: &mut Live) -> Option<DurationMicros> {
        let run = now.since(live.running_since.take()?);
        live.held = live.held.saturating_add(run);
        let shares = std::mem::take(&mut live.shares);
        self.curves.running_jobs.sub(now, 1);
        self.curves.used_gpu_milli.sub(now, live.gpu_milli);
        self.curves.used_cpu_milli.sub(now, cpu_milli(request, &shares));
        self.fairness.stops(now, self.organisations.of(request.tenant), live.gpu_milli);
        self.energy.advance(now);
        for share in &shares {
            let before = self.occupancy.free(share.node);
            self.occupancy.give_back(request, share);
            let after = self.occupancy.free(share.node);
            self.fragmentation.changed(self.fleet, share.node, before, after);
            self.energy.meter.remove(request, share);
            self.racks.used(self.fleet, now, share.node, share.gpu_milli(), false);
            self.charge(share, run);
        }
        self.power_changed(now);
        Some(run)
    }

    fn charge(&mut self, share: &Share, run: DurationMicros) {
        let class = self.fleet.kind_of(share.node).and_then(|kind| kind.class);
        let class = class.and_then(|class| self.fleet.classes.get(number::index(class.0)));
        let price = class.map_or(0, |class| u64::try_from(class.price_hour.0).unwrap_or(0));
        let time = u128::from(share.gpu_milli()) * u128::from(run.0);
        self.charged += time * u128::from(price);
    }

    fn preempted(&mut self, now: Time, job: JobIdx, request: &Request, lost: DurationMicros) {
        let Some(mut live) = self.live.remove(&job) else { return };
        if let Some(run) = self.stops(now, request, &mut live) {
            self.lost += u128::from(live.gpu_milli) * u128::from(lost.min(run).0);
            live.preemptions = live.preemptions.saturating_add(1);
            self.starts_waiting(now, request);
        }
        self.live.insert(job, live);
    }

    fn ended(&mut self, now: Time, job: JobIdx, request: &Request, how: Ending) {
        let Some(mut live) = self.live.remove(&job) else { return };
        if self.stops(now, request, &mut live).is_none() {
            let asked = request.gpu_milli_total();
            self.curves.waiting_jobs.sub(now, 1);
            self.curves.waiting_gpu_milli.sub(now, asked);
            self.fairness.gives_up(now, self.organisations.of(request.tenant), asked);
        }
        let counter = match how {
            Ending::Finished => &mut self.counts.finished,
            Ending::TimedOut => &mut self.counts.timed_out,
            Ending::Cancelled => &mut self.counts.cancelled,
        };
        *counter = counter.saturating_add(1);
        let completion = now.since(request.submit);
        let mut finish_milli = None;
        if how != Ending::Cancelled {
            self.each_times(request, |times| times.completions.add(completion.0 / 1_000));
        }
        if how == Ending::Finished {
            let is_late = request.deadline.is_some_and(|deadline| now > deadline);
            self.counts.late = self.counts.late.saturating_add(u64::from(is_late));
            let milli = self.finish_time_milli(now, &live, completion);
            self.finish_times.add(milli);
            finish_milli = Some(milli);
        }
        let state = State::Ended(how);
        let (live, submit, until) = (&live, request.submit, now);
        self.rows.row(self.jobs, &JobRow { job, live, submit, until, state, finish_milli });
    }

    /// Completion time over held time under the mean contention since submission; 1 for no time at all.
    fn finish_time_milli(&mut self, now: Time, live: &Live, completion: DurationMicros) -> u64 {
        let contention = self.fairness.contention(now).saturating_sub(live.contention);
        let completion = u128::from(completion.0);
        // completion / (held × contention / completion), contention being in thousandths.
        let ideal = u128::from(live.held.0).saturating_mul(contention);
        if ideal == 0 {
            1_000
        } else {
            number::scale_wide(completion * completion, 1_000_000, ideal)
        }
    }

    fn node_changed(&mut self, now: Time, node: NodeIdx, is_up: bool) {
        let before = self.occupancy.free(node);
        if !self.occupancy.set_up(node, is_up) {
            return;
        }
        let after = self.occupancy.free(node);
        self.fragmentation.changed(self.fleet, node, before, after);
        let gpus = self.fleet.kind_of(node).map_or(0, |kind| u64::from(kind.gpus));
        let up = &mut self.curves.up_gpu_milli;
        if is_up {
            up.add(now, gpus * 1_000)
        } else {
            up.sub(now, gpus * 1_000)
        }
        let capacity = up.value();
        self.fairness.capacity(now, capacity);
        self.racks.down(self.fleet, now, node, is_up);
        self.energy.advance(now);
        self.energy.meter.node_changed(node, is_up);
        self.power_changed(now);
    }

    fn power_changed(&mut self, now: Time) {
        self.energy.refresh();
        self.curves.power_mw.set(now, self.energy.power_mw());
        self.curves.allowed_mw.set(now, self.energy.allowed_mw().unwrap_or(0));
    }

    /// Measured at most once in a second, and rarer as curves get coarser.
    fn measure_fragmentation(&mut self, now: Time) {
        if now < self.fragmentation_due {
            return;
        }
        self.curves.fragmentation_ppm.set(now, self.fragmentation.ppm());
        let pause = (now.0 / 4_096).max(SECOND_MICROS);
        self.fragmentation_due = now.plus(DurationMicros(pause));
    }

    fn each_times(&mut self, request: &Request, act: impl Fn(&mut Times)) {
        act(&mut self.all);
        if let Some(times) = self.by_size.get_mut(class_of(request.gpu_milli_total())) {
            act(times);
        }
        let organisation = self.organisations.of(request.tenant);
        if let Some(times) = self.by_organisation.get_mut(organisation) {
            act(times);
        }
    }
}

/// Processor of all ranks.
fn cpu_milli(request: &Request, shares: &[Share]) -> u64 {
    request.cpu.0.saturating_mul(number::count(shares.len()))
}

impl Observer for Collector<'_> {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        // A job that the list does not have is the checkers' to report.
        let jobs = self.jobs;
        let request = |job: JobIdx| jobs.request(job);
        match *event {
            Event::Submitted { job } => {
                if let Some(request) = request(job) {
                    self.submitted(now, job, request);
                }
            }
            Event::Started { job, shares } => {
                if let Some(request) = request(job) {
                    self.started(now, job, request, shares);
                }
            }
            Event::Preempted { job, why, lost } => {
                let count = self.preemptions.entry(why).or_default();
                *count = count.saturating_add(1);
                if let Some(request) = request(job) {
                    self.preempted(now, job, request, lost);
                }
            }
            Event::Ended { job, how } => {
                if let Some(request) = request(job) {
                    self.ended(now, job, request, how);
                }
            }
            Event::NodeChanged { node, is_up } => self.node_changed(now, node, is_up),
            Event::PowerAllowed { feeder, allowed } => {
                self.energy.advance(now);
                self.energy.meter.set_allowed(feeder, allowed);
                self.power_changed(now);
            }
            Event::GpuCapped { site, class, cap } => {
                self.energy.advance(now);
                self.energy.meter.set_cap(site, class, cap);
                self.power_changed(now);
            }
            Event::JobCapped { shares, from, to, .. } => {
                self.energy.advance(now);
                self.energy.meter.cap_job(shares, from, to);
                self.power_changed(now);
            }
            Event::Sample(gauges) => {
                self.curves.reserved_gpu_milli.set(now, gauges.reserved_gpu_milli);
            }
        }
        self.measure_fragmentation(now);
    }
}
