//! Generation: sequences that share decoding steps, and how the next token is chosen.

use crate::{
    model::{
        Model,
        decode::{Cache, Decoder, Feed},
    },
    rng::Rng,
};

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling {
    /// 0 takes the likeliest token; larger values flatten the distribution.
    pub(crate) temperature: f32,
    /// Only the likeliest tokens that together reach this probability are drawn from.
    pub(crate) top_p: f32,
    pub(crate) seed: u64,
}

impl Sampling {
    /// Always the likeliest token, the lowest id among equals.
    pub(crate) const GREEDY: Self = Self { temperature: 0.0, top_p: 1.0, seed: 0 };
}

/// A sequence being generated.
#[derive(Debug)]
pub(crate) struct Sequence {
    cache: Cache,
    /// Tokens the model has not seen yet.
    pending: Vec<u32>,
    sampling: Sampling,
    rng: Rng,
}

impl Sequence {
    pub(crate) fn new(model: &Model, prompt: Vec<u32>, sampling: Sampling) -> Self {
        let rng = Rng::for_stream(sampling.seed, "sampling");
        Self { cache: Cache::new(model), pending: prompt, sampling, rng }
    }

    /// Positions used once the pending tokens are fed.
    pub(crate) fn len(&self) -> usize {
        self.cache.len() + self.pending.len()
    }
}

/// Draws the next token of every sequence in one step of the model.
pub(crate) fn advance(
    model: &Model,
    decoder: &mut Decoder,
    sequences: &mut [&mut Sequence],
    vocabulary: usize,
) -> Vec<u32> {
    let mut feeds: Vec<Feed<'_>> = sequences
        .iter_mut()
        .map(|sequence| Feed { cache: &mut sequence.cache, tokens: &sequence.pending })
        .collect();
    let logits = decoder.step(model, &mut feeds);
    let width = model.config().vocab_size;
    let mut drawn = Vec::with_capacity(sequences.len());
    let mut scratch = Vec::new();
    for (sequence, logits) in sequences.iter_mut().zip(logits.chunks_exact(width)) {
        // Rows of the table beyond the tokenizer's vocabulary are padding and mean nothing.
        let token = choose(&logits[..vocabulary.min(width)], sequence, &mut scratch);
        sequence.pending.clear();
        sequence.pending.push(token);
        drawn.push(token);
    }
    drawn
}

fn choose(logits: &[f32], sequence: &mut Sequence, scratch: &mut Vec<(f32, u32)>) -> u32 {
    let Sampling { temperature, top_p, .. } = sequence.sampling;
    if temperature <= 0.0 {
        return likeliest(logits);
    }
    scratch.clear();
    let maximum = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.iter().map(|logit| ((logit - maximum) / temperature).exp());
    scratch.extend(weights.zip(0_u32..));
    scratch.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let total: f64 = scratch.iter().map(|(weight, _)| f64::from(*weight)).sum();
    let wanted = total * f64::from(top_p);
    let mut kept = 0.0;
    let mut count = 0;
    for (weight, _) in scratch.iter() {
        kept += f64::from(*weight);
        count += 1;
        if kept >= wanted {
            break;
        }
    }
    let mut left = sequence.rng.unit() * kept;
    for (weight, token) in &scratch[..count] {
        left -= f64::from(*weight);
        if left <= 0.0 {
            return *token;
        }
    }
    scratch.first().map_or(0, |(_, token)| *token)
}

pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (f32::NEG_INFINITY, 0);
    for (logit, token) in logits.iter().zip(0_u32..) {
        if *logit > best.0 {
            best = (*logit, token);
        }
    }
    best.1
}
