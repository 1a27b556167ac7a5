//! The decoder written a second time, naively, in double precision and without any shared code.

use std::collections::BTreeMap;

use crate::model::{Model, ModelConfig, forward::Packed};

/// Parameters by Hugging Face name.
pub(super) type Weights = BTreeMap<String, Vec<f64>>;

pub(super) fn widen(model: &Model) -> Weights {
    let widened = |span: std::ops::Range<usize>| {
        model.weights[span].iter().copied().map(f64::from).collect::<Vec<f64>>()
    };
    let tensors = model.layout.tensors.iter();
    tensors.map(|tensor| (tensor.name.clone(), widened(tensor.span.clone()))).collect()
}

/// Logits after every token of one document.
pub(super) fn logits(config: &ModelConfig, weights: &Weights, tokens: &[u32]) -> Vec<Vec<f64>> {
    let hidden = config.hidden_size;
    let table = &weights["model.embed_tokens.weight"];
    let mut stream: Vec<Vec<f64>> = tokens
        .iter()
        .map(|token| table[*token as usize * hidden..(*token as usize + 1) * hidden].to_vec())
        .collect();
    for layer in 0..config.num_hidden_layers {
        let get = |part: &str| &weights[&format!("model.layers.{layer}.{part}.weight")];
        let normed = all(&stream, |x| norm(config, get("input_layernorm"), x));
        let added = attention(config, &normed, &get);
        add(&mut stream, &added);
        let normed = all(&stream, |x| norm(config, get("post_attention_layernorm"), x));
        let added = all(&normed, |x| {
            let gate = apply(get("mlp.gate_proj"), x);
            let up = apply(get("mlp.up_proj"), x);
            let act: Vec<f64> =
                gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
            apply(get("mlp.down_proj"), &act)
        });
        add(&mut stream, &added);
    }
    let head = if config.tie_word_embeddings { table } else { &weights["lm_head.weight"] };
    all(&stream, |x| apply(head, &norm(config, &weights["model.norm.weight"], x)))
}

/// Losses of the targets, in order.
pub(super) fn losses(config: &ModelConfig, weights: &Weights, batch: &Packed) -> Vec<f64> {
    let mut losses = Vec::new();
    for document in &batch.documents {
        let logits = logits(config, weights, &batch.tokens[document.clone()]);
        for (row, target) in batch.loss_rows.iter().zip(&batch.targets) {
            if document.contains(row) {
                let logits = &logits[row - document.start];
                let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
                losses.push(total.ln() - logits[*target as usize]);
            }
        }
    }
    losses
}

fn attention<'a>(
    config: &ModelConfig,
    normed: &[Vec<f64>],
    get: &impl Fn(&str) -> &'a Vec<f64>,
) -> Vec<Vec<f64>> {
    let width = config.head_dim;
    let group = config.num_attention_heads / config.num_key_value_heads;
    let turned = |name: &str| -> Vec<Vec<f64>> {
        let rows = normed.iter().enumerate();
        rows.map(|(at, x)| rotate(config, at, &apply(get(name), x))).collect()
    };
    let (queries, keys) = (turned("self_attn.q_proj"), turned("self_attn.k_proj"));
    let values = all(normed, |x| apply(get("self_attn.v_proj"), x));
    let mut out = Vec::new();
    for (at, queries) in queries.iter().enumerate() {
        let mut row = Vec::new();
        for head in 0..config.num_attention_heads {
            let query = &queries[head * width..(head + 1) * width];
            let key_head = head / group * width..(head / group + 1) * width;
            let visible = |j: &usize| at - j < config.sliding_window.unwrap_or(usize::MAX);
            let seen: Vec<usize> = (0..=at).filter(visible).collect();
            let score = |j: &usize| {
                let key = &keys[*j][key_head.clone()];
                let dot: f64 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                (dot / (width as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = seen.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            for i in key_head.clone() {
                row.push(seen.iter().zip(&scores).map(|(j, s)| s / total * values[*j][i]).sum());
            }
        }
        out.push(apply(get("self_attn.o_proj"), &row));
    }
    out
}

fn rotate(config: &ModelConfig, at: usize, x: &[f64]) -> Vec<f64> {
    let (width, half) = (config.head_dim, config.head_dim / 2);
    let mut out = vec![0.0; x.len()];
    for start in (0..x.len()).step_by(width) {
        for i in 0..half {
            let angle = at as f64 * config.rope_theta.powf(-2.0 * i as f64 / width as f64);
            let (a, b) = (x[start + i], x[start + i + half]);
            out[start + i] = a * angle.cos() - b * angle.sin();
            out[start + i + half] = b * angle.cos() + a * angle.sin();
        }
    }
    out
}

fn norm(config: &ModelConfig, gain: &[f64], x: &[f64]) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().zip(gain).map(|(x, gain)| x / (mean + config.rms_norm_eps).sqrt() * gain).collect()
}

fn apply(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    let dot = |row: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum();
    matrix.chunks_exact(x.len()).map(dot).collect()
}

fn all(rows: &[Vec<f64>], change: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Vec<f64>> {
    rows.iter().map(|row| change(row)).collect()
}

fn add(stream: &mut [Vec<f64>], added: &[Vec<f64>]) {
    for (row, added) in stream.iter_mut().zip(added) {
        for (x, added) in row.iter_mut().zip(added) {
            *x += added;
        }
    }
}
