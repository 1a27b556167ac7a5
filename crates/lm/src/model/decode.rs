//! Cached decoding of several sequences at once, each at its own position.
//!
//! A step may mix whole prompts and single tokens. What a sequence gets must never depend on its
//! neighbours: every row is computed by the same chains of operations as alone.

use crate::{
    kernel::{
        attention::{Cached, Memory},
        elementwise, lanes,
        matmul::{self, Shape},
        norm,
    },
    model::{Model, forward::embed},
};

/// Keys and values of one sequence, layer by layer.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    len: usize,
}

impl Cache {
    pub(crate) fn new(model: &Model) -> Self {
        Self { layers: vec![(Vec::new(), Vec::new()); model.layout.layers.len()], len: 0 }
    }

    /// Tokens seen so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// What a sequence contributes to a step: its cache and the tokens that are new.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    pub(crate) cache: &'a mut Cache,
    pub(crate) tokens: &'a [u32],
}

/// Buffers of decoding, reused from step to step.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    stream: Vec<f32>,
    normed: Vec<f32>,
    roots: Vec<f32>,
    fused: Vec<f32>,
    attended: Vec<f32>,
    weights: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Vec<f32>,
    last: Vec<f32>,
    logits: Vec<f32>,
}

impl Decoder {
    /// Feeds the new tokens and returns the logits after the last token of each sequence, row by row.
    ///
    /// Every sequence must bring at least one token and stay within the model's context.
    pub(crate) fn step(&mut self, model: &Model, feeds: &mut [Feed<'_>]) -> &[f32] {
        self.feed(model, feeds);
        self.logits(model, feeds)
    }

    /// Feeds the new tokens and returns the last hidden state of each, row by row: what the head rates.
    ///
    /// What [`Self::step`] asks of its sequences holds here too.
    pub(crate) fn read(&mut self, model: &Model, feeds: &mut [Feed<'_>]) -> &[f32] {
        self.feed(model, feeds);
        self.norm(model, &model.weights[model.layout.final_norm.clone()]);
        &self.normed
    }

    /// The logits of hidden states that [`Self::read`] gave, row by row.
    pub(crate) fn rate(&mut self, model: &Model, hidden: &[f32]) -> &[f32] {
        self.last.clear();
        self.last.extend_from_slice(hidden);
        self.head(model, hidden.len() / model.config.hidden_size)
    }

    /// Runs the layers over the new tokens.
    fn feed(&mut self, model: &Model, feeds: &mut [Feed<'_>]) {
        self.tokens.clear();
        self.positions.clear();
        for feed in feeds.iter() {
            assert!(!feed.tokens.is_empty(), "a sequence brought no token");
            let end = feed.cache.len + feed.tokens.len();
            assert!(end <= model.context(), "a sequence outgrew the context");
            self.tokens.extend_from_slice(feed.tokens);
            self.positions.extend((feed.cache.len..end).map(|position| position as u32));
        }
        embed(model, &self.tokens, &mut self.stream);
        for index in 0..model.layout.layers.len() {
            self.attention(model, index, feeds);
            self.feed_forward(model, index);
        }
        for feed in feeds.iter_mut() {
            feed.cache.len += feed.tokens.len();
        }
    }

    fn attention(&mut self, model: &Model, index: usize, feeds: &mut [Feed<'_>]) {
        let place = &model.layout.layers[index];
        let heads = model.config.heads();
        let (rows, hidden) = (self.tokens.len(), model.config.hidden_size);
        self.norm(model, &model.weights[place.attention_norm.clone()]);
        self.fused.resize(rows * heads.fused(), 0.0);
        let shape = Shape { rows, columns: heads.fused(), depth: hidden };
        let right = model.matrix_transposed(&place.query_key_value);
        matmul::multiply(shape, &self.normed, right, &mut self.fused);
        let turned = heads.queries + heads.keys;
        model.rotary.turn(&mut self.fused, heads.fused(), turned, &self.positions);
        self.attended.resize(rows * heads.query_row(), 0.0);
        let outputs = self.attended.chunks_exact_mut(heads.query_row());
        let mut rows_left = self.fused.chunks_exact(heads.fused()).zip(outputs);
        for feed in feeds {
            let (keys, values) = &mut feed.cache.layers[index];
            for at in feed.cache.len..feed.cache.len + feed.tokens.len() {
                let Some((fused, out)) = rows_left.next() else { break };
                let (query, key_value) = fused.split_at(heads.query_row());
                let (key, value) = key_value.split_at(heads.key_row());
                keys.extend_from_slice(key);
                values.extend_from_slice(value);
                let needed = heads.queries * (at + 1);
                self.weights.resize(needed.max(self.weights.len()), 0.0);
                let memory = Memory { keys, values, stride: heads.key_row() };
                let weights = &mut self.weights;
                lanes::run(Cached { heads, at, query, memory, weights, out });
            }
        }
        let shape = Shape { rows, columns: hidden, depth: heads.query_row() };
        let right = model.matrix_transposed(&place.output);
        matmul::multiply_add(shape, &self.attended, right, &mut self.stream);
    }

    fn feed_forward(&mut self, model: &Model, index: usize) {
        let place = &model.layout.layers[index];
        let (rows, hidden) = (self.tokens.len(), model.config.hidden_size);
        let wide = model.config.intermediate_size;
        self.norm(model, &model.weights[place.feed_norm.clone()]);
        self.gate_up.resize(rows * 2 * wide, 0.0);
        let shape = Shape { rows, columns: 2 * wide, depth: hidden };
        let right = model.matrix_transposed(&place.gate_up);
        matmul::multiply(shape, &self.normed, right, &mut self.gate_up);
        self.gated.resize(rows * wide, 0.0);
        elementwise::swiglu(wide, &self.gate_up, &mut self.gated);
        let shape = Shape { rows, columns: hidden, depth: wide };
        let right = model.matrix_transposed(&place.down);
        matmul::multiply_add(shape, &self.gated, right, &mut self.stream);
    }

    fn norm(&mut self, model: &Model, gain: &[f32]) {
        self.normed.resize(self.stream.len(), 0.0);
        self.roots.resize(self.stream.len() / gain.len(), 0.0);
        let epsilon = model.config.rms_norm_eps as f32;
        let (out, reciprocal) = (&mut self.normed, &mut self.roots);
        lanes::run(norm::Forward { epsilon, gain, x: &self.stream, out, reciprocal });
    }

    fn logits(&mut self, model: &Model, feeds: &[Feed<'_>]) -> &[f32] {
        let hidden = model.config.hidden_size;
        self.norm(model, &model.weights[model.layout.final_norm.clone()]);
        self.last.clear();
        let mut end = 0;
        for feed in feeds {
            end += feed.tokens.len();
            self.last.extend_from_slice(&self.normed[(end - 1) * hidden..end * hidden]);
        }
        self.head(model, feeds.len())
    }

    /// The logits of the rows in `last`.
    fn head(&mut self, model: &Model, rows: usize) -> &[f32] {
        let head = &model.layout.head;
        let shape = Shape { rows, columns: head.outputs, depth: model.config.hidden_size };
        self.logits.resize(shape.rows * shape.columns, 0.0);
        let right = model.matrix_transposed(head);
        matmul::multiply(shape, &self.last, right, &mut self.logits);
        &self.logits
    }
}
