//! The decoder itself: parameters, training pass and cached decoding.
//!
//! It must never print, read a clock or touch the network; files are the business of [`weights`].

pub(crate) mod backward;
mod config;
pub(crate) mod decode;
pub(crate) mod forward;
pub(crate) mod layout;
pub(crate) mod weights;

pub use config::ModelConfig;

use crate::{
    error::Result,
    kernel::{elementwise::Rotary, matmul},
    model::layout::{Layout, Matrix},
    rng::Rng,
};

/// Longest context for which rotary tables are made, whatever `config.json` promises.
pub const CONTEXT_MAX: usize = 32_768;

/// A decoder in memory: its parameters twice, once as stored and once with every matrix transposed,
/// because both directions of a product want contiguous rows on their right-hand side.
#[derive(Debug, Clone)]
pub struct Model {
    config: ModelConfig,
    pub(crate) layout: Layout,
    pub(crate) weights: Vec<f32>,
    pub(crate) transposed: Vec<f32>,
    pub(crate) rotary: Rotary,
}

impl Model {
    /// A model with random weights: normal with deviation 0.02 (scaled down by depth for the layers that
    /// write to the residual stream), gains of one.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn random(config: ModelConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let layout = Layout::new(&config);
        let mut weights = vec![0.0; layout.len];
        for tensor in &layout.tensors {
            let span = &mut weights[tensor.span.clone()];
            if tensor.shape.len() == 1 {
                span.fill(1.0);
                continue;
            }
            let mut rng = Rng::for_stream(seed, &tensor.name);
            let residual = tensor.name.contains("o_proj") || tensor.name.contains("down_proj");
            let depth = if residual { (2 * config.num_hidden_layers) as f64 } else { 1.0 };
            let inputs = tensor.shape[1] as f64;
            let deviation = if tensor.name.contains("embed") { 0.02 } else { inputs.powf(-0.5) };
            for weight in span {
                *weight = (rng.normal() * deviation / depth.sqrt()) as f32;
            }
        }
        Ok(Self::assemble(config, layout, weights))
    }

    pub(crate) fn assemble(config: ModelConfig, layout: Layout, weights: Vec<f32>) -> Self {
        assert_eq!(weights.len(), layout.len, "weights do not fit their layout");
        let positions = config.max_position_embeddings.min(CONTEXT_MAX);
        let rotary = Rotary::new(config.head_dim, config.rope_theta, positions);
        let transposed = vec![0.0; layout.len];
        let mut model = Self { config, layout, weights, transposed, rotary };
        model.refresh(1);
        model
    }

    /// The shape of the model.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Number of trainable parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.weights.len()
    }

    /// Longest sequence in tokens.
    #[must_use]
    pub fn context(&self) -> usize {
        self.config.max_position_embeddings.min(CONTEXT_MAX)
    }

    /// Recomputes the transposed copies after the weights changed.
    pub(crate) fn refresh(&mut self, threads: usize) {
        let mut jobs: Vec<(Matrix, &mut [f32])> = Vec::new();
        let mut rest = self.transposed.as_mut_slice();
        let mut consumed = 0;
        for matrix in self.layout.matrices() {
            let (_, tail) = rest.split_at_mut(matrix.span.start - consumed);
            let (mine, tail) = tail.split_at_mut(matrix.span.len());
            consumed = matrix.span.end;
            rest = tail;
            jobs.push((matrix, mine));
        }
        let weights = &self.weights;
        let work = |jobs: Vec<(Matrix, &mut [f32])>| {
            for (matrix, into) in jobs {
                let from = &weights[matrix.span.clone()];
                matmul::transpose(matrix.outputs, matrix.inputs, from, into);
            }
        };
        crate::parallel::split(threads, jobs, work);
    }

    pub(crate) fn matrix(&self, matrix: &Matrix) -> &[f32] {
        &self.weights[matrix.span.clone()]
    }

    pub(crate) fn matrix_transposed(&self, matrix: &Matrix) -> &[f32] {
        &self.transposed[matrix.span.clone()]
    }
}

#[cfg(test)]
mod tests;
