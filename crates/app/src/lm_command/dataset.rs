//! `lm dataset`: makes the demo task, the same bytes for the same settings.

use std::path::PathBuf;

use lm::dataset::{self, Settings};

use crate::{
    cli::{failure::Failure, session::Session},
    output::table::Table,
};

/// Make a dataset: French number words, digits and small sums, with a held-out split
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde lm dataset --out data --seed 1

Writes train.jsonl, heldout.jsonl, dataset.json and README.md; the same settings give the same bytes.")]
pub(crate) struct DatasetArgs {
    /// Folder to write to
    #[arg(long, value_name = "DIR", env = "COCARDE_OUT", hide_env_values = true)]
    out: PathBuf,
    /// Seed of the split and of the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Largest number asked for in words and digits, at most 999999
    #[arg(long, value_name = "NUMBER")]
    number_max: Option<u32>,
    /// Largest summand, at most 1999
    #[arg(long, value_name = "NUMBER")]
    summand_max: Option<u32>,
    /// Share that is held out, in thousandths
    #[arg(long, value_name = "SHARE")]
    heldout_per_mille: Option<u32>,
}

/// Makes the dataset.
pub(super) fn run(args: &DatasetArgs, session: &Session) -> Result<(), Failure> {
    let usual = Settings::default();
    let settings = Settings {
        seed: args.seed,
        number_max: args.number_max.unwrap_or(usual.number_max),
        summand_max: args.summand_max.unwrap_or(usual.summand_max),
        heldout_per_mille: args.heldout_per_mille.unwrap_or(usual.heldout_per_mille),
    };
    let card = dataset::write(&settings, &args.out)?;
    session.output.show(&card, || {
        Table::fields()
            .field("folder", args.out.display())
            .field("to learn from", format!("{} samples", card.train_samples))
            .field("held out", format!("{} samples", card.heldout_samples))
            .field("train.jsonl", &card.train_sha256)
            .field("heldout.jsonl", &card.heldout_sha256)
    })
}
