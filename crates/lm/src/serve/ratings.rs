//! How likely each token was, in the two shapes that OpenAI's clients read.
//!
//! A token that is no whole character is written as its bytes, `bytes:\xc3`, so that no two tokens look alike.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::{rate::Rated, tokenizer::TextTokenizer};

/// `logprobs` of a choice of `/v1/chat/completions`.
pub(super) fn chat(tokenizer: &TextTokenizer, tokens: &[Rated]) -> Value {
    let one = |token: u32, logprob: f32| {
        let bytes = tokenizer.bytes_of(token);
        json!({ "token": shown(&bytes), "logprob": logprob, "bytes": bytes })
    };
    let content = tokens.iter().map(|rated| {
        let mut shown = one(rated.token, rated.logprob);
        let alternatives = rated.likeliest.iter().map(|(token, logprob)| one(*token, *logprob));
        shown["top_logprobs"] = alternatives.collect();
        shown
    });
    json!({ "content": content.collect::<Value>(), "refusal": null })
}

/// `logprobs` of a choice of `/v1/completions`. `offset` counts the characters before these tokens, and is
/// moved behind them.
pub(super) fn completion<'a>(
    tokenizer: &TextTokenizer,
    tokens: impl Iterator<Item = (u32, Option<&'a Rated>)>,
    offset: &mut usize,
) -> Value {
    let (mut texts, mut logprobs) = (Vec::new(), Vec::new());
    let (mut alternatives, mut offsets) = (Vec::new(), Vec::new());
    for (token, rated) in tokens {
        let text = shown(&tokenizer.bytes_of(token));
        offsets.push(*offset);
        *offset += text.chars().count();
        texts.push(text);
        logprobs.push(rated.map(|rated| rated.logprob));
        alternatives.push(rated.map(|rated| {
            let mut named = Map::new();
            let own = std::iter::once((rated.token, rated.logprob));
            // The token itself is always among them; of two that look alike the likelier is told.
            for (token, logprob) in rated.likeliest.iter().copied().chain(own) {
                let name = shown(&tokenizer.bytes_of(token));
                named.entry(name).or_insert(Value::from(logprob));
            }
            Value::Object(named)
        }));
    }
    json!({
        "tokens": texts,
        "token_logprobs": logprobs,
        "top_logprobs": alternatives,
        "text_offset": offsets,
    })
}

/// A token for people, and as a key.
pub(super) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold(String::from("bytes:"), |mut text, byte| {
            // Writing into a text cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
            text
        }),
    }
}
