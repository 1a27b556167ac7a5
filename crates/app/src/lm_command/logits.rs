//! `lm logits`: what a model says before anything is drawn, for comparison with other engines.

use std::path::PathBuf;

use lm::logits::logits;
use serde_json::json;

use crate::{
    cli::{failure::Failure, input},
    output::write_bytes,
};

/// Largest file of prompts, in bytes.
const PROMPTS_BYTES_MAX: u64 = 1 << 20;

/// Print logits and greedy tokens after prompts, as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde lm logits --model model --prompts prompts.json > logits.json

Prints {\"prompts\": [{\"text\", \"token_ids\", \"last_logits\", \"greedy\"}]}.")]
pub(crate) struct LogitsArgs {
    /// Model folder in the Hugging Face layout
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Prompts: a JSON list of texts, or one on each line; `-` for standard input
    #[arg(long, value_name = "FILE")]
    prompts: PathBuf,
    /// Greedy tokens after each prompt
    #[arg(long, value_name = "TOKENS", default_value_t = 16)]
    greedy: usize,
}

/// Prints the logits.
pub(super) fn run(args: &LogitsArgs) -> Result<(), Failure> {
    let prompts = prompts(&input::text(&args.prompts, PROMPTS_BYTES_MAX)?);
    if prompts.is_empty() {
        return Err(Failure::invalid(format!("`{}` holds no prompt", args.prompts.display())));
    }
    let found = logits(&args.model, &prompts, args.greedy)?;
    let text = json!({ "prompts": found }).to_string();
    write_bytes(format!("{text}\n").as_bytes())
}

/// A JSON list of texts, or the lines that are not empty.
fn prompts(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| {
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_a_list_or_lines() {
        assert_eq!(prompts("[\"a\\nb\", \"c\"]"), ["a\nb", "c"]);
        assert_eq!(prompts("12+7=\n\n97\n"), ["12+7=", "97"]);
    }
}
