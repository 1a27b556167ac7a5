//! Generation: sequences that share decoding steps, and how the next token is chosen.

use crate::{
    model::{
        Model,
        decode::{Cache, Decoder, Feed},
    },
    rate::Rated,
    rng::Rng,
};

/// Rows of a prompt whose logits are held at once.
const RATED_ROWS: usize = 32;

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
    /// How many alternatives to each drawn token are told with it; `None` tells nothing.
    alternatives: Option<usize>,
}

/// One token that was drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) token: u32,
    /// Told for sequences that asked for it.
    pub(crate) rated: Option<Rated>,
}

impl Sequence {
    pub(crate) fn new(model: &Model, prompt: Vec<u32>, sampling: Sampling) -> Self {
        let rng = Rng::for_stream(sampling.seed, "sampling");
        Self { cache: Cache::new(model), pending: prompt, sampling, rng, alternatives: None }
    }

    /// Tells with each drawn token how likely it was, and so many alternatives.
    pub(crate) fn telling(mut self, alternatives: Option<usize>) -> Self {
        self.alternatives = alternatives;
        self
    }

    /// How likely each token of the prompt was after those before it; nothing can be said of the first.
    /// The last token stays pending, so that generation goes on from here as if nothing had been asked.
    pub(crate) fn rate_prompt(
        &mut self,
        model: &Model,
        decoder: &mut Decoder,
        vocabulary: usize,
    ) -> Vec<(u32, Option<Rated>)> {
        let (Some(first), Some(last)) = (self.pending.first(), self.pending.last().copied()) else {
            return Vec::new();
        };
        let mut told = vec![(*first, None)];
        let known = self.pending.len() - 1;
        if known == 0 {
            return told;
        }
        let feed = Feed { cache: &mut self.cache, tokens: &self.pending[..known] };
        let hidden = decoder.read(model, &mut [feed]).to_vec();
        let alternatives = self.alternatives.unwrap_or(0);
        let (depth, width) = (model.config().hidden_size, model.config().vocab_size);
        let mut tokens = self.pending[1..].iter();
        for rows in hidden.chunks(depth * RATED_ROWS) {
            let logits = decoder.rate(model, rows).chunks_exact(width);
            told.extend(logits.zip(&mut tokens).map(|(logits, token)| {
                (*token, Some(Rated::of(logits, vocabulary, *token, alternatives)))
            }));
        }
        self.pending = vec![last];
        told
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
) -> Vec<Drawn> {
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
        let told = sequence.alternatives;
        let rated = told.map(|count| Rated::of(logits, vocabulary, token, count));
        drawn.push(Drawn { token, rated });
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
