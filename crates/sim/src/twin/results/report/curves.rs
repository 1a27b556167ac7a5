//! The drawings of a comparison: which curves, on which axes.

use super::{
    axis::{Axis, Unit},
    chart::{Chart, Curve, Line, stairs},
};
use crate::twin::{
    fleet::Fleet,
    number,
    results::{
        Outcome,
        gauge::{Gauge, Point},
        histogram::Histogram,
        outcome::{Curves, thinned},
    },
};

/// Points of a curve over time.
const POINTS_MAX: usize = 240;

/// What all drawings share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charts<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) outcomes: &'a [Outcome],
    /// The longest run, in microseconds.
    pub(super) end: u64,
}

/// One value over time.
struct Over<'a> {
    title: &'a str,
    about: &'a str,
    unit: Unit,
    gauge: fn(&Curves) -> &Gauge,
    /// Millionths of this, if shares are shown.
    whole: Option<u64>,
    value: fn(&Point) -> u64,
}

impl<'a> Charts<'a> {
    /// All drawings, in their order.
    pub(super) fn figures(&self) -> String {
        let mut text = String::new();
        for chart in [
            self.utilisation(),
            self.waiting(),
            self.waiting_gpus(),
            self.fragmentation(),
            self.distribution(
                "Waiting time",
                "share of jobs, by time from submission to first start",
                |outcome| &outcome.all.waits,
            ),
            self.distribution(
                "Completion time",
                "share of jobs, by time from submission to end",
                |outcome| &outcome.all.completions,
            ),
            self.power(),
            self.finish_times(),
        ]
        .into_iter()
        .flatten()
        {
            text.push_str(&chart.figure());
        }
        text
    }

    fn over(&self, over: &Over<'a>) -> Chart<'a> {
        let curve = |(policy, outcome): (usize, &'a Outcome)| {
            let points = thinned(&(over.gauge)(&outcome.curves).points(), POINTS_MAX);
            let value = |point: &Point| match over.whole {
                Some(whole) => number::scale((over.value)(point), 1_000_000, whole.max(1)),
                None => (over.value)(point),
            };
            let points: Vec<(u64, u64)> =
                points.iter().map(|point| (point.at.0, value(point))).collect();
            let end = outcome.summary.span_ms.saturating_mul(1_000);
            let name = outcome.summary.policy.as_str();
            Curve { name, line: Line::Policy(policy), points: stairs(&points, end) }
        };
        let curves: Vec<Curve<'a>> = self.outcomes.iter().enumerate().map(curve).collect();
        let largest = curves.iter().flat_map(|curve| &curve.points).map(|(_, up)| *up).max();
        let up = Axis::linear(largest.unwrap_or(0), over.unit);
        let across = Axis::Time { end: self.end };
        Chart { title: over.title, about: over.about, across, up, curves }
    }

    fn utilisation(&self) -> Option<Chart<'a>> {
        let gpus = self.fleet.counts().gpus.saturating_mul(1_000);
        if gpus == 0 {
            let cpus = self.fleet.nodes.iter().filter_map(|node| self.fleet.kind(node.kind));
            let whole = Some(cpus.map(|kind| kind.cpu.0).sum());
            return Some(self.over(&Over {
                title: "Processor in use",
                about: "share of all cores, by time of the run",
                unit: Unit::Percent,
                gauge: |curves| &curves.used_cpu_milli,
                whole,
                value: |point| point.mean,
            }));
        }
        let mut chart = self.over(&Over {
            title: "GPUs in use",
            about: "share of all GPUs, by time of the run; dotted: GPUs on nodes that work",
            unit: Unit::Percent,
            gauge: |curves| &curves.used_gpu_milli,
            whole: Some(gpus),
            value: |point| point.mean,
        });
        chart.up = Axis::Linear { end: 1_000_000, unit: Unit::Percent };
        if let Some(outcome) = self.outcomes.first() {
            let points = thinned(&outcome.curves.up_gpu_milli.points(), POINTS_MAX);
            let share = |point: &Point| (point.at.0, number::scale(point.mean, 1_000_000, gpus));
            let points: Vec<(u64, u64)> = points.iter().map(share).collect();
            let points = stairs(&points, outcome.summary.span_ms.saturating_mul(1_000));
            chart.curves.push(Curve {
                name: "GPUs on nodes that work",
                line: Line::Available,
                points,
            });
        }
        Some(chart)
    }

    fn waiting(&self) -> Option<Chart<'a>> {
        Some(self.over(&Over {
            title: "Jobs waiting",
            about: "number of jobs, most within each step, by time of the run",
            unit: Unit::Count,
            gauge: |curves| &curves.waiting_jobs,
            whole: None,
            value: |point| point.peak,
        }))
    }

    fn waiting_gpus(&self) -> Option<Chart<'a>> {
        let gpus = self.fleet.counts().gpus.saturating_mul(1_000);
        (gpus > 0).then(|| {
            self.over(&Over {
                title: "GPUs asked for by waiting jobs",
                about: "share of all GPUs, by time of the run; may be above 100%",
                unit: Unit::Percent,
                gauge: |curves| &curves.waiting_gpu_milli,
                whole: Some(gpus),
                value: |point| point.mean,
            })
        })
    }

    fn fragmentation(&self) -> Option<Chart<'a>> {
        let gpus = self.fleet.counts().gpus;
        (gpus > 0).then(|| {
            self.over(&Over {
                title: "Fragmentation",
                about: "free GPUs of no use to a job of this workload, share of all GPUs, by time",
                unit: Unit::Percent,
                gauge: |curves| &curves.fragmentation_ppm,
                whole: None,
                value: |point| point.mean,
            })
        })
    }

    fn power(&self) -> Option<Chart<'a>> {
        let mut chart = self.over(&Over {
            title: "Power against what is allowed",
            about: "facility power, modelled; peak within each step, by time of the run; dashed: allowed",
            unit: Unit::Power,
            gauge: |curves| &curves.power_mw,
            whole: None,
            value: |point| point.peak,
        });
        let outcome = self.outcomes.first()?;
        let points = thinned(&outcome.curves.allowed_mw.points(), POINTS_MAX);
        let points: Vec<(u64, u64)> = points.iter().map(|point| (point.at.0, point.mean)).collect();
        let highest = points.iter().map(|(_, up)| *up).max().unwrap_or(0);
        if highest > 0 {
            let drawn =
                chart.curves.iter().flat_map(|curve| &curve.points).map(|(_, up)| *up).max();
            chart.up = Axis::linear(highest.max(drawn.unwrap_or(0)), Unit::Power);
            let points = stairs(&points, outcome.summary.span_ms.saturating_mul(1_000));
            chart.curves.push(Curve { name: "allowed", line: Line::Limit, points });
        }
        Some(chart)
    }

    fn distribution(
        &self,
        title: &'a str,
        about: &'a str,
        of: fn(&Outcome) -> &Histogram,
    ) -> Option<Chart<'a>> {
        let axis = |largest| Axis::durations(largest);
        self.shares(title, about, of, &axis)
    }

    fn finish_times(&self) -> Option<Chart<'a>> {
        let about =
            "share of jobs, by completion time over that of a fair share; right of 1 is worse";
        let of: fn(&Outcome) -> &Histogram = |outcome| &outcome.finish_times;
        self.shares("Finish-time fairness", about, of, &|largest| Axis::ratios(largest))
    }

    fn shares(
        &self,
        title: &'a str,
        about: &'a str,
        of: fn(&Outcome) -> &Histogram,
        axis: &dyn Fn(u64) -> Axis,
    ) -> Option<Chart<'a>> {
        let curve = |(policy, outcome): (usize, &'a Outcome)| {
            let histogram = of(outcome);
            let all = histogram.count().max(1);
            let share = |(value, seen)| (value, number::scale(seen, 1_000_000, all));
            let points: Vec<(u64, u64)> = histogram.cumulative().into_iter().map(share).collect();
            let name = outcome.summary.policy.as_str();
            let start = points.first().map(|(value, _)| (*value, 0));
            let points: Vec<(u64, u64)> = start.into_iter().chain(points).collect();
            let end = points.last().map_or(0, |(value, _)| *value);
            Curve { name, line: Line::Policy(policy), points: stairs(&points, end) }
        };
        let curves: Vec<Curve<'a>> = self.outcomes.iter().enumerate().map(curve).collect();
        let largest =
            curves.iter().flat_map(|curve| &curve.points).map(|(value, _)| *value).max()?;
        let up = Axis::Linear { end: 1_000_000, unit: Unit::Percent };
        Some(Chart { title, about, across: axis(largest), up, curves })
    }
}
