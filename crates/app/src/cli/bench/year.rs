//! `bench year`: the twin on 36,000 GPUs with a generated list, timed. All but the times is simulated.

use std::{io, time::Instant};

use serde_json::{Value, json};
use sim::twin::{
    backend::Input,
    checkers::Bounds,
    fleet::{self, Fleet},
    generate::{self, Parameters},
    policies,
    results::Outcome,
    run,
    workload::Assumptions,
};
use units::DurationMicros;

use crate::{
    cli::{
        exit::Exit,
        failure::Failure,
        interrupt,
        session::Session,
        simulate::{self, Load},
    },
    output::say,
};

/// 36,000 GPUs on 9,000 trays in 500 racks.
const FLEET_NAME: &str = "superchips-18000.toml";
const FLEET: &str = include_str!("../../../../../examples/fleets/superchips-18000.toml");
/// A year has so many jobs, and fewer jobs are a shorter time.
const JOBS_OF_A_YEAR: u64 = 1_000_000;
const YEAR_SECS: u64 = 365 * 86_400;

/// The twin: a year of jobs on 36,000 simulated GPUs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench year
  cocarde bench year --jobs 20000 --policy cocarde --policy first-fit -o json

The list is generated with a fleet-like mix and seed 1; nodes and racks fail as
`examples/fleets/superchips-18000.toml` says, and every invariant is checked. Simulated, but for how
long it took.")]
pub(crate) struct YearArgs {
    /// How many jobs; a million are a year, fewer are as much less time
    #[arg(long, default_value_t = JOBS_OF_A_YEAR, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    jobs: u64,
    /// GPU time asked for, as a part of what the fleet has
    #[arg(long, default_value = "0.7")]
    load: Load,
    /// Policy; may be repeated to compare several
    #[arg(long, value_parser = policies::NAMES, default_value = policies::NAMES[0])]
    policy: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(args: &YearArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    let no_files = |path: &str| Err(io::Error::other(format!("`{path}` is not read here")));
    let fleet = fleet::parse(FLEET_NAME, FLEET, &no_files);
    let fleet = fleet.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let horizon = YEAR_SECS.saturating_mul(args.jobs) / JOBS_OF_A_YEAR;
    let horizon = DurationMicros::from_secs(horizon.max(1));
    let Load(load_milli) = args.load;
    let parameters = Parameters { jobs: args.jobs, load_milli, horizon, seed: 1 };
    let started = Instant::now();
    let generated = generate::generate(&fleet, &parameters).map_err(Failure::usage)?;
    let jobs = generated.workload.prepare(&fleet, &Assumptions::default());
    let jobs = jobs.map_err(|error| Failure::invalid(error.to_string()))?;
    let made_s = started.elapsed().as_secs_f64();
    say(&format!("{} jobs, load {} ‰, made in {made_s:.1} s", args.jobs, generated.load_milli));
    let mut outcomes = Vec::new();
    let mut times = Vec::new();
    for name in &args.policy {
        let input =
            Input { fleet: &fleet, jobs: &jobs, seed: 1, has_failures: true, horizon: None };
        let (outcome, seconds) = one(name, &input)?;
        outcomes.push(outcome);
        times.push(seconds);
    }
    let value = value(args, &fleet, &outcomes, &times);
    session.output.show(&value, || {
        let table = simulate::table(&outcomes);
        let times = outcomes.iter().zip(&times);
        times.fold(table, |table, (outcome, seconds)| {
            let name = &outcome.summary.policy;
            table.note(format!(
                "{name}: {seconds:.1} s, {:.0} jobs/s",
                per_second(args.jobs, *seconds)
            ))
        })
    })?;
    for finding in outcomes.iter().flat_map(|outcome| outcome.findings.first.iter().take(5)) {
        say(&finding.to_string());
    }
    let is_clean = outcomes.iter().all(|outcome| outcome.findings.is_clean());
    Ok(if is_clean { Exit::Ok } else { Exit::Failed })
}

fn one(name: &str, input: &Input<'_>) -> Result<(Outcome, f64), Failure> {
    let mut backend = policies::named(name)
        .ok_or_else(|| Failure::usage(format!("`{name}` is no policy of the twin")))?;
    let started = Instant::now();
    let bounds = Bounds::default();
    let outcome = run::run(backend.as_mut(), input, bounds, &mut io::sink(), &mut |_| true);
    let outcome = outcome.map_err(|error| Failure::invalid(error.to_string()))?;
    Ok((outcome, started.elapsed().as_secs_f64()))
}

fn value(args: &YearArgs, fleet: &Fleet, outcomes: &[Outcome], times: &[f64]) -> Value {
    let one = |(outcome, seconds): (&Outcome, &f64)| {
        json!({
            "summary": outcome.summary, "findings": outcome.findings.total(),
            "seconds": seconds, "jobs_per_s": per_second(args.jobs, *seconds),
        })
    };
    let policies: Vec<Value> = outcomes.iter().zip(times).map(one).collect();
    json!({
        "simulated_gpus": fleet.counts().gpus, "simulated_nodes": fleet.counts().nodes,
        "jobs": args.jobs, "policies": policies,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(jobs: u64, seconds: f64) -> f64 {
    jobs as f64 / seconds.max(1e-9)
}
