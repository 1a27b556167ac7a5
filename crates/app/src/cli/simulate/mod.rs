//! `simulate`: the digital twin. Everything it reports is simulated, and says so.

mod check;
mod formats;
mod generate;
mod inputs;
mod progress;
mod run;

pub(super) use inputs::Load;
pub(super) use run::table;

use super::{exit::Exit, failure::Failure, session::Session};

#[cfg(test)]
mod tests;

/// Simulation: a fleet and its jobs in virtual time, and the platform itself with faults
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde simulate generate --fleet examples/fleets/gpus-18000.toml --jobs 20000 --load 0.9 --out jobs.csv
  cocarde simulate run --fleet examples/fleets/gpus-18000.toml --workload jobs.csv --failures --out twin
  cocarde simulate run --fleet FLEET --workload philly.csv.gz --policy first-fit --policy first-fit-skip --out twin
  cocarde simulate formats
  cocarde simulate check --seeds 20
  cocarde simulate check --seed 1234 --steps 500    # repeats one run, byte for byte")]
pub(crate) enum Verb {
    /// Run a list of jobs on a fleet, once for each policy, and compare them
    Run(Box<run::RunArgs>),
    /// Make a list of jobs with the mix of a fleet
    Generate(generate::GenerateArgs),
    /// Formats of job lists, and the policies
    Formats,
    /// Random commands with crashes, lost answers and clock jumps; checks every invariant
    Check(check::CheckArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Run(args) => run::run(&args, session),
        Verb::Generate(args) => generate::run(&args, session),
        Verb::Formats => formats::run(session),
        Verb::Check(args) => check::run(&args, session),
    }
}
