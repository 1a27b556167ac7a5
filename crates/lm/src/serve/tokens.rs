//! `/tokenize`, `/detokenize` and `/tokenizer_info`, in the shapes of vLLM's server: evaluation tools ask
//! them to cut texts into the very tokens that this model reads.

use std::{path::Path, sync::Arc};

use axum::{body::Body, extract::State, response::Response};
use serde_json::{Map, Value, json};

use super::{Service, error::ApiError, handlers, ratings, request};
use crate::{chat, files};

/// Largest `tokenizer_config.json` that is shown.
const CONFIG_BYTES_MAX: u64 = 16 << 20;
/// Fields of a tokenizer's configuration that are shown; the rest speaks of files and classes elsewhere.
const SHOWN: [&str; 9] = [
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "add_bos_token",
    "add_eos_token",
    "chat_template",
    "clean_up_tokenization_spaces",
    "model_max_length",
];

/// What a model folder says of its tokenizer; control tokens it does not name are null.
pub(super) fn info(folder: &Path, context: usize) -> Value {
    let bytes = files::read_limited(&folder.join("tokenizer_config.json"), CONFIG_BYTES_MAX);
    let told: Value =
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut shown = Map::new();
    for name in SHOWN {
        // A token may be given as an object with its text in `content`.
        let value = &told[name];
        let value = if value["content"].is_string() { &value["content"] } else { value };
        shown.insert(name.to_owned(), value.clone());
    }
    shown.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    shown.insert("max_model_len".to_owned(), json!(context));
    Value::Object(shown)
}

/// `GET /tokenizer_info`.
pub(super) async fn show(State(service): State<Arc<Service>>) -> Response {
    handlers::json_response(&service.tokenizer_info)
}

/// `POST /tokenize`: a prompt as it stands, or messages in the model's own format.
pub(super) async fn tokenize(State(service): State<Arc<Service>>, body: Body) -> Response {
    let answer = async {
        let bytes = handlers::read(&service, body).await?;
        let fields = request::object(&bytes)?;
        handlers::check_name(&service, request::text(&fields, "model")?.as_deref())?;
        let tokens = tokens(&service, &bytes, &fields)?;
        let strings = request::flag(&fields, "return_token_strs")?.then(|| {
            let shown = |token: &u32| ratings::shown(&service.tokenizer.bytes_of(*token));
            tokens.iter().map(shown).collect::<Vec<_>>()
        });
        Ok(handlers::json_response(&json!({
            "count": tokens.len(),
            "max_model_len": service.limits.context,
            "tokens": tokens,
            "token_strs": strings,
        })))
    };
    handlers::counted(&service, answer.await)
}

fn tokens(
    service: &Service,
    bytes: &[u8],
    fields: &Map<String, Value>,
) -> Result<Vec<u32>, ApiError> {
    if fields.contains_key("messages") {
        let (_, messages) = request::chat(bytes, &service.limits)?;
        return chat::render(&service.tokenizer, &messages)
            .map_err(|error| ApiError::field("messages", error.to_string()));
    }
    let prompt = request::text(fields, "prompt")?.ok_or_else(|| {
        ApiError::field("prompt", "give `prompt`, a text, or `messages`, a conversation")
    })?;
    // As in transformers, unless the request says otherwise.
    let with_begin = match fields.get("add_special_tokens") {
        None | Some(Value::Null) => true,
        Some(_) => request::flag(fields, "add_special_tokens")?,
    };
    let encoded = service.tokenizer.encode_raw(&prompt, with_begin);
    encoded.map_err(|error| ApiError::field("prompt", error.to_string()))
}

/// `POST /detokenize`: control tokens are written out, so that nothing is lost on the way.
pub(super) async fn detokenize(State(service): State<Arc<Service>>, body: Body) -> Response {
    let answer = async {
        let bytes = handlers::read(&service, body).await?;
        let fields = request::object(&bytes)?;
        handlers::check_name(&service, request::text(&fields, "model")?.as_deref())?;
        let listed = fields.get("tokens").and_then(Value::as_array);
        let tokens = listed.and_then(|listed| request::tokens(listed, &service.limits));
        let tokens = tokens.ok_or_else(|| {
            ApiError::field("tokens", "tokens must be an array of token ids of this model")
        })?;
        let text = service.tokenizer.decode_all(&tokens);
        let text = text.map_err(|error| ApiError::field("tokens", error.to_string()))?;
        Ok(handlers::json_response(&json!({ "prompt": text })))
    };
    handlers::counted(&service, answer.await)
}
