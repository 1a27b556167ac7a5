//! `bench jobs`: the whole platform under a steady load of small jobs.

use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use units::DurationMicros;

use crate::{
    cli::{exit::Exit, failure::Failure, interrupt, session::Session},
    load::{self, Config, Report},
    output::table::{Table, left, right},
};

/// Jobs a second through API, log and planner, on a fleet of simulated nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench jobs --rate 2000 --duration 60s
  cocarde bench jobs --data ./load && cocarde audit verify --data ./load

Starts a platform of its own in a temporary folder: HTTP on loopback, SQLite with an fsync for each
batch, the planner. Only the nodes are simulated: they accept work and report its end, and nothing
runs on them. Jobs of one GPU are submitted at the given rate whether earlier ones were answered or
not; latencies count from when a job was due.")]
pub(crate) struct JobsArgs {
    /// Jobs submitted each second
    #[arg(long, value_name = "JOBS", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// For how long
    #[arg(long, value_name = "TIME", default_value = "30s")]
    duration: DurationMicros,
    /// How long each job runs on its simulated node
    #[arg(long, value_name = "TIME", default_value = "10s")]
    job_duration: DurationMicros,
    /// HTTP connections
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    connections: u32,
    /// Projects that submit in turn
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    projects: u32,
    /// Simulated nodes
    #[arg(long, default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,
    /// Simulated GPUs of each node
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    gpus: u32,
    /// Racks in which the nodes stand
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    racks: u32,
    /// Keep the platform's data in this folder; a temporary one is removed at the end if absent
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &JobsArgs, session: &Session) -> Result<Exit, Failure> {
    let asked = interrupt::flag_on_stop();
    let config = Config {
        rate: args.rate,
        duration: Duration::from_micros(args.duration.0),
        job_duration: Duration::from_micros(args.job_duration.0),
        connections: args.connections,
        projects: args.projects,
        nodes: args.nodes,
        gpus: args.gpus,
        racks: args.racks.min(args.nodes),
        data: args.data.clone(),
    };
    let report = load::run(&config, &asked.stop)?;
    session.output.show(&report, || table(&report))?;
    if asked.stop.load(Ordering::Relaxed) {
        return Ok(asked.exit());
    }
    match &report.failure {
        Some(failure) => Err(Failure::new(Exit::Failed, failure.clone())),
        None => Ok(if report.complete { Exit::Ok } else { Exit::Failed }),
    }
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&[left("WHAT"), right("FIGURE")]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("jobs submitted", format!("{} of one GPU", report.submitted));
    row("jobs refused", report.refused.to_string());
    row("jobs placed / ended", format!("{} / {}", report.placed, report.ended));
    row("asked for", format!("{} jobs/s", report.rate_per_s));
    row("submitted", format!("{:.0} jobs/s", report.submitted_per_s));
    row("placed", format!("{:.0} jobs/s", report.placed_per_s));
    for (what, spread) in [
        ("submit to answer", report.submit_to_answer),
        ("submit to placed", report.submit_to_placed),
    ] {
        let Some(spread) = spread else { continue };
        let (p50, p95, p99, max) = (spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms);
        row(&format!("{what}, p50"), format!("{p50:.1} ms"));
        row(&format!("{what}, p95"), format!("{p95:.1} ms"));
        row(&format!("{what}, p99"), format!("{p99:.1} ms"));
        row(&format!("{what}, longest"), format!("{max:.1} ms"));
    }
    row("log", format!("{} entries, {:.0}/s", report.entries, report.entries_per_s));
    row("log on disk", mib(report.log_bytes));
    row("memory before", mib(report.resident_before_bytes));
    row("memory after", mib(report.resident_after_bytes));
    row("memory per 10,000 jobs", mib(report.resident_growth_per_10000_jobs_bytes));
    for (part, ms) in &report.cpu_ms {
        row(&format!("processor time, {part}"), format!("{}.{:03} s", ms / 1_000, ms % 1_000));
    }
    row("the platform's processor time", format!("{} µs a job", report.platform_cpu_us_per_job));
    row("closing, with a snapshot", format!("{} ms", report.close_ms));
    let (nodes, gpus, racks) =
        (report.simulated_nodes, report.simulated_gpus, report.simulated_racks);
    table.note(format!(
        "{nodes} simulated nodes with {gpus} virtual GPUs in {racks} racks; API, log, planner and fsync are real"
    ))
}

#[expect(clippy::cast_precision_loss, reason = "shown to people with one decimal")]
fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1_u32 << 20))
}
