//! Whose tokenizer is meant: evaluation tools name no model when they ask for one.

use bytes::Bytes;
use http::HeaderMap;

use crate::call::Call;
use crate::directory::ModelCard;
use crate::error::ApiError;
use crate::json::{Fields, quote};

/// Names the model where a body cannot.
const MODEL_HEADER: &str = "x-cocarde-model";

/// The body with a model in it: as given there, in the query or in a header, or the only one that the key opens.
///
/// # Errors
/// 400 when nothing names the model and the key opens several, or none.
pub(crate) fn with_model(
    call: Call,
    (query, headers): (Option<&str>, &HeaderMap),
    body: Bytes,
    models: impl FnOnce() -> Vec<ModelCard>,
) -> Result<Bytes, ApiError> {
    let bytes: &[u8] = match call {
        Call::Tokenize | Call::Detokenize => &body,
        Call::TokenizerInfo => b"{}",
        Call::Chat | Call::Text | Call::Embeddings | Call::Responses | Call::Fim => {
            return Ok(body);
        }
    };
    let Ok(mut fields) = Fields::parse(bytes) else {
        // What is wrong with it is said where all bodies are read.
        return Ok(body);
    };
    if fields.get("model").is_some() {
        return Ok(body);
    }
    let named = headers.get(MODEL_HEADER).and_then(|value| value.to_str().ok().map(str::to_owned));
    let model = named.or_else(|| query.and_then(of_query)).map_or_else(|| only(&models()), Ok)?;
    fields.set("model", quote(&model));
    Ok(Bytes::from(fields.to_json()))
}

fn only(models: &[ModelCard]) -> Result<String, ApiError> {
    match models {
        [only] => Ok(only.id.clone()),
        _ => {
            let message = format!(
                "`model` is missing, and this key opens {} models: name one in `model` or in the header \
                 `{MODEL_HEADER}`, or use a key for one model only",
                models.len()
            );
            Err(ApiError::invalid(Some("model"), message))
        }
    }
}

/// The value of `model` in a query, its escapes undone.
fn of_query(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("model="))?;
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let both = digit(rest.next())? * 16 + digit(rest.next())?;
                u8::try_from(both).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
