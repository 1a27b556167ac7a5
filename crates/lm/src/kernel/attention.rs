//! Causal attention with grouped keys and a sliding window, one document at a time.
//!
//! A row attends to itself and to at most `window − 1` rows before it, never across documents. The
//! same row kernel serves training and cached decoding, so the two agree to the bit.

use std::ops::Range;

use pulp::NullaryFnOnce;

use crate::kernel::{
    lanes::{add_scaled, dot},
    loss::softmax,
};

/// The sizes attention needs. A fused row holds all queries, then all keys, then all values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) width: usize,
    /// Rows a row may see, itself included.
    pub(crate) window: usize,
}

impl Heads {
    /// Length of a fused row.
    pub(crate) fn fused(self) -> usize {
        (self.queries + 2 * self.keys) * self.width
    }

    /// Length of the queries, and of the output, of one row.
    pub(crate) fn query_row(self) -> usize {
        self.queries * self.width
    }

    /// Length of the keys, and of the values, of one row.
    pub(crate) fn key_row(self) -> usize {
        self.keys * self.width
    }

    fn key_head(self, query_head: usize) -> usize {
        query_head / (self.queries / self.keys)
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    fn first_visible(self, row: usize) -> usize {
        (row + 1).saturating_sub(self.window)
    }
}

/// Keys and values as the row kernel reads them: head `h` of position `j` starts at `j · stride + h · width`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
}

/// Attention of one query row at position `at` over positions `0..=at` of `memory`.
///
/// `weights` takes the probabilities, `at + 1` for each query head; those outside the window are zero.
#[inline(always)]
fn attend(
    heads: Heads,
    at: usize,
    query: &[f32],
    memory: Memory<'_>,
    sink: (&mut [f32], &mut [f32]),
) {
    let (weights, out) = sink;
    let (width, scale, first) = (heads.width, heads.scale(), heads.first_visible(at));
    for head in 0..heads.queries {
        let query = &query[head * width..(head + 1) * width];
        let offset = heads.key_head(head) * width;
        let weights = &mut weights[head * (at + 1)..(head + 1) * (at + 1)];
        weights[..first].fill(0.0);
        let weights = &mut weights[first..];
        for (index, weight) in weights.iter_mut().enumerate() {
            let start = (first + index) * memory.stride + offset;
            *weight = dot(query, &memory.keys[start..start + width]) * scale;
        }
        softmax(weights);
        let out = &mut out[head * width..(head + 1) * width];
        out.fill(0.0);
        for (index, weight) in weights.iter().enumerate() {
            let start = (first + index) * memory.stride + offset;
            add_scaled(out, *weight, &memory.values[start..start + width]);
        }
    }
}

/// One row against a cache; `weights` is scratch of at least `queries · (at + 1)`.
#[derive(Debug)]
pub(crate) struct Cached<'a> {
    pub(crate) heads: Heads,
    pub(crate) at: usize,
    pub(crate) query: &'a [f32],
    pub(crate) memory: Memory<'a>,
    pub(crate) weights: &'a mut [f32],
    pub(crate) out: &'a mut [f32],
}

impl NullaryFnOnce for Cached<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { heads, at, query, memory, weights, out } = self;
        attend(heads, at, query, memory, (weights, out));
    }
}

/// Probabilities kept for the gradient of a document of `rows` rows: a triangle for every head.
pub(crate) fn weights_len(heads: Heads, rows: usize) -> usize {
    heads.queries * rows * (rows + 1) / 2
}

/// Attention over packed documents; writes probabilities and outputs.
#[derive(Debug)]
pub(crate) struct Forward<'a> {
    pub(crate) heads: Heads,
    pub(crate) documents: &'a [Range<usize>],
    pub(crate) fused: &'a [f32],
    pub(crate) weights: &'a mut [f32],
    pub(crate) out: &'a mut [f32],
}

impl NullaryFnOnce for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { heads, documents, fused, weights, out } = self;
        let (stride, row_out) = (heads.fused(), heads.query_row());
        let mut weights = weights;
        for document in documents {
            let rows = &fused[document.start * stride..document.end * stride];
            let memory = Memory {
                keys: &rows[row_out..],
                values: &rows[row_out + heads.key_row()..],
                stride,
            };
            for at in 0..document.len() {
                let (mine, rest) = weights.split_at_mut(heads.queries * (at + 1));
                weights = rest;
                let row = document.start + at;
                let out = &mut out[row * row_out..(row + 1) * row_out];
                attend(heads, at, &rows[at * stride..at * stride + row_out], memory, (mine, out));
            }
        }
    }
}

/// The gradient of [`Forward`] by the fused rows.
#[derive(Debug)]
pub(crate) struct Backward<'a> {
    pub(crate) heads: Heads,
    pub(crate) documents: &'a [Range<usize>],
    pub(crate) fused: &'a [f32],
    pub(crate) weights: &'a [f32],
    pub(crate) out_gradient: &'a [f32],
    pub(crate) fused_gradient: &'a mut [f32],
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { heads, documents, fused, mut weights, out_gradient, fused_gradient } = self;
        let (stride, row_out) = (heads.fused(), heads.query_row());
        for document in documents {
            let span = document.start * stride..document.end * stride;
            let rows = &fused[span.clone()];
            let gradient = &mut fused_gradient[span];
            gradient.fill(0.0);
            for at in 0..document.len() {
                let (mine, rest) = weights.split_at(heads.queries * (at + 1));
                weights = rest;
                let row = document.start + at;
                let dy = &out_gradient[row * row_out..(row + 1) * row_out];
                row_backward(heads, at, rows, mine, (dy, gradient));
            }
        }
    }
}

#[inline(always)]
fn row_backward(
    heads: Heads,
    at: usize,
    rows: &[f32],
    weights: &[f32],
    gradients: (&[f32], &mut [f32]),
) {
    let (out_gradient, gradient) = gradients;
    let (width, stride, first) = (heads.width, heads.fused(), heads.first_visible(at));
    for head in 0..heads.queries {
        let dy = &out_gradient[head * width..(head + 1) * width];
        let key_offset = heads.query_row() + heads.key_head(head) * width;
        let value_offset = key_offset + heads.key_row();
        let weights = &weights[head * (at + 1)..(head + 1) * (at + 1)];
        let mut mean = 0.0_f32;
        for (j, weight) in weights.iter().enumerate().skip(first) {
            let value = j * stride + value_offset;
            mean = weight.mul_add(dot(dy, &rows[value..value + width]), mean);
        }
        let query = at * stride + head * width;
        for (j, weight) in weights.iter().enumerate().skip(first) {
            let value = j * stride + value_offset;
            let slope = dot(dy, &rows[value..value + width]) - mean;
            add_scaled(&mut gradient[value..value + width], *weight, dy);
            let score = *weight * slope * heads.scale();
            let key = j * stride + key_offset;
            add_scaled(&mut gradient[query..query + width], score, &rows[key..key + width]);
            add_scaled(&mut gradient[key..key + width], score, &rows[query..query + width]);
        }
    }
}
