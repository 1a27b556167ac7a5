//! The demo task: French number words ↔ digits, and small sums, with a held-out split.
//!
//! The generator is a pure function of its settings: same settings, same bytes. A number, or a pair of
//! summands, is either in training or held out, in every direction and order, never both.

mod french;
mod generate;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::{LmError, Result},
    files,
};

pub use french::number_words;
pub use generate::{Settings, generate};

/// Largest dataset file that is read, in bytes.
const DATASET_BYTES_MAX: u64 = 512 << 20;

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// What is asked.
    pub prompt: String,
    /// The one right answer.
    pub completion: String,
}

/// A generated dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// What the model learns from.
    pub train: Vec<Sample>,
    /// What it is judged by.
    pub heldout: Vec<Sample>,
}

/// What was written, for the card and the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Samples to learn from.
    pub train_samples: usize,
    /// Samples held out.
    pub heldout_samples: usize,
    /// SHA-256 of `train.jsonl`.
    pub train_sha256: String,
    /// SHA-256 of `heldout.jsonl`.
    pub heldout_sha256: String,
}

/// Generates the dataset and writes `train.jsonl`, `heldout.jsonl`, `dataset.json` and `README.md`.
///
/// # Errors
/// When a setting is out of range or a file cannot be written.
pub fn write(settings: &Settings, folder: &Path) -> Result<Card> {
    let dataset = generate(settings)?;
    files::create_folder(folder)?;
    let train = to_jsonl(&dataset.train)?;
    let heldout = to_jsonl(&dataset.heldout)?;
    let card = Card {
        train_samples: dataset.train.len(),
        heldout_samples: dataset.heldout.len(),
        train_sha256: files::sha256_hex(&train),
        heldout_sha256: files::sha256_hex(&heldout),
    };
    files::write_atomic(&folder.join("train.jsonl"), &train)?;
    files::write_atomic(&folder.join("heldout.jsonl"), &heldout)?;
    let facts = json!({
        "name": "nombres-fr",
        "licence": "CC0-1.0",
        "language": "fr",
        "generator": { "name": "cocarde lm dataset", "version": env!("CARGO_PKG_VERSION") },
        "settings": settings,
        "counts": { "train": card.train_samples, "heldout": card.heldout_samples },
        "sha256": { "train.jsonl": card.train_sha256, "heldout.jsonl": card.heldout_sha256 },
        "orthography": "traditional (before 1990): hyphens below one hundred except around `et`",
    });
    files::write_json(&folder.join("dataset.json"), &facts)?;
    files::write_atomic(&folder.join("README.md"), readme(settings, &card).as_bytes())?;
    Ok(card)
}

/// Reads samples from a JSON-lines file; blank lines are skipped, unknown fields ignored.
///
/// # Errors
/// Names the file and the line that is not a sample, and refuses a file without samples.
pub fn read(path: &Path) -> Result<Vec<Sample>> {
    let bytes = files::read_limited(path, DATASET_BYTES_MAX)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| LmError::format(path, "JSON-lines file", error))?;
    let mut samples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let sample = serde_json::from_str(line).map_err(|error| {
            LmError::format(path, "JSON-lines file", format!("line {}: {error}", index + 1))
        })?;
        samples.push(sample);
    }
    if samples.is_empty() {
        return Err(LmError::format(path, "dataset", "it holds no sample"));
    }
    Ok(samples)
}

fn to_jsonl(samples: &[Sample]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for sample in samples {
        serde_json::to_writer(&mut bytes, sample)
            .map_err(|error| LmError::format(Path::new("jsonl"), "sample", error))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn readme(settings: &Settings, card: &Card) -> String {
    let Settings { seed, number_max, summand_max, heldout_per_mille } = settings;
    let Card { train_samples, heldout_samples, train_sha256, heldout_sha256 } = card;
    format!(
        "---\nlicense: cc0-1.0\nlanguage:\n- fr\ntask_categories:\n- text-generation\n\
         configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: train.jsonl\n  \
         - split: test\n    path: heldout.jsonl\n---\n\n# nombres-fr\n\n\
         French number words to digits and back for 0 to {number_max}, and sums of two numbers from 0 to \
         {summand_max}.\nEvery line is `{{\"prompt\": …, \"completion\": …}}`, for example \
         `quatre-vingt-dix-sept` → `97`, `97` → `quatre-vingt-dix-sept`, `12+7=` → `19`.\n\n\
         | split | file | samples | SHA-256 |\n|---|---|---|---|\n\
         | train | train.jsonl | {train_samples} | `{train_sha256}` |\n\
         | held out | heldout.jsonl | {heldout_samples} | `{heldout_sha256}` |\n\n\
         **Split.** {heldout_per_mille} in 1,000 numbers, and as many unordered pairs of summands, are held \
         out. A held-out number is asked in both directions and appears in training in neither; a \
         held-out sum appears in training in neither order. The held-out parts of a number still occur \
         inside larger ones, which is what lets a model infer it.\n\n\
         **Orthography.** Traditional spelling: hyphens between the words of a number below one hundred, \
         except around `et` (`vingt et un`, `soixante et onze`); `quatre-vingts` and `deux cents` take \
         an s only at the end (`quatre-vingt-un`, `deux cent trois`, `deux cents` but `deux cent mille`); \
         `mille` is invariable.\n\n\
         **Made by** `cocarde lm dataset` from seed {seed}; the same settings give the same bytes. \
         The data are facts of spelling and arithmetic, dedicated to the public domain (CC0 1.0).\n"
    )
}

#[cfg(test)]
mod tests;
