//! The shape of a model, read from and written to Hugging Face `config.json`.
//!
//! It must never accept a configuration that this engine would run differently from transformers.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    error::{LmError, Result},
    kernel::attention::Heads,
};

/// Largest number in any size field: keeps products of sizes far from overflow.
const SIZE_MAX: u64 = 1 << 24;

/// The shape of a decoder of the Mistral or Llama kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the SwiGLU gate.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// ε of the normalisations.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Tokens a token may see, itself included; none for all.
    pub sliding_window: Option<usize>,
    /// Whether the output layer is the embedding table.
    pub tie_word_embeddings: bool,
    /// First token of a sequence, if the model has one.
    pub bos_token_id: Option<u32>,
    /// Tokens that end an answer.
    pub eos_token_ids: Vec<u32>,
    /// Padding token, if the model has one.
    pub pad_token_id: Option<u32>,
}

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When the file is unreadable, not JSON, lacks a field, or describes a model this engine does not run.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| LmError::io("read", path, error))?;
        let root: Value = serde_json::from_slice(&text)
            .map_err(|error| LmError::format(path, "config.json", error))?;
        let fields = Fields { root: &root, path };
        fields.refuse_what_differs()?;
        let num_attention_heads = fields.size("num_attention_heads", None)?;
        let hidden_size = fields.size("hidden_size", None)?;
        let config = Self {
            vocab_size: fields.size("vocab_size", None)?,
            hidden_size,
            intermediate_size: fields.size("intermediate_size", None)?,
            num_hidden_layers: fields.size("num_hidden_layers", None)?,
            num_attention_heads,
            num_key_value_heads: fields.size("num_key_value_heads", Some(num_attention_heads))?,
            head_dim: fields.size("head_dim", Some(hidden_size / num_attention_heads.max(1)))?,
            max_position_embeddings: fields.size("max_position_embeddings", Some(2_048))?,
            rms_norm_eps: fields.number("rms_norm_eps", 1e-6)?,
            rope_theta: fields.rope_theta()?,
            sliding_window: fields.optional_size("sliding_window")?,
            tie_word_embeddings: root["tie_word_embeddings"].as_bool().unwrap_or(false),
            bos_token_id: fields.tokens("bos_token_id")?.first().copied(),
            eos_token_ids: fields.tokens("eos_token_id")?,
            pad_token_id: fields.tokens("pad_token_id")?.first().copied(),
        };
        config.check().map_err(|error| LmError::format(path, "config.json", error))?;
        Ok(config)
    }

    /// Checks the relations between the sizes.
    ///
    /// # Errors
    /// Names the first setting that does not fit.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ];
        for (field, size) in sizes {
            if size == 0 || size as u64 > SIZE_MAX {
                return Err(LmError::setting(field, format!("{size} is not in 1..={SIZE_MAX}")));
            }
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(LmError::setting("head_dim", "must be even for rotary positions"));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let detail = "must divide num_attention_heads";
            return Err(LmError::setting("num_key_value_heads", detail));
        }
        let special = self.eos_token_ids.iter().chain(&self.bos_token_id).chain(&self.pad_token_id);
        for token in special {
            if *token as usize >= self.vocab_size {
                let detail = format!("token {token} is outside the vocabulary");
                return Err(LmError::setting("eos_token_id", detail));
            }
        }
        Ok(())
    }

    /// The contents of `config.json`: transformers 4 reads `rope_theta`, transformers 5 `rope_parameters`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "architectures": ["MistralForCausalLM"],
            "model_type": "mistral",
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_token_ids.first(),
            "pad_token_id": self.pad_token_id,
            "dtype": "float32",
            "torch_dtype": "float32",
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_parameters": { "rope_theta": self.rope_theta, "rope_type": "default" },
            "sliding_window": self.sliding_window,
            "tie_word_embeddings": self.tie_word_embeddings,
            "use_cache": true,
            "vocab_size": self.vocab_size,
        })
    }

    pub(crate) fn heads(&self) -> Heads {
        Heads {
            queries: self.num_attention_heads,
            keys: self.num_key_value_heads,
            width: self.head_dim,
            window: self.sliding_window.unwrap_or(usize::MAX),
        }
    }
}

struct Fields<'a> {
    root: &'a Value,
    path: &'a Path,
}

impl Fields<'_> {
    fn refuse_what_differs(&self) -> Result<()> {
        let unsupported =
            |detail: String| LmError::Unsupported { path: self.path.to_path_buf(), detail };
        let known = ["MistralForCausalLM", "LlamaForCausalLM"];
        let architecture = self.root["architectures"][0].as_str().unwrap_or("none");
        if !known.contains(&architecture) {
            return Err(unsupported(format!("architecture `{architecture}` is not supported")));
        }
        let activation = self.root["hidden_act"].as_str().unwrap_or("silu");
        if activation != "silu" {
            return Err(unsupported(format!("activation `{activation}` is not supported")));
        }
        for bias in ["attention_bias", "mlp_bias"] {
            if self.root[bias].as_bool().unwrap_or(false) {
                return Err(unsupported(format!("`{bias}` is not supported")));
            }
        }
        let scaled = ["rope_scaling", "rope_parameters"].iter().find_map(|field| {
            let rope = &self.root[*field];
            let kind = rope["rope_type"].as_str().or(rope["type"].as_str()).unwrap_or("default");
            (kind != "default").then(|| format!("rotary scaling `{kind}` is not supported"))
        });
        scaled.map_or(Ok(()), |detail| Err(unsupported(detail)))
    }

    fn size(&self, field: &'static str, default: Option<usize>) -> Result<usize> {
        match (&self.root[field], default) {
            (Value::Null, Some(default)) => Ok(default),
            (value, _) => match value.as_u64() {
                Some(size) if size <= SIZE_MAX => Ok(size as usize),
                Some(_) | None => Err(self.wrong(field, "a size")),
            },
        }
    }

    fn optional_size(&self, field: &'static str) -> Result<Option<usize>> {
        match &self.root[field] {
            Value::Null => Ok(None),
            _ => self.size(field, None).map(Some),
        }
    }

    fn number(&self, field: &'static str, default: f64) -> Result<f64> {
        match &self.root[field] {
            Value::Null => Ok(default),
            value => value
                .as_f64()
                .filter(|number| number.is_finite() && *number > 0.0)
                .ok_or_else(|| self.wrong(field, "a positive number")),
        }
    }

    fn rope_theta(&self) -> Result<f64> {
        match self.root["rope_parameters"]["rope_theta"].as_f64() {
            Some(theta) if theta.is_finite() && theta > 0.0 => Ok(theta),
            Some(_) => Err(self.wrong("rope_parameters", "a positive rope_theta")),
            None => self.number("rope_theta", 10_000.0),
        }
    }

    fn tokens(&self, field: &'static str) -> Result<Vec<u32>> {
        let one = |value: &Value| {
            let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
            id.ok_or_else(|| self.wrong(field, "a token id"))
        };
        match &self.root[field] {
            Value::Null => Ok(Vec::new()),
            Value::Array(values) => values.iter().map(one).collect(),
            value => Ok(vec![one(value)?]),
        }
    }

    fn wrong(&self, field: &str, wanted: &str) -> LmError {
        let detail = format!("field `{field}` must be {wanted}, found `{}`", self.root[field]);
        LmError::format(self.path, "config.json", detail)
    }
}
