//! The end of a run: every curve brought up to its end, every job that is left told, figures made.

use std::io;

use super::{
    OrganisationSummary, Outcome, SizeSummary, Summary,
    collector::Collector,
    fairness::jain_ppm,
    live::{JobRow, State},
    outcome::Times,
    sizes::SIZE_CLASSES,
    summary::FinishTimes,
};
use crate::twin::{
    checkers::Findings,
    events::Preemption,
    number,
    time::{HOUR_MICROS, Time},
};

/// A job above this, in thousandths, had less than its fair share (Shockwave, NSDI 2023).
const UNFAIR_MILLI: u64 = 1_050;

impl Collector<'_> {
    /// Ends the measuring at a time.
    ///
    /// # Errors
    /// The first error in writing rows of jobs.
    pub fn finish(mut self, now: Time, findings: Findings) -> io::Result<Outcome> {
        let mut longest_wait_ms = 0;
        for (job, live) in std::mem::take(&mut self.live) {
            let is_running = live.running_since.is_some();
            let (counter, state) = if is_running {
                (&mut self.counts.running, State::Running)
            } else {
                (&mut self.counts.waiting, State::Waiting)
            };
            *counter = counter.saturating_add(1);
            let submit = self.jobs.request(job).map_or(Time::ZERO, |request| request.submit);
            if live.first_start.is_none() {
                longest_wait_ms = longest_wait_ms.max(now.since(submit).0 / 1_000);
            }
            let (live, until, finish_milli) = (&live, now, None);
            self.rows.row(self.jobs, &JobRow { job, live, submit, until, state, finish_milli });
        }
        self.rows.finish()?;
        self.energy.advance(now);
        self.curves.advance(now);
        let mut summary = self.summary(now);
        summary.longest_wait_ms = summary.wait_ms.max.max(longest_wait_ms);
        Ok(Outcome {
            summary,
            findings,
            racks: self.racks.curves(now),
            curves: self.curves,
            all: self.all,
            by_size: SIZE_CLASSES.into_iter().zip(self.by_size).filter(occurs).collect(),
            by_organisation: self
                .organisations
                .names
                .into_iter()
                .zip(self.by_organisation)
                .collect(),
            finish_times: self.finish_times,
        })
    }

    fn summary(&mut self, now: Time) -> Summary {
        let span = u128::from(now.0.max(1));
        let gpus = u128::from(self.fleet.counts().gpus) * 1_000 * span;
        let cpus: u64 = self
            .fleet
            .nodes
            .iter()
            .filter_map(|node| self.fleet.kind(node.kind))
            .map(|kind| kind.cpu.0)
            .sum();
        let used = self.curves.used_gpu_milli.area();
        let part = |part: u128, whole: u128| number::scale_wide(part, 1_000_000, whole);
        let cause = |why: Preemption| match why {
            Preemption::Failure => "failure",
            Preemption::Priority => "priority",
            Preemption::Reclaim => "reclaim",
            Preemption::Power => "power",
            Preemption::Maintenance => "maintenance",
        };
        let (energy_by_site, energy) = self.energy.totals();
        let by_organisation = self.by_organisation(now);
        let services: Vec<u64> = by_organisation.iter().filter_map(|one| one.service_ppm).collect();
        let above = self.finish_times.above(UNFAIR_MILLI);
        Summary {
            policy: self.policy.clone(),
            span_ms: now.0 / 1_000,
            jobs: self.counts,
            preemptions: self.preemptions.iter().map(|(why, n)| (cause(*why), *n)).collect(),
            used_ppm: part(used, gpus),
            occupancy_ppm: part(used, self.curves.up_gpu_milli.area()),
            goodput_ppm: part(used.saturating_sub(self.lost), gpus),
            cpu_used_ppm: part(self.curves.used_cpu_milli.area(), u128::from(cpus) * span),
            fragmentation_ppm: self.curves.fragmentation_ppm.mean(),
            waiting_jobs_mean_milli: part(self.curves.waiting_jobs.area(), 1_000 * span),
            waiting_jobs_max: self.curves.waiting_jobs.peak(),
            waiting_gpus_mean_milli: self.curves.waiting_gpu_milli.mean(),
            wait_ms: self.all.waits.distribution(),
            longest_wait_ms: 0,
            completion_ms: self.all.completions.distribution(),
            by_size: by_size(&self.by_size),
            by_organisation,
            jain_ppm: jain_ppm(&services),
            finish_times: FinishTimes {
                milli: self.finish_times.distribution(),
                unfair_ppm: part(u128::from(above), u128::from(self.finish_times.count())),
            },
            // Thousandths of a GPU, microseconds of an hour, micro-euro to thousandths of a euro.
            charged_milli_eur: number::scale_wide(
                self.charged,
                1,
                1_000_000 * u128::from(HOUR_MICROS),
            ),
            energy,
            energy_by_site,
        }
    }

    fn by_organisation(&mut self, now: Time) -> Vec<OrganisationSummary> {
        let services = self.fairness.services_ppm(now);
        let got = self.fairness.got(now);
        let names = self.organisations.names.iter().zip(&self.by_organisation);
        let rows = names.zip(services).zip(got);
        rows.map(|(((name, times), service_ppm), got)| OrganisationSummary {
            organisation: name.clone(),
            wait_ms: times.waits.distribution(),
            completion_ms: times.completions.distribution(),
            gpu_milli_hours: number::scale_wide(got, 1, u128::from(HOUR_MICROS)),
            service_ppm,
        })
        .collect()
    }
}

/// True for a class of which a job started.
fn occurs((_, times): &(&'static str, Times)) -> bool {
    times.waits.count() > 0
}

fn by_size(times: &[Times; SIZE_CLASSES.len()]) -> Vec<SizeSummary> {
    let occurring = SIZE_CLASSES.into_iter().zip(times);
    let occurring = occurring.filter(|(_, times)| times.waits.count() > 0);
    let row = |(size, times): (&'static str, &Times)| SizeSummary {
        size,
        wait_ms: times.waits.distribution(),
        completion_ms: times.completions.distribution(),
    };
    occurring.map(row).collect()
}
