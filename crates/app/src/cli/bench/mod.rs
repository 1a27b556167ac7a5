//! `bench`: figures that anybody can have again. Whatever is simulated in one says so.
//!
//! No figure that an experiment is compared with is written here: the experiments read or compute them.

mod anchor;
mod carbon;
mod gateway;
mod jobs;
mod kueue;
mod log;
mod markdown;
mod muri;
mod openb;
mod philly;
mod routing;
mod upstream;
mod year;

use super::{exit::Exit, failure::Failure, session::Session};

/// Benchmarks: the platform under load, and published experiments repeated with our scheduler
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde bench jobs --rate 2000 --duration 60s
  cocarde bench log --witnesses 3 --seconds 30
  cocarde bench gateway --url http://127.0.0.1:7711/v1 --model nombres --rate 200 --stream
  cocarde bench kueue
  cocarde bench openb --traces DIR default gpuspec33
  cocarde bench philly --traces DIR --orders 100 -o json

Experiments read published lists from the folder that `--traces` names; each verb's help says which,
and where they are public. They print Markdown, or with `-o json` the same tables as data.")]
pub(crate) enum Verb {
    /// Jobs a second through API, log and planner, on a fleet of simulated nodes
    Jobs(jobs::JobsArgs),
    /// Entries a second into the log, and the time until witnesses have made them final
    Log(log::LogArgs),
    /// Chat completions under load: a rate, a published trace, or as many as there is time for
    Gateway(Box<gateway::GatewayArgs>),
    /// A mock of an inference engine: answers at once, or at times that you choose
    Upstream(upstream::UpstreamArgs),
    /// Which replica gets a request: ours and others on a published trace, with simulated caches
    Routing(routing::RoutingArgs),
    /// Shares of GPUs packed by six published policies and ours (FGD, USENIX ATC 2023)
    Openb(openb::OpenbArgs),
    /// Deep-learning jobs under SRTF, SRSF, Tiresias and ours (Muri, SIGCOMM 2022)
    Muri(muri::MuriArgs),
    /// Philly's jobs in private clusters and in one pool (Helios, SC 2021)
    Philly(philly::PhillyArgs),
    /// Kueue's scheduler performance tests without a control plane
    Kueue(kueue::KueueArgs),
    /// What waiting for low carbon saves over a year (Middleware 2021, ASPLOS 2024)
    Carbon(carbon::CarbonArgs),
    /// The twin: a year of jobs on 36,000 simulated GPUs
    Year(year::YearArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Jobs(args) => jobs::run(&args, session),
        Verb::Log(args) => log::run(&args, session),
        Verb::Gateway(args) => gateway::run(&args, session),
        Verb::Upstream(args) => upstream::run(&args, session),
        Verb::Routing(args) => routing::run(&args, session),
        Verb::Openb(args) => openb::run(args, session),
        Verb::Muri(args) => muri::run(args, session),
        Verb::Philly(args) => philly::run(args, session),
        Verb::Kueue(args) => kueue::run(&args, session),
        Verb::Carbon(args) => carbon::run(&args, session),
        Verb::Year(args) => year::run(&args, session),
    }
}
