//! `bench philly`: Philly's jobs in private clusters and in one pool.

use sim::anchor::philly::{self, Options};

use super::anchor::{self, Traces, Wanted};
use crate::cli::{exit::Exit, failure::Failure, interrupt, session::Session};

const LIST: Wanted = Wanted {
    file: philly::LIST,
    what: "Philly's jobs with the columns `submit_time`, `duration_s`, `num_gpus` and `vc`",
    source: "https://github.com/petuum/adaptdl, branch osdi21-artifact, `simulator/traces/philly.csv` \
             (Microsoft's traces, https://github.com/msr-fiddle/philly-traces), rename its columns so",
};

/// Philly's jobs in private clusters and in one pool (Helios, SC 2021)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench philly --traces DIR
  cocarde bench philly --traces DIR 88 80 --orders 100 -o json

The folder holds `philly_jobs.csv`, packed with gzip or not, with the columns `submit_time`,
`duration_s`, `num_gpus` and `vc`. Microsoft's traces are public
(https://github.com/msr-fiddle/philly-traces, CC-BY-4.0), and as one table at
https://github.com/petuum/adaptdl, branch osdi21-artifact, `simulator/traces/philly.csv`.")]
pub(crate) struct PhillyArgs {
    #[command(flatten)]
    traces: Traces,
    /// Sizes of the pool in nodes of eight GPUs [default: 88 80 72]
    #[arg(value_name = "NODES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pools: Vec<u32>,
    /// Other orders of the jobs that arrive in one second, tried in each pool
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=100_000))]
    orders: u64,
}

/// Runs the verb.
pub(super) fn run(args: PhillyArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    LIST.require(&args.traces.traces)?;
    let published = Options::published(args.traces.traces);
    let pools = if args.pools.is_empty() { published.pools.clone() } else { args.pools };
    let clock_ns = Some(anchor::nanoseconds as fn() -> u64);
    let options = Options { pools, orders: args.orders, clock_ns, ..published };
    let report = philly::run(&options).map_err(|error| LIST.unusable(error))?;
    anchor::show(session, &report.markdown())
}
