//! What a model says before anything is drawn from it: for comparison with other engines.
//!
//! It must take the very path of evaluation and serving: cached decoding, not the training pass.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    error::{LmError, Result},
    generate::likeliest,
    model::{
        Model,
        decode::{Cache, Decoder, Feed},
    },
    tokenizer::TextTokenizer,
};

/// What a model says after one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptLogits {
    /// The prompt: raw text, no chat format around it.
    pub text: String,
    /// Its tokens, the begin token included.
    pub token_ids: Vec<u32>,
    /// One logit for each entry of the vocabulary, after the last token.
    pub last_logits: Vec<f32>,
    /// The likeliest tokens that follow, each given those before it; end tokens do not end them.
    pub greedy: Vec<u32>,
}

/// Computes the logits after each prompt, and the `n_greedy` likeliest tokens that follow.
///
/// # Errors
/// When the model cannot be read, or a prompt with what follows does not fit the context.
pub fn logits(folder: &Path, prompts: &[String], n_greedy: usize) -> Result<Vec<PromptLogits>> {
    let tokenizer = TextTokenizer::load(folder)?;
    let model = Model::load(folder)?;
    let mut decoder = Decoder::default();
    let one = |text: &String| {
        let token_ids = tokenizer.encode_prompt(text)?;
        let room = model.context().saturating_sub(n_greedy);
        if token_ids.is_empty() || token_ids.len() > room {
            let n_tokens = token_ids.len();
            let detail = format!("`{text}` has {n_tokens} tokens, 1 to {room} fit the context");
            return Err(LmError::setting("prompts", detail));
        }
        let mut cache = Cache::new(&model);
        let mut row = next(&model, &mut decoder, &mut cache, &token_ids);
        let last_logits = row.clone();
        let mut greedy = Vec::with_capacity(n_greedy);
        while greedy.len() < n_greedy {
            let token = likeliest(&row);
            greedy.push(token);
            row = next(&model, &mut decoder, &mut cache, &[token]);
        }
        Ok(PromptLogits { text: text.clone(), token_ids, last_logits, greedy })
    };
    prompts.iter().map(one).collect()
}

fn next(model: &Model, decoder: &mut Decoder, cache: &mut Cache, tokens: &[u32]) -> Vec<f32> {
    decoder.step(model, &mut [Feed { cache, tokens }]).to_vec()
}
