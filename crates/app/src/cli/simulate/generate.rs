//! `simulate generate`: a seeded list of jobs in our own format.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use sim::twin::{
    generate::{Parameters, generate},
    workload,
};
use units::DurationMicros;

use super::inputs::{self, Load};
use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::{say, write_bytes},
};

/// What to generate.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// Fleet file that the jobs are for
    #[arg(long, value_name = "FILE")]
    fleet: PathBuf,
    /// How many jobs
    #[arg(long, default_value_t = 10_000)]
    jobs: u64,
    /// GPU time asked for, as a part of what the fleet has
    #[arg(long, default_value = "0.8")]
    load: Load,
    /// Time within which all jobs are submitted
    #[arg(long, default_value = "30d", value_name = "TIME")]
    horizon: DurationMicros,
    /// Seed; the same seed gives the same list
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the list [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &GenerateArgs, _: &Session) -> Result<Exit, Failure> {
    let fleet = inputs::fleet(&args.fleet)?;
    let Load(load_milli) = args.load;
    let (jobs, horizon, seed) = (args.jobs, args.horizon, args.seed);
    let parameters = Parameters { jobs, load_milli, horizon, seed };
    let generated = generate(&fleet, &parameters).map_err(Failure::usage)?;
    match &args.out {
        None => {
            let mut bytes = Vec::new();
            // Writing to memory does not fail.
            let _ = workload::write(&generated.workload, &mut bytes);
            write_bytes(&bytes)?;
        }
        Some(path) => {
            let unwritable = |error| Failure::file("write", path, &error);
            let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
            let written = workload::write(&generated.workload, &mut file);
            written.and_then(|()| file.flush()).map_err(unwritable)?;
        }
    }
    let (whole, milli) = (generated.load_milli / 1_000, generated.load_milli % 1_000);
    say(&format!(
        "{jobs} jobs of {} tenants for `{}`, load {whole}.{milli:03}",
        generated.workload.tenants.paths().len(),
        fleet.name
    ));
    Ok(Exit::Ok)
}
