//! Everything that is kept of one run, for files and reports.

use super::{
    gauge::{Gauge, Point},
    histogram::Histogram,
    rackmap::LaneCurve,
    summary::Summary,
};
use crate::twin::{checkers::Findings, fleet::Fleet, number, time::Time};

/// Steps of a curve over time.
pub(super) const STEPS_MAX: usize = 1_440;

/// What is followed over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curves {
    /// GPUs in use, in thousandths.
    pub(crate) used_gpu_milli: Gauge,
    /// GPUs on nodes that work, in thousandths.
    pub(crate) up_gpu_milli: Gauge,
    /// GPUs kept for somebody, in thousandths.
    pub(crate) reserved_gpu_milli: Gauge,
    /// Processor in use, in thousandths of a core.
    pub(crate) used_cpu_milli: Gauge,
    /// Jobs waiting.
    pub(crate) waiting_jobs: Gauge,
    /// GPUs that they ask for, in thousandths.
    pub(crate) waiting_gpu_milli: Gauge,
    /// Jobs running.
    pub(crate) running_jobs: Gauge,
    /// Fragmentation, in millionths.
    pub(crate) fragmentation_ppm: Gauge,
    /// Facility power, in milliwatts.
    pub(crate) power_mw: Gauge,
    /// What it may be, in milliwatts; 0 where a site has no limit.
    pub(crate) allowed_mw: Gauge,
}

/// A run of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The figures.
    pub summary: Summary,
    /// What invariant checkers found.
    pub findings: Findings,
    /// What was followed over time.
    pub curves: Curves,
    /// Waits and completion times of all jobs, in milliseconds.
    pub(crate) all: Times,
    /// The same by class of size, those that occur.
    pub(crate) by_size: Vec<(&'static str, Times)>,
    /// The same by organisation.
    pub(crate) by_organisation: Vec<(String, Times)>,
    /// Finish-time fairness in thousandths.
    pub(crate) finish_times: Histogram,
    /// How busy racks were.
    pub(crate) racks: Vec<LaneCurve>,
}

/// Waits and completion times of some jobs, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// From submission to first start.
    pub(crate) waits: Histogram,
    /// From submission to end.
    pub(crate) completions: Histogram,
}

impl Curves {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let gauge = |value| Gauge::new(STEPS_MAX, value);
        Self {
            used_gpu_milli: gauge(0),
            up_gpu_milli: gauge(fleet.counts().gpus.saturating_mul(1_000)),
            reserved_gpu_milli: gauge(0),
            used_cpu_milli: gauge(0),
            waiting_jobs: gauge(0),
            waiting_gpu_milli: gauge(0),
            running_jobs: gauge(0),
            fragmentation_ppm: gauge(0),
            power_mw: gauge(0),
            allowed_mw: gauge(0),
        }
    }

    /// All with their names, in the order of the table of series.
    pub(crate) const fn named(&self) -> [(&'static str, &Gauge); 10] {
        [
            ("used_gpu_milli", &self.used_gpu_milli),
            ("up_gpu_milli", &self.up_gpu_milli),
            ("reserved_gpu_milli", &self.reserved_gpu_milli),
            ("used_cpu_milli", &self.used_cpu_milli),
            ("waiting_jobs", &self.waiting_jobs),
            ("waiting_gpu_milli", &self.waiting_gpu_milli),
            ("running_jobs", &self.running_jobs),
            ("fragmentation_ppm", &self.fragmentation_ppm),
            ("power_mw", &self.power_mw),
            ("allowed_mw", &self.allowed_mw),
        ]
    }

    /// Everything has been what it is until now.
    pub(super) fn advance(&mut self, now: Time) {
        let Self {
            used_gpu_milli,
            up_gpu_milli,
            reserved_gpu_milli,
            used_cpu_milli,
            waiting_jobs,
            waiting_gpu_milli,
            running_jobs,
            fragmentation_ppm,
            power_mw,
            allowed_mw,
        } = self;
        for gauge in [
            used_gpu_milli,
            up_gpu_milli,
            reserved_gpu_milli,
            used_cpu_milli,
            waiting_jobs,
            waiting_gpu_milli,
            running_jobs,
            fragmentation_ppm,
            power_mw,
            allowed_mw,
        ] {
            gauge.advance(now);
        }
    }
}

/// A curve with at most so many points: neighbours become their mean and their peak.
pub(crate) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let group = points.len().div_ceil(most.max(1)).max(1);
    let merged = points.chunks(group).map(|group| {
        let sum: u128 = group.iter().map(|point| u128::from(point.mean)).sum();
        Point {
            at: group.first().map_or(Time::ZERO, |point| point.at),
            mean: number::scale_wide(sum, 1, u128::from(number::count(group.len()))),
            peak: group.iter().map(|point| point.peak).max().unwrap_or(0),
        }
    });
    merged.collect()
}
