//! Where each tensor lies in the one flat array of parameters.
//!
//! Tensors that are multiplied with the same input lie side by side (query, key, value; gate, up), so
//! that one matrix product serves them together while the file keeps the Hugging Face names.

use std::ops::Range;

use crate::model::ModelConfig;

/// A tensor of the Hugging Face file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) span: Range<usize>,
}

/// A matrix `outputs × inputs` inside the flat array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) span: Range<usize>,
}

/// The parameters of one layer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Range<usize>,
    pub(crate) query_key_value: Matrix,
    pub(crate) output: Matrix,
    pub(crate) feed_norm: Range<usize>,
    pub(crate) gate_up: Matrix,
    pub(crate) down: Matrix,
}

/// The places of all parameters.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    pub(crate) final_norm: Range<usize>,
    /// The output layer; the embedding itself where the two are tied.
    pub(crate) head: Matrix,
    pub(crate) len: usize,
}

impl Layout {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        let mut places = Places::default();
        let heads = config.heads();
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let embedding = places.matrix("model.embed_tokens.weight", config.vocab_size, hidden);
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for index in 0..config.num_hidden_layers {
            let name = |part: &str| format!("model.layers.{index}.{part}.weight");
            let attention_norm = places.vector(&name("input_layernorm"), hidden);
            let query = places.matrix(&name("self_attn.q_proj"), heads.query_row(), hidden);
            places.matrix(&name("self_attn.k_proj"), heads.key_row(), hidden);
            let value = places.matrix(&name("self_attn.v_proj"), heads.key_row(), hidden);
            let output = places.matrix(&name("self_attn.o_proj"), hidden, heads.query_row());
            let feed_norm = places.vector(&name("post_attention_layernorm"), hidden);
            let gate = places.matrix(&name("mlp.gate_proj"), wide, hidden);
            let up = places.matrix(&name("mlp.up_proj"), wide, hidden);
            let down = places.matrix(&name("mlp.down_proj"), hidden, wide);
            layers.push(Layer {
                attention_norm,
                query_key_value: Matrix {
                    outputs: heads.fused(),
                    inputs: hidden,
                    span: query.span.start..value.span.end,
                },
                output,
                feed_norm,
                gate_up: Matrix {
                    outputs: 2 * wide,
                    inputs: hidden,
                    span: gate.span.start..up.span.end,
                },
                down,
            });
        }
        let final_norm = places.vector("model.norm.weight", hidden);
        let head = if config.tie_word_embeddings {
            embedding.clone()
        } else {
            places.matrix("lm_head.weight", config.vocab_size, hidden)
        };
        Self { tensors: places.tensors, embedding, layers, final_norm, head, len: places.len }
    }

    /// Every matrix once, for keeping transposed copies.
    pub(crate) fn matrices(&self) -> Vec<Matrix> {
        let mut matrices = vec![self.embedding.clone()];
        for layer in &self.layers {
            let Layer { query_key_value, output, gate_up, down, .. } = layer;
            matrices.extend([query_key_value, output, gate_up, down].map(Clone::clone));
        }
        if self.head != self.embedding {
            matrices.push(self.head.clone());
        }
        matrices
    }
}

#[derive(Default)]
struct Places {
    tensors: Vec<Tensor>,
    len: usize,
}

impl Places {
    fn take(&mut self, name: &str, shape: Vec<usize>) -> Range<usize> {
        let start = self.len;
        self.len += shape.iter().product::<usize>();
        let span = start..self.len;
        self.tensors.push(Tensor { name: name.to_owned(), shape, span: span.clone() });
        span
    }

    fn vector(&mut self, name: &str, len: usize) -> Range<usize> {
        self.take(name, vec![len])
    }

    fn matrix(&mut self, name: &str, outputs: usize, inputs: usize) -> Matrix {
        Matrix { outputs, inputs, span: self.take(name, vec![outputs, inputs]) }
    }
}
