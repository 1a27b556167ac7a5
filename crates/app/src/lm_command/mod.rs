//! `lm`: small language models on the CPU. Thin over the crate of that name: it reads the command
//! line and the environment of a workload, and prints; all work is done there.
//!
//! As a workload these commands follow the contract of every workload: inputs from folders, output
//! to `$COCARDE_OUT`, checkpoints in `$COCARDE_CHECKPOINT`, a service on `$PORT`.

mod dataset;
mod eval;
mod logits;
mod serve;
mod train;

use crate::cli::{exit::Exit, failure::Failure, session::Session};

/// Small language models on the CPU: make data, train, evaluate, serve
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde lm dataset --out data --seed 1
  cocarde lm train --data data --out model --steps 200
  cocarde lm eval --model model --data data/heldout.jsonl
  cocarde lm serve --model model --port 8000")]
pub(crate) enum Verb {
    Dataset(dataset::DatasetArgs),
    Train(Box<train::TrainArgs>),
    Eval(eval::EvalArgs),
    Logits(logits::LogitsArgs),
    Serve(serve::ServeArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Dataset(args) => dataset::run(&args, session).map(|()| Exit::Ok),
        Verb::Train(args) => train::run(*args, session),
        Verb::Eval(args) => eval::run(args, session).map(|()| Exit::Ok),
        Verb::Logits(args) => logits::run(&args).map(|()| Exit::Ok),
        Verb::Serve(args) => serve::run(args).map(|()| Exit::Ok),
    }
}

/// Threads that this process may use, by affinity and control group.
fn threads(given: Option<usize>) -> usize {
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}
