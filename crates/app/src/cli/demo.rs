//! `demo`: the arguments of the tour.

use std::{path::PathBuf, process::ExitCode};

use super::failure::Failure;
use crate::demo::{self, DemoConfig};

/// Walk through the whole life cycle on this machine, for real
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde demo
  cocarde demo --data ./demo      # keeps the data, for `cocarde up --data ./demo`

Starts a platform on loopback, makes a dataset, trains, evaluates, registers, deploys and asks a
model, meets a policy and a budget, is killed and comes back, and proves all of it from the log.
Needs no account, no network and no root; about four minutes on two cores.")]
pub(crate) struct DemoArgs {
    /// Keep the data in this folder; a temporary one is removed at the end if absent
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of the dataset and of the training
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the tour.
pub(crate) fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    Ok(demo::run(&DemoConfig { data: args.data, seed: args.seed })?)
}
