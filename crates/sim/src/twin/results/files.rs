//! The files of a run: a table of jobs, a table of series, and the figures as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{Outcome, Summary, gauge::Point, live::JobRow};
use crate::twin::{
    checkers::Findings,
    fleet::{Counts, Fleet},
    number,
    workload::{Assumptions, Prepared},
};

/// Columns of the table of jobs.
pub const JOBS_HEADER: &str = "policy,job,tenant,gpu_milli,nodes,submit_s,start_s,end_s,wait_s,completion_s,held_s,preemptions,state,finish_time_milli\n";

/// Columns of the table of series; `_max` is the peak within a step, the others are means.
pub const SERIES_HEADER: &str = "policy,time_s,used_gpu_milli,up_gpu_milli,reserved_gpu_milli,used_cpu_milli,waiting_jobs,waiting_gpu_milli,running_jobs,fragmentation_ppm,power_mw,allowed_mw,waiting_jobs_max,power_mw_max\n";

/// Columns of the table of distributions: so many jobs of a group have at most that value.
pub const CDF_HEADER: &str = "policy,group,name,metric,value_ms,jobs\n";

/// Version of the JSON's shape.
const SCHEMA: &str = "cocarde-twin/1";

/// Writes one row for each job, and remembers the first error.
pub(super) struct JobTable<'a> {
    policy: String,
    out: csv::Writer<&'a mut dyn Write>,
    error: Option<csv::Error>,
}

impl std::fmt::Debug for JobTable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JobTable of `{}`", self.policy)
    }
}

impl<'a> JobTable<'a> {
    pub(super) fn new(policy: &str, out: &'a mut dyn Write) -> Self {
        Self { policy: policy.to_owned(), out: csv::Writer::from_writer(out), error: None }
    }

    pub(super) fn row(&mut self, jobs: &Prepared, row: &JobRow<'_>) {
        let Some(request) = jobs.request(row.job) else { return };
        if self.error.is_some() {
            return;
        }
        let seconds = |micros: u64| number::seconds_text(micros);
        let live = row.live;
        let nodes = live.nodes.unwrap_or(request.nodes_min);
        let has_ended = matches!(row.state, super::live::State::Ended(_));
        let record = [
            self.policy.clone(),
            jobs.name(row.job).to_owned(),
            jobs.tenants.path(request.tenant).to_owned(),
            request.gpu_milli_total().to_string(),
            nodes.to_string(),
            seconds(row.submit.0),
            live.first_start.map(|at| seconds(at.0)).unwrap_or_default(),
            if has_ended { seconds(row.until.0) } else { String::new() },
            seconds(live.first_start.unwrap_or(row.until).since(row.submit).0),
            if has_ended { seconds(row.until.since(row.submit).0) } else { String::new() },
            seconds(live.held_until(row.until).0),
            live.preemptions.to_string(),
            row.state.as_str().to_owned(),
            row.finish_milli.map(|milli| milli.to_string()).unwrap_or_default(),
        ];
        self.error = self.out.write_record(&record).err();
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error.into()),
            None => self.out.flush(),
        }
    }
}

/// Writes the series of a run, one row for each step.
///
/// # Errors
/// Those of `out`.
pub fn series_rows(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let named = outcome.curves.named();
    let curves: Vec<Vec<Point>> = named.iter().map(|(_, gauge)| gauge.points()).collect();
    let peaks = ["waiting_jobs", "power_mw"];
    let steps = curves.first().map_or(0, Vec::len);
    for step in 0..steps {
        let points = || curves.iter().map(move |curve| curve.get(step).copied());
        let at = points().flatten().next().map_or(0, |point| point.at.0);
        write!(out, "{},{}", outcome.summary.policy, number::seconds_text(at))?;
        for point in points() {
            write!(out, ",{}", point.map_or(0, |point| point.mean))?;
        }
        for ((name, _), point) in named.iter().zip(points()) {
            if peaks.contains(name) {
                write!(out, ",{}", point.map_or(0, |point| point.peak))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the distributions of waits and completion times: of all jobs, of each class of size, of each
/// organisation.
///
/// # Errors
/// Those of `out`.
pub fn cdf_rows(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    let all = [("all", "all", &outcome.all)].into_iter();
    let sizes = outcome.by_size.iter().map(|(name, times)| ("size", *name, times));
    let organisations = outcome.by_organisation.iter();
    let organisations = organisations.map(|(name, times)| ("organisation", name.as_str(), times));
    for (group, name, times) in all.chain(sizes).chain(organisations) {
        for (metric, histogram) in [("wait", &times.waits), ("completion", &times.completions)] {
            for (value, jobs) in histogram.cumulative() {
                let (value, jobs) = (value.to_string(), jobs.to_string());
                let policy = outcome.summary.policy.as_str();
                table.write_record([policy, group, name, metric, &value, &jobs])?;
            }
        }
    }
    table.flush()
}

/// What was run, for the files of all policies.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// The jobs.
    pub jobs: &'a Prepared,
    /// What was assumed.
    pub assumptions: &'a Assumptions,
    /// The seed.
    pub seed: u64,
    /// True if things failed.
    pub has_failures: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    simulated: bool,
    fleet: FleetJson<'a>,
    workload: WorkloadJson<'a>,
    seed: u64,
    failures: bool,
    policies: Vec<PolicyJson<'a>>,
}

#[derive(Serialize)]
struct FleetJson<'a> {
    name: &'a str,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct WorkloadJson<'a> {
    file: &'a str,
    jobs: usize,
    tenants: usize,
    skipped: u64,
    duration_assumed: u64,
    gpus_rounded_up: u64,
    any_class: bool,
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    checks: &'a Findings,
}

impl<'a> PolicyJson<'a> {
    const fn of(outcome: &'a Outcome) -> Self {
        Self { summary: &outcome.summary, checks: &outcome.findings }
    }
}

/// The figures of all policies as JSON, with a line break at its end.
#[must_use]
pub fn results_json(context: &Context<'_>, outcomes: &[Outcome]) -> String {
    let jobs = context.jobs;
    let json = Json {
        schema: SCHEMA,
        simulated: true,
        fleet: FleetJson { name: &context.fleet.name, counts: context.fleet.counts() },
        workload: WorkloadJson {
            file: &jobs.file,
            jobs: jobs.requests.len(),
            tenants: jobs.tenants.paths().len(),
            skipped: jobs.skipped,
            duration_assumed: jobs.assumed,
            gpus_rounded_up: jobs.rounded,
            any_class: context.assumptions.any_class,
        },
        seed: context.seed,
        failures: context.has_failures,
        policies: outcomes.iter().map(PolicyJson::of).collect(),
    };
    let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
    text.push('\n');
    text
}
