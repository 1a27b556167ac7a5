//! `lm eval`: exact match on held-out samples, written where the platform records it from.

use std::{fs, path::PathBuf};

use lm::eval::{EvalConfig, EvalReport, eval};
use serde::Serialize;

use super::threads;
use crate::{
    cli::{failure::Failure, session::Session},
    output::table::Table,
};

/// What is measured: answers equal to the completion, byte for byte.
const METRIC: &str = "exact_match";

/// Evaluate a model: exact match of greedy answers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde lm eval --model model --data data/heldout.jsonl
  cocarde lm eval --model model --data data --out results -o json

Writes report.json with metric, correct and total, if there is a folder to write to.")]
pub(crate) struct EvalArgs {
    /// Model folder in the Hugging Face layout
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Samples in JSON lines, or a folder with heldout.jsonl
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Folder for report.json
    #[arg(long, value_name = "DIR", env = "COCARDE_OUT", hide_env_values = true)]
    out: Option<PathBuf>,
    /// Threads; the result does not depend on them [default: as many as there are cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Most tokens of an answer
    #[arg(long, value_name = "TOKENS", default_value_t = 64)]
    answer_tokens_max: usize,
    /// Wrong answers to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    failures_max: usize,
}

/// The report with its metric's name, as the platform reads it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    metric: &'static str,
    #[serde(flatten)]
    result: &'a EvalReport,
    software: &'static str,
}

/// Evaluates.
pub(super) fn run(args: EvalArgs, session: &Session) -> Result<(), Failure> {
    let dataset = if args.data.is_dir() { args.data.join("heldout.jsonl") } else { args.data };
    let result = eval(&EvalConfig {
        model: args.model,
        dataset,
        threads: threads(args.threads),
        answer_tokens_max: args.answer_tokens_max,
        failures_max: args.failures_max,
    })?;
    let software = concat!("cocarde ", env!("CARGO_PKG_VERSION"));
    let report = Report { metric: METRIC, result: &result, software };
    if let Some(out) = &args.out {
        let path = out.join("report.json");
        let wrong = |error: std::io::Error| Failure::file("write", &path, &error);
        fs::create_dir_all(out).map_err(wrong)?;
        let text = serde_json::to_vec_pretty(&report).unwrap_or_default();
        fs::write(&path, text).map_err(wrong)?;
    }
    session.output.show(&report, || table(&result))
}

fn table(result: &EvalReport) -> Table {
    let percent = result.exact_match() * 100.0;
    let mut table = Table::fields()
        .field(METRIC, format!("{} of {} ({percent:.2} %)", result.correct, result.total))
        .field_if("loss", result.loss_mean.map(|loss| format!("{loss:.4}")))
        .field("tokens generated", result.tokens_generated)
        .field("time", format!("{} ms", result.elapsed_ms));
    for failure in &result.failures {
        let text = format!("{} → {} (not {})", failure.prompt, failure.answered, failure.expected);
        table = table.field("wrong", text);
    }
    table
}
