//! `bench`: figures that anybody can have again. Whatever is simulated in one says so.

mod jobs;

use super::{exit::Exit, failure::Failure, session::Session};

/// Benchmarks: the platform under load
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde bench jobs --rate 2000 --duration 60s
  cocarde bench jobs --rate 500 --duration 20s --nodes 1000 --racks 56 -o json")]
pub(crate) enum Verb {
    /// Jobs a second through API, log and planner, on a fleet of simulated nodes
    Jobs(jobs::JobsArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Jobs(args) => jobs::run(&args, session),
    }
}
