//! How likely a model found a token, and what it found likelier: natural logarithms, at temperature 1.
//!
//! What is told never depends on how a token was drawn, only on what stood before it.

/// Told of a token that is no part of the vocabulary, as OpenAI's servers do: JSON has no infinity.
const NEVER: f32 = -9_999.0;

/// One token as the model rated it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rated {
    pub(crate) token: u32,
    pub(crate) logprob: f32,
    /// The likeliest tokens with their own, likeliest first; the lowest id first among equals.
    pub(crate) likeliest: Vec<(u32, f32)>,
}

impl Rated {
    /// Rates a token by the logits after what stood before it. Logits beyond `vocabulary` are padding.
    pub(crate) fn of(logits: &[f32], vocabulary: usize, token: u32, alternatives: usize) -> Self {
        let logits = &logits[..vocabulary.min(logits.len())];
        let maximum = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - maximum).exp()).sum();
        let logarithm = f64::from(maximum) + sum.ln();
        let logprob = |logit: f32| (f64::from(logit) - logarithm) as f32;
        let own = usize::try_from(token).ok().and_then(|token| logits.get(token).copied());
        let best = likeliest(logits, alternatives);
        Self {
            token,
            logprob: own.map_or(NEVER, logprob),
            likeliest: best.into_iter().map(|(logit, token)| (token, logprob(logit))).collect(),
        }
    }
}

/// The greatest logits with their places, by insertion: few are asked for.
fn likeliest(logits: &[f32], count: usize) -> Vec<(f32, u32)> {
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(count.saturating_add(1));
    for (logit, token) in logits.iter().zip(0_u32..) {
        let full = best.len() == count;
        if full && best.last().is_none_or(|(least, _)| logit <= least) {
            continue;
        }
        let place = best.partition_point(|(other, _)| other >= logit);
        best.insert(place, (*logit, token));
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_the_likeliest_come_first() {
        let logits = [0.5, 2.0, -1.0, 2.0, 9.0];
        let rated = |token, count| Rated::of(&logits, 4, token, count);
        let sum: f32 = (0..4).map(|token| rated(token, 0).logprob.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        let told = rated(0, 3).likeliest;
        let tokens: Vec<u32> = told.iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, [1, 3, 0]);
        // Clients compare for equality to learn whether a token was the likeliest.
        assert_eq!(rated(1, 1).logprob, rated(1, 1).likeliest[0].1);
        assert!(rated(2, 9).likeliest.len() == 4 && rated(2, 0).likeliest.is_empty());
        assert_eq!(rated(4, 1).logprob, NEVER);
    }
}
