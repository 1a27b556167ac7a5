//! The model against an independent reference in double precision: values, gradients, cache, window.

mod gradient;
mod loading;
mod reference;

use super::{
    Model, ModelConfig,
    decode::{Cache, Decoder, Feed},
    forward::{self, Packed, Workspace},
};
use crate::rng::Rng;

pub(crate) fn tiny(tied: bool, window: Option<usize>) -> ModelConfig {
    ModelConfig {
        vocab_size: 11,
        hidden_size: 12,
        intermediate_size: 10,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 6,
        max_position_embeddings: 32,
        rms_norm_eps: 1e-5,
        rope_theta: 100.0,
        sliding_window: window,
        tie_word_embeddings: tied,
        bos_token_id: Some(1),
        eos_token_ids: vec![2],
        pad_token_id: Some(0),
    }
}

/// A model whose gains are not all one and whose embeddings are not tiny: every gradient shows.
fn lively(config: ModelConfig) -> Model {
    let mut model = Model::random(config, 5).unwrap();
    let mut rng = Rng::for_stream(6, "lively");
    for weight in &mut model.weights {
        *weight += (rng.normal() * 0.3) as f32;
    }
    model.refresh(1);
    model
}

fn packed() -> Packed {
    let mut packed = Packed::default();
    packed.push(&[1, 4, 5, 6, 2], &[false, false, true, true, true]);
    packed.push(&[1, 7, 3, 9, 8, 10, 2], &[false, true, false, true, true, true, true]);
    packed
}

fn full_logits(model: &Model, tokens: &[u32]) -> Vec<Vec<f64>> {
    reference::logits(model.config(), &reference::widen(model), tokens)
}

#[test]
fn losses_equal_the_reference() {
    for (tied, window) in [(true, None), (false, Some(3))] {
        let model = lively(tiny(tied, window));
        let mut workspace = Workspace::default();
        forward::run(&model, &packed(), 1.0, &mut workspace);
        let expected = reference::losses(model.config(), &reference::widen(&model), &packed());
        assert_eq!(workspace.losses.len(), expected.len());
        for (loss, expected) in workspace.losses.iter().zip(expected) {
            assert!((f64::from(*loss) - expected).abs() < 1e-4, "{loss} {expected}");
        }
    }
}

#[test]
fn cached_decoding_equals_the_full_pass_with_and_without_window() {
    let tokens = [1, 4, 7, 3, 9, 8, 10, 5, 6, 2];
    for window in [None, Some(3)] {
        let model = lively(tiny(true, window));
        let expected = full_logits(&model, &tokens);
        for first in [1, 4, 10] {
            let mut decoder = Decoder::default();
            let mut cache = Cache::new(&model);
            let mut start = 0;
            for end in first..=tokens.len() {
                let feed = Feed { cache: &mut cache, tokens: &tokens[start..end] };
                let logits = decoder.step(&model, &mut [feed]);
                for (logit, expected) in logits.iter().zip(&expected[end - 1]) {
                    assert!((f64::from(*logit) - expected).abs() < 1e-4);
                }
                start = end;
            }
        }
    }
    let (all, few) = (lively(tiny(true, None)), lively(tiny(true, Some(3))));
    assert_ne!(full_logits(&all, &tokens)[9], full_logits(&few, &tokens)[9]);
}

#[test]
fn sequences_decoded_together_get_the_bits_they_get_alone() {
    let model = lively(tiny(false, Some(4)));
    let prompts: [&[u32]; 3] = [&[1, 4], &[1, 7, 3, 9, 8], &[1]];
    let alone: Vec<Vec<f32>> = prompts
        .iter()
        .map(|tokens| {
            let mut cache = Cache::new(&model);
            Decoder::default().step(&model, &mut [Feed { cache: &mut cache, tokens }]).to_vec()
        })
        .collect();
    let mut caches: Vec<Cache> = prompts.iter().map(|_| Cache::new(&model)).collect();
    let mut feeds: Vec<Feed<'_>> =
        caches.iter_mut().zip(prompts).map(|(cache, tokens)| Feed { cache, tokens }).collect();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.step(&model, &mut feeds), alone.concat());
}
