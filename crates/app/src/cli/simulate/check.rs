//! `simulate check`: random commands against the platform's state machine, with faults.

use serde_json::json;

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::{
        say,
        table::{Table, left, right, state},
    },
};

/// Most seeds of one command.
const SEEDS_MAX: u64 = 100_000;

/// Which seeds, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// First seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from the first one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// Steps of each run
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    steps: u64,
}

/// Runs the verb.
pub(super) fn run(args: &CheckArgs, session: &Session) -> Result<Exit, Failure> {
    let CheckArgs { seed, seeds, steps } = *args;
    say(&format!("simulating {seeds} seeds from {seed}, {steps} steps each, every seed twice"));
    let report = sim::check(seed..seed.saturating_add(seeds), steps);
    let outcomes: Vec<_> = report
        .outcomes
        .iter()
        .map(|one| {
            json!({
                "seed": one.seed, "ok": true, "trace": one.trace_digest, "entries": one.events,
                "accepted": one.accepted, "refused": one.rejected, "unanswered": one.unknown,
                "crashes": one.crashes, "placements": one.placements, "ended": one.ended,
            })
        })
        .chain(report.failures.iter().map(|one| {
            json!({ "seed": one.seed, "ok": false, "step": one.step, "message": one.message })
        }))
        .collect();
    session.output.show(&json!({ "items": outcomes, "ok": report.is_good() }), || {
        let columns = [right("SEED"), state("RESULT"), right("ENTRIES"), right("ACCEPTED")];
        let more = [right("REFUSED"), right("UNANSWERED"), right("CRASHES"), left("TRACE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &report.outcomes {
            table.row([
                one.seed.to_string(),
                "ok".to_owned(),
                one.events.to_string(),
                one.accepted.to_string(),
                one.rejected.to_string(),
                one.unknown.to_string(),
                one.crashes.to_string(),
                one.trace_digest.short(),
            ]);
        }
        for one in &report.failures {
            table.row([one.seed.to_string(), "fail".to_owned()]);
        }
        table
    })?;
    for failure in &report.failures {
        say(&failure.to_string());
    }
    Ok(if report.is_good() { Exit::Ok } else { Exit::Failed })
}
