//! The deterministic generator of the demo task.

use serde::{Deserialize, Serialize};

use super::{
    Dataset, Sample,
    french::{NUMBER_MAX, number_words},
};
use crate::{
    error::{LmError, Result},
    rng::Rng,
};

/// Largest summand: keeps the number of pairs below two million.
const SUMMAND_LIMIT: u32 = 1_999;

/// What the generator depends on, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of the split and of the order.
    pub seed: u64,
    /// Largest number asked for in words and digits, at most 999,999.
    pub number_max: u32,
    /// Largest summand, at most 1,999.
    pub summand_max: u32,
    /// Share of numbers and of pairs that is held out, in thousandths, 1 to 500.
    pub heldout_per_mille: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, number_max: 1_999, summand_max: 99, heldout_per_mille: 50 }
    }
}

/// Generates the dataset: a pure function of the settings.
///
/// # Errors
/// Names the setting that is out of range.
pub fn generate(settings: &Settings) -> Result<Dataset> {
    check(settings)?;
    let mut numbers: Vec<u32> = (0..=settings.number_max).collect();
    Rng::for_stream(settings.seed, "numbers").shuffle(&mut numbers);
    let mut pairs: Vec<(u32, u32)> =
        (0..=settings.summand_max).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
    Rng::for_stream(settings.seed, "pairs").shuffle(&mut pairs);

    let (numbers_out, numbers_in) = numbers.split_at(share(numbers.len(), settings));
    let (pairs_out, pairs_in) = pairs.split_at(share(pairs.len(), settings));
    let mut train = samples(numbers_in, pairs_in);
    let mut heldout = samples(numbers_out, pairs_out);
    Rng::for_stream(settings.seed, "train").shuffle(&mut train);
    Rng::for_stream(settings.seed, "heldout").shuffle(&mut heldout);
    Ok(Dataset { train, heldout })
}

fn check(settings: &Settings) -> Result<()> {
    let range = |field, value: u32, low: u32, high: u32| {
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(LmError::setting(field, format!("{value} is not in {low}..={high}")))
    };
    range("number_max", settings.number_max, 9, NUMBER_MAX)?;
    range("summand_max", settings.summand_max, 3, SUMMAND_LIMIT)?;
    range("heldout_per_mille", settings.heldout_per_mille, 1, 500)
}

/// At least one item is held out.
fn share(len: usize, settings: &Settings) -> usize {
    (len * settings.heldout_per_mille as usize / 1_000).max(1)
}

fn samples(numbers: &[u32], pairs: &[(u32, u32)]) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(2 * (numbers.len() + pairs.len()));
    for number in numbers {
        let digits = number.to_string();
        let words = number_words(*number).unwrap_or_default();
        samples.push(Sample { prompt: words.clone(), completion: digits.clone() });
        samples.push(Sample { prompt: digits, completion: words });
    }
    for (a, b) in pairs {
        let completion = (a + b).to_string();
        samples.push(Sample { prompt: format!("{a}+{b}="), completion: completion.clone() });
        if a != b {
            samples.push(Sample { prompt: format!("{b}+{a}="), completion });
        }
    }
    samples
}
