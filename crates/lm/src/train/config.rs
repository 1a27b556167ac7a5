//! The settings of a run, with defaults that suit the demo task on two cores.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    error::{LmError, Result},
    model::ModelConfig,
};

/// Everything a run depends on. All but `threads` and the paths is part of the run's fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// `train.jsonl`.
    pub dataset: PathBuf,
    /// `heldout.jsonl`, for the loss at the end; never learnt from.
    pub heldout: Option<PathBuf>,
    /// Folder that becomes the model; checkpoints live in its `checkpoints/`.
    pub output: PathBuf,
    /// Model folder to start from instead of random weights; its tokenizer must use our chat template.
    pub base: Option<PathBuf>,
    /// Name for the model card.
    pub name: String,
    /// Licence for the model card, an SPDX identifier.
    pub licence: String,
    /// Shape of a new model; ignored with `base`.
    pub shape: ShapeConfig,
    /// Seed of weights, order and conversations.
    pub seed: u64,
    /// Optimisation steps.
    pub steps: u64,
    /// Samples in a batch.
    pub batch_samples: usize,
    /// Largest number of samples joined into one conversation.
    pub turns_max: usize,
    /// Parts a batch is cut into; more than `threads` evens out a busy machine. Part of the result.
    pub shards: usize,
    /// Threads to compute on. Not part of the result.
    pub threads: usize,
    /// Learning rate after warm-up.
    pub learning_rate: f64,
    /// Share of the learning rate that is left at the end of the cosine.
    pub learning_rate_end: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// AdamW's decoupled weight decay, for matrices.
    pub weight_decay: f64,
    /// AdamW's first β.
    pub beta_first: f64,
    /// AdamW's second β.
    pub beta_second: f64,
    /// AdamW's ε.
    pub epsilon: f64,
    /// Longest gradient (Euclidean) that is not shortened.
    pub gradient_clip: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between progress reports and lines of `metrics.jsonl`.
    pub log_every: u64,
}

/// The shape of a new model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapeConfig {
    /// Most entries of the learnt vocabulary.
    pub vocab_size_max: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the SwiGLU gate.
    pub intermediate: usize,
    /// Longest sequence in tokens.
    pub context: usize,
    /// Tokens a token may see, itself included.
    pub sliding_window: Option<usize>,
    /// Whether the output layer is the embedding table.
    pub tied: bool,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
}

impl Default for ShapeConfig {
    fn default() -> Self {
        Self {
            vocab_size_max: 512,
            hidden: 128,
            layers: 3,
            heads: 8,
            key_heads: 4,
            head_dim: 16,
            intermediate: 320,
            context: 256,
            sliding_window: Some(128),
            tied: true,
            rope_theta: 10_000.0,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            dataset: PathBuf::from("train.jsonl"),
            heldout: None,
            output: PathBuf::from("model"),
            base: None,
            name: "nombres-fr-0.6m".to_owned(),
            licence: "cc0-1.0".to_owned(),
            shape: ShapeConfig::default(),
            seed: 1,
            steps: 1_000,
            batch_samples: 96,
            turns_max: 1,
            shards: 4,
            threads: 2,
            learning_rate: 2e-3,
            learning_rate_end: 0.01,
            warmup_steps: 50,
            weight_decay: 0.01,
            beta_first: 0.9,
            beta_second: 0.98,
            epsilon: 1e-8,
            gradient_clip: 1.0,
            checkpoint_every: 250,
            log_every: 25,
        }
    }
}

impl TrainConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range and the range.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("steps", self.steps, 100_000_000),
            ("batch_samples", self.batch_samples as u64, 65_536),
            ("turns_max", self.turns_max as u64, 1_024),
            ("shards", self.shards as u64, 256),
            ("threads", self.threads as u64, 256),
            ("checkpoint_every", self.checkpoint_every, u64::MAX),
            ("log_every", self.log_every, u64::MAX),
        ];
        for (field, value, most) in counts {
            if value == 0 || value > most {
                return Err(LmError::setting(field, format!("{value} is not in 1..={most}")));
            }
        }
        let numbers = [
            ("learning_rate", self.learning_rate, 1e-9, 1.0),
            ("learning_rate_end", self.learning_rate_end, 0.0, 1.0),
            ("weight_decay", self.weight_decay, 0.0, 1.0),
            ("beta_first", self.beta_first, 0.0, 0.999_99),
            ("beta_second", self.beta_second, 0.0, 0.999_99),
            ("epsilon", self.epsilon, 1e-12, 1.0),
            ("gradient_clip", self.gradient_clip, 1e-6, 1e6),
        ];
        for (field, value, low, high) in numbers {
            if !(low..=high).contains(&value) {
                return Err(LmError::setting(field, format!("{value} is not in {low}..={high}")));
            }
        }
        Ok(())
    }

    /// The learning rate of a step counted from 0: linear warm-up, then half a cosine.
    #[must_use]
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / span).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.learning_rate * (self.learning_rate_end + (1.0 - self.learning_rate_end) * cosine)
    }
}

impl ShapeConfig {
    /// The Hugging Face configuration for a vocabulary and its control tokens.
    pub(crate) fn model_config(&self, vocab_size: usize, control: [u32; 3]) -> ModelConfig {
        let [begin, end, pad] = control;
        ModelConfig {
            vocab_size,
            hidden_size: self.hidden,
            intermediate_size: self.intermediate,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.key_heads,
            head_dim: self.head_dim,
            max_position_embeddings: self.context,
            rms_norm_eps: 1e-5,
            rope_theta: self.rope_theta,
            sliding_window: self.sliding_window,
            tie_word_embeddings: self.tied,
            bos_token_id: Some(begin),
            eos_token_ids: vec![end],
            pad_token_id: Some(pad),
        }
    }
}
