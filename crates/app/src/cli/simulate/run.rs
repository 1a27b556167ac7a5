//! `simulate run`: one list of jobs on one fleet, once for each policy, and the files that compare them.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use sim::twin::{
    Time,
    backend::{Backend, Input},
    checkers::Bounds,
    policies,
    results::{
        CDF_HEADER, Context, JOBS_HEADER, Outcome, SERIES_HEADER, Summary, cdf_rows, report,
        results_json, series_rows,
    },
    run::{self, RunError},
    workload::{Assumptions, Format},
};
use units::DurationMicros;

use super::{inputs, progress::JobsBar};
use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::{
        say,
        table::{Table, left, right, state},
    },
};

/// What to run, and where the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Fleet file
    #[arg(long, value_name = "FILE")]
    fleet: PathBuf,
    /// List of jobs, `.gz` or not; `-` for standard input; the data folder of a platform for its log
    #[arg(long, value_name = "FILE|DIR")]
    workload: PathBuf,
    /// Format of the list [default: recognised; see `simulate formats`]
    #[arg(long)]
    format: Option<Format>,
    /// Policy by name, or a file with the settings of one (`*.toml`); may be repeated to compare several
    #[arg(long, value_name = "NAME|FILE", value_parser = policy, default_value = policies::NAMES[0])]
    policy: Vec<String>,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Let nodes, racks and links fail as the fleet file says
    #[arg(long)]
    failures: bool,
    /// Stop after so much simulated time [default: with the last job]
    #[arg(long, value_name = "TIME")]
    horizon: Option<DurationMicros>,
    /// How long jobs run whose list does not say
    #[arg(long, value_name = "TIME", help_heading = "Assumptions")]
    assume_duration: Option<DurationMicros>,
    /// Take any GPU where the list names classes
    #[arg(long, help_heading = "Assumptions")]
    any_class: bool,
    /// Leave out jobs that the fleet can never run, instead of refusing the list
    #[arg(long, help_heading = "Assumptions")]
    skip_impossible: bool,
    /// Longest wait that a check allows
    #[arg(long, value_name = "TIME", help_heading = "Checks")]
    wait_max: Option<DurationMicros>,
    /// Pass everything through the platform's own state machine as well; takes several times as long
    #[arg(long, help_heading = "Checks")]
    through_platform: bool,
    /// Folder for results.json, jobs.csv, series.csv, cdf.csv and report.html
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &RunArgs, session: &Session) -> Result<Exit, Failure> {
    let fleet = inputs::fleet(&args.fleet)?;
    let workload = inputs::workload(&args.workload, args.format)?;
    say(&format!(
        "{} jobs read as `{}`, {} GPUs on {} nodes",
        workload.jobs.len(),
        workload.format,
        fleet.counts().gpus,
        fleet.counts().nodes
    ));
    let assumptions = Assumptions {
        unstated: args.assume_duration,
        any_class: args.any_class,
        skip_impossible: args.skip_impossible,
    };
    let jobs = workload.prepare(&fleet, &assumptions).map_err(|error| {
        inputs::invalid(&error).remedy(
            "see `cocarde simulate run --help` for what can be assumed: --assume-duration, --any-class, --skip-impossible",
        )
    })?;
    if jobs.skipped > 0 {
        say(&format!("{} jobs are left out: the fleet can never run them", jobs.skipped));
    }
    fs::create_dir_all(&args.out).map_err(|error| Failure::file("make", &args.out, &error))?;
    let horizon = args.horizon.map(|horizon| Time(horizon.0));
    let (seed, has_failures) = (args.seed, args.failures);
    let input = Input { fleet: &fleet, jobs: &jobs, seed, has_failures, horizon };
    let outcomes = outcomes(args, &input)?;
    let assumptions = &assumptions;
    let context = Context { fleet: &fleet, jobs: &jobs, assumptions, seed, has_failures };
    let results = results_json(&context, &outcomes);
    write(&args.out.join("results.json"), results.as_bytes())?;
    write(&args.out.join("report.html"), report::page(&context, &outcomes).as_bytes())?;
    tables(&args.out, &outcomes)?;
    let value: serde_json::Value = serde_json::from_str(&results).unwrap_or_default();
    session.output.show(&value, || table(&outcomes))?;
    for finding in outcomes.iter().flat_map(|outcome| outcome.findings.first.iter().take(5)) {
        say(&finding.to_string());
    }
    say(&format!("simulated; open `{}`", args.out.join("report.html").display()));
    let is_clean = outcomes.iter().all(|outcome| outcome.findings.is_clean());
    Ok(if is_clean { Exit::Ok } else { Exit::Failed })
}

/// A policy's name or file, as the command line has it.
fn policy(text: &str) -> Result<String, String> {
    if is_file(text) || policies::NAMES.contains(&text) {
        return Ok(text.to_owned());
    }
    let names = policies::NAMES.join("`, `");
    Err(format!("write one of `{names}`, or the path of a policy file that ends in `.toml`"))
}

fn is_file(policy: &str) -> bool {
    Path::new(policy).extension().is_some_and(|extension| extension == "toml")
}

fn backend(policy: &str) -> Result<Box<dyn Backend>, Failure> {
    if !is_file(policy) {
        let named = policies::named(policy);
        return named.ok_or_else(|| Failure::usage(format!("`{policy}` is no policy of the twin")));
    }
    inputs::policy(Path::new(policy)).map(|policy| Box::new(policy) as Box<dyn Backend>)
}

fn outcomes(args: &RunArgs, input: &Input<'_>) -> Result<Vec<Outcome>, Failure> {
    let path = args.out.join("jobs.csv");
    let unwritable = |error| Failure::file("write", &path, &error);
    let mut rows = BufWriter::new(File::create(&path).map_err(unwritable)?);
    rows.write_all(JOBS_HEADER.as_bytes()).map_err(unwritable)?;
    let mut outcomes = Vec::new();
    for name in &args.policy {
        let mut backend = backend(name)?;
        // First fit does nothing about a budget that falls; the platform's scheduler has two minutes:
        // half a minute to its next plan, half to let work go, and as much again.
        let is_ours = is_file(name) || policies::scheduled(name).is_some();
        let power_grace = is_ours.then(|| DurationMicros::from_secs(120));
        let through_platform = args.through_platform;
        let bounds = Bounds { wait_max: args.wait_max, power_grace, through_platform };
        let name = &backend.name().to_owned();
        let number = input.jobs.requests.len();
        let mut bar = JobsBar::start(name, u64::try_from(number).unwrap_or(u64::MAX));
        let started = Instant::now();
        let mut on_progress = |progress| {
            bar.show(progress);
            true
        };
        let outcome = run::run(backend.as_mut(), input, bounds, &mut rows, &mut on_progress);
        drop(bar);
        let outcome = outcome.map_err(|error| match error {
            RunError::Backend { .. } => Failure::invalid(error.to_string()),
            RunError::Rows(error) => unwritable(error),
        })?;
        let took = started.elapsed();
        let span = Time(outcome.summary.span_ms.saturating_mul(1_000));
        say(&format!("{name}: {span} of simulated time in {:.2} s", took.as_secs_f64()));
        outcomes.push(outcome);
    }
    rows.flush().map_err(unwritable)?;
    Ok(outcomes)
}

/// The tables that are small enough to be made in memory.
fn tables(folder: &Path, outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut series = SERIES_HEADER.as_bytes().to_vec();
    let mut cdf = CDF_HEADER.as_bytes().to_vec();
    for outcome in outcomes {
        // Writing to memory does not fail.
        let _ = series_rows(outcome, &mut series);
        let _ = cdf_rows(outcome, &mut cdf);
    }
    write(&folder.join("series.csv"), &series)?;
    write(&folder.join("cdf.csv"), &cdf)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Failure::file("write", path, &error))
}

/// The outcomes side by side.
pub(in crate::cli) fn table(outcomes: &[Outcome]) -> Table {
    let columns = [
        left("POLICY"),
        right("JOBS"),
        right("IN USE"),
        right("FRAGMENTED"),
        right("WAIT MEAN"),
        right("WAIT P99"),
        right("COMPLETION"),
        right("JAIN"),
        right("ENERGY"),
        right("COST"),
        right("CARBON"),
        state("CHECKS"),
    ];
    let mut table = Table::new(&columns);
    for outcome in outcomes {
        let Summary { policy, jobs, wait_ms, completion_ms, energy, .. } = &outcome.summary;
        let findings = outcome.findings.total();
        table.row([
            policy.clone(),
            format!("{}/{}", jobs.finished.saturating_add(jobs.timed_out), jobs.submitted),
            report::percent(outcome.summary.used_ppm),
            report::percent(outcome.summary.fragmentation_ppm),
            report::duration(wait_ms.mean),
            report::duration(wait_ms.p99),
            report::duration(completion_ms.mean),
            report::ratio_ppm(outcome.summary.jain_ppm),
            report::energy(energy.energy_milli_kwh),
            report::euro(energy.cost_milli_eur),
            report::carbon(energy.carbon_milli_g),
            if findings == 0 { "ok".to_owned() } else { format!("{findings} findings") },
        ]);
    }
    table.note("simulated: power, money and carbon are modelled from the fleet file")
}
