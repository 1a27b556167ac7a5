//! The training pass forward: packed documents in, losses and saved activations out.

use std::ops::Range;

use crate::{
    kernel::{
        attention, elementwise, lanes, loss,
        matmul::{self, Shape},
        norm,
    },
    model::Model,
};

/// Documents packed one after the other without padding; loss only where a target is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed {
    pub(crate) tokens: Vec<u32>,
    pub(crate) positions: Vec<u32>,
    pub(crate) documents: Vec<Range<usize>>,
    /// Rows that predict a target, ascending.
    pub(crate) loss_rows: Vec<usize>,
    /// The token each of those rows should predict.
    pub(crate) targets: Vec<u32>,
}

impl Packed {
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.documents.clear();
        self.loss_rows.clear();
        self.targets.clear();
    }

    /// Appends a document; `learn[i]` says whether token `i` is to be predicted from what precedes it.
    pub(crate) fn push(&mut self, tokens: &[u32], learn: &[bool]) {
        let start = self.tokens.len();
        let inputs = &tokens[..tokens.len().saturating_sub(1)];
        self.tokens.extend_from_slice(inputs);
        self.positions.extend((0..).take(inputs.len()));
        self.documents.push(start..self.tokens.len());
        for (index, (target, learn)) in tokens.iter().zip(learn).enumerate().skip(1) {
            if *learn {
                self.loss_rows.push(start + index - 1);
                self.targets.push(*target);
            }
        }
    }
}

/// What one layer keeps for its gradient.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) input: Vec<f32>,
    pub(crate) attention_root: Vec<f32>,
    pub(crate) attention_in: Vec<f32>,
    pub(crate) fused: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) middle: Vec<f32>,
    pub(crate) feed_root: Vec<f32>,
    pub(crate) feed_in: Vec<f32>,
    pub(crate) gate_up: Vec<f32>,
    pub(crate) gated: Vec<f32>,
}

/// All buffers of one pass; they grow to the largest batch seen and are then reused.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) layers: Vec<Saved>,
    pub(crate) stream: Vec<f32>,
    pub(crate) final_root: Vec<f32>,
    pub(crate) final_in: Vec<f32>,
    /// The normalised rows that predict something.
    pub(crate) gathered: Vec<f32>,
    /// Logits, then their gradient.
    pub(crate) logits: Vec<f32>,
    pub(crate) losses: Vec<f32>,
    pub(crate) scratch: super::backward::Scratch,
}

/// Runs the documents through the model. `scale` is what one target weighs in the batch's mean loss.
///
/// Leaves per-target losses in `workspace.losses` and the gradient of the logits in `workspace.logits`.
pub(crate) fn run(model: &Model, batch: &Packed, scale: f32, workspace: &mut Workspace) {
    let hidden = model.config.hidden_size;
    workspace.layers.resize_with(model.layout.layers.len(), Saved::default);
    embed(model, &batch.tokens, &mut workspace.stream);
    for (index, saved) in workspace.layers.iter_mut().enumerate() {
        layer(model, index, batch, saved, &mut workspace.stream);
    }
    let rows = batch.tokens.len();
    workspace.final_in.resize(rows * hidden, 0.0);
    workspace.final_root.resize(rows, 0.0);
    lanes::run(norm::Forward {
        epsilon: model.config.rms_norm_eps as f32,
        gain: &model.weights[model.layout.final_norm.clone()],
        x: &workspace.stream,
        out: &mut workspace.final_in,
        reciprocal: &mut workspace.final_root,
    });
    workspace.gathered.clear();
    for row in &batch.loss_rows {
        workspace.gathered.extend_from_slice(&workspace.final_in[row * hidden..(row + 1) * hidden]);
    }
    let head = &model.layout.head;
    let shape = Shape { rows: batch.targets.len(), columns: head.outputs, depth: hidden };
    workspace.logits.resize(shape.rows * shape.columns, 0.0);
    workspace.losses.resize(shape.rows, 0.0);
    let right = model.matrix_transposed(head);
    matmul::multiply(shape, &workspace.gathered, right, &mut workspace.logits);
    loss::cross_entropy(&mut workspace.logits, &batch.targets, scale, &mut workspace.losses);
}

/// Looks the tokens up.
pub(crate) fn embed(model: &Model, tokens: &[u32], stream: &mut Vec<f32>) {
    let hidden = model.config.hidden_size;
    let table = model.matrix(&model.layout.embedding);
    stream.clear();
    for token in tokens {
        let start = *token as usize * hidden;
        stream.extend_from_slice(&table[start..start + hidden]);
    }
}

fn layer(model: &Model, index: usize, batch: &Packed, saved: &mut Saved, stream: &mut [f32]) {
    let place = &model.layout.layers[index];
    let heads = model.config.heads();
    let (rows, hidden) = (batch.tokens.len(), model.config.hidden_size);
    let wide = model.config.intermediate_size;
    let epsilon = model.config.rms_norm_eps as f32;

    saved.input.clear();
    saved.input.extend_from_slice(stream);
    saved.attention_in.resize(rows * hidden, 0.0);
    saved.attention_root.resize(rows, 0.0);
    lanes::run(norm::Forward {
        epsilon,
        gain: &model.weights[place.attention_norm.clone()],
        x: stream,
        out: &mut saved.attention_in,
        reciprocal: &mut saved.attention_root,
    });
    saved.fused.resize(rows * heads.fused(), 0.0);
    let shape = Shape { rows, columns: heads.fused(), depth: hidden };
    let right = model.matrix_transposed(&place.query_key_value);
    matmul::multiply(shape, &saved.attention_in, right, &mut saved.fused);
    let turned = heads.queries + heads.keys;
    model.rotary.turn(&mut saved.fused, heads.fused(), turned, &batch.positions);
    let kept = batch.documents.iter().map(|rows| attention::weights_len(heads, rows.len())).sum();
    saved.weights.resize(kept, 0.0);
    saved.attended.resize(rows * heads.query_row(), 0.0);
    lanes::run(attention::Forward {
        heads,
        documents: &batch.documents,
        fused: &saved.fused,
        weights: &mut saved.weights,
        out: &mut saved.attended,
    });
    let shape = Shape { rows, columns: hidden, depth: heads.query_row() };
    let right = model.matrix_transposed(&place.output);
    matmul::multiply_add(shape, &saved.attended, right, stream);

    saved.middle.clear();
    saved.middle.extend_from_slice(stream);
    saved.feed_in.resize(rows * hidden, 0.0);
    saved.feed_root.resize(rows, 0.0);
    lanes::run(norm::Forward {
        epsilon,
        gain: &model.weights[place.feed_norm.clone()],
        x: stream,
        out: &mut saved.feed_in,
        reciprocal: &mut saved.feed_root,
    });
    saved.gate_up.resize(rows * 2 * wide, 0.0);
    let shape = Shape { rows, columns: 2 * wide, depth: hidden };
    let right = model.matrix_transposed(&place.gate_up);
    matmul::multiply(shape, &saved.feed_in, right, &mut saved.gate_up);
    saved.gated.resize(rows * wide, 0.0);
    elementwise::swiglu(wide, &saved.gate_up, &mut saved.gated);
    let shape = Shape { rows, columns: hidden, depth: wide };
    matmul::multiply_add(shape, &saved.gated, model.matrix_transposed(&place.down), stream);
}
