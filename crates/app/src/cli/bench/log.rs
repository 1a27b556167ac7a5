//! `bench log`: entries a second with fsync, and the time until witnesses have made them final.

use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use crate::{
    cli::{exit::Exit, failure::Failure, interrupt, session::Session},
    load::{LogConfig, LogReport, log},
    output::table::{Table, left, right},
};

/// Entries a second into the log, and the time until witnesses have made them final
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench log --witnesses 3 --seconds 30
  cocarde bench log --seconds 10 --data ./load && cocarde audit verify ./load

Starts a platform of its own in a temporary folder, SQLite with an fsync for each batch, and witnesses as
processes of their own on loopback, each with an fsync for each cosignature. Callers report metered minutes
through the gateway's door, each after its last is durable. The log that it wrote is audited whole.")]
pub(crate) struct LogArgs {
    /// For how long
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Witnesses; more than half must agree
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=16))]
    witnesses: u32,
    /// Callers that each wait for their last entry
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    callers: u32,
    /// Keep the platform's data in this folder; a temporary one is removed at the end if absent
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &LogArgs, session: &Session) -> Result<Exit, Failure> {
    let asked = interrupt::flag_on_stop();
    let config = LogConfig {
        duration: Duration::from_secs(u64::from(args.seconds)),
        callers: args.callers,
        witnesses: args.witnesses,
        data: args.data.clone(),
    };
    let report = log::run(&config, &asked.stop)?;
    session.output.show(&report, || table(&report))?;
    if asked.stop.load(Ordering::Relaxed) {
        return Ok(asked.exit());
    }
    let is_good = report.audit.is_sound() && report.sizes_only_grew;
    Ok(if is_good { Exit::Ok } else { Exit::Failed })
}

fn table(report: &LogReport) -> Table {
    let mut table = Table::new(&[left("WHAT"), right("FIGURE")]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("entries, each with its fsync", report.entries.to_string());
    row("entries a second", format!("{:.0}", report.entries_per_s));
    row("witnesses, quorum", format!("{}, {}", report.witnesses, report.quorum));
    for (what, spread) in [
        ("submit to acknowledged", report.submit_to_acknowledged),
        ("acknowledged to final", report.acknowledged_to_final),
    ] {
        if let Some(spread) = spread {
            let figures = [spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms];
            let [p50, p95, p99, max] = figures.map(|ms| format!("{ms:.1}"));
            row(what, format!("p50 {p50}, p95 {p95}, p99 {p99}, max {max} ms"));
        }
    }
    row("final checkpoints", report.finals.to_string());
    row("longest time between two", format!("{} ms", report.final_gap_ms_max));
    row("sizes only grew", report.sizes_only_grew.to_string());
    let sound = if report.audit.is_sound() { "sound" } else { "NOT SOUND" };
    row(
        "audit of what was written",
        format!("{sound}, {} entries in {} ms", report.audit.entries, report.audit.took_ms),
    );
    table
}
