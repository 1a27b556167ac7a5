//! The training pass backward: from the gradient of the logits to the gradient of every parameter.
//!
//! Gradients are added to what the caller passes in, in one fixed order.

use crate::{
    kernel::{
        attention, elementwise, lanes,
        matmul::{self, Shape},
        norm,
    },
    model::{
        Model,
        forward::{Packed, Saved, Workspace},
        layout::Matrix,
    },
};

/// Buffers for gradients by activations.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stream: Vec<f32>,
    narrow: Vec<f32>,
    fused: Vec<f32>,
    gated: Vec<f32>,
}

/// Adds the gradient of the batch's loss to `gradient`, which has the layout of the weights.
pub(crate) fn run(model: &Model, batch: &Packed, workspace: &mut Workspace, gradient: &mut [f32]) {
    let hidden = model.config.hidden_size;
    let rows = batch.tokens.len();
    let mut scratch = std::mem::take(&mut workspace.scratch);
    let head = &model.layout.head;
    let targets = batch.targets.len();
    // The gathered rows are used up by the weight gradient first and then hold their own gradient.
    add_outer(head, &workspace.logits, &workspace.gathered, (targets, gradient));
    let shape = Shape { rows: targets, columns: hidden, depth: head.outputs };
    matmul::multiply(shape, &workspace.logits, model.matrix(head), &mut workspace.gathered);
    scratch.narrow.clear();
    scratch.narrow.resize(rows * hidden, 0.0);
    for (row, values) in batch.loss_rows.iter().zip(workspace.gathered.chunks_exact(hidden)) {
        scratch.narrow[row * hidden..(row + 1) * hidden].copy_from_slice(values);
    }
    scratch.stream.clear();
    scratch.stream.resize(rows * hidden, 0.0);
    let place = model.layout.final_norm.clone();
    lanes::run(norm::Backward {
        gain: &model.weights[place.clone()],
        x: &workspace.stream,
        reciprocal: &workspace.final_root,
        out_gradient: &scratch.narrow,
        x_gradient: &mut scratch.stream,
        gain_gradient: &mut gradient[place],
    });
    for (index, saved) in workspace.layers.iter_mut().enumerate().rev() {
        layer(model, index, batch, (saved, &mut scratch), gradient);
    }
    let start = model.layout.embedding.span.start;
    for (token, values) in batch.tokens.iter().zip(scratch.stream.chunks_exact(hidden)) {
        let at = start + *token as usize * hidden;
        elementwise::add(&mut gradient[at..at + hidden], values);
    }
    workspace.scratch = scratch;
}

/// Adds `out_gradientᵀ · input` to the gradient of a matrix.
fn add_outer(matrix: &Matrix, out_gradient: &[f32], input: &[f32], sink: (usize, &mut [f32])) {
    let (depth, gradient) = sink;
    let shape = Shape { rows: matrix.outputs, columns: matrix.inputs, depth };
    let into = &mut gradient[matrix.span.clone()];
    matmul::multiply_transposed_add(shape, out_gradient, input, into);
}

fn layer(
    model: &Model,
    index: usize,
    batch: &Packed,
    buffers: (&mut Saved, &mut Scratch),
    gradient: &mut [f32],
) {
    let (saved, scratch) = buffers;
    let place = &model.layout.layers[index];
    let heads = model.config.heads();
    let (rows, hidden) = (batch.tokens.len(), model.config.hidden_size);
    let wide = model.config.intermediate_size;
    scratch.narrow.resize(rows * hidden, 0.0);

    add_outer(&place.down, &scratch.stream, &saved.gated, (rows, gradient));
    scratch.gated.resize(rows * wide, 0.0);
    let shape = Shape { rows, columns: wide, depth: hidden };
    matmul::multiply(shape, &scratch.stream, model.matrix(&place.down), &mut scratch.gated);
    elementwise::swiglu_backward(wide, &scratch.gated, &mut saved.gate_up);
    add_outer(&place.gate_up, &saved.gate_up, &saved.feed_in, (rows, gradient));
    let shape = Shape { rows, columns: hidden, depth: 2 * wide };
    matmul::multiply(shape, &saved.gate_up, model.matrix(&place.gate_up), &mut scratch.narrow);
    lanes::run(norm::Backward {
        gain: &model.weights[place.feed_norm.clone()],
        x: &saved.middle,
        reciprocal: &saved.feed_root,
        out_gradient: &scratch.narrow,
        x_gradient: &mut scratch.stream,
        gain_gradient: &mut gradient[place.feed_norm.clone()],
    });

    add_outer(&place.output, &scratch.stream, &saved.attended, (rows, gradient));
    let shape = Shape { rows, columns: heads.query_row(), depth: hidden };
    // The attention output has served its purpose: its buffer takes its own gradient.
    matmul::multiply(shape, &scratch.stream, model.matrix(&place.output), &mut saved.attended);
    scratch.fused.resize(rows * heads.fused(), 0.0);
    lanes::run(attention::Backward {
        heads,
        documents: &batch.documents,
        fused: &saved.fused,
        weights: &saved.weights,
        out_gradient: &saved.attended,
        fused_gradient: &mut scratch.fused,
    });
    let turned = heads.queries + heads.keys;
    model.rotary.turn_back(&mut scratch.fused, heads.fused(), turned, &batch.positions);
    let matrix = &place.query_key_value;
    add_outer(matrix, &scratch.fused, &saved.attention_in, (rows, gradient));
    let shape = Shape { rows, columns: hidden, depth: heads.fused() };
    matmul::multiply(shape, &scratch.fused, model.matrix(matrix), &mut scratch.narrow);
    lanes::run(norm::Backward {
        gain: &model.weights[place.attention_norm.clone()],
        x: &saved.input,
        reciprocal: &saved.attention_root,
        out_gradient: &scratch.narrow,
        x_gradient: &mut scratch.stream,
        gain_gradient: &mut gradient[place.attention_norm.clone()],
    });
}
