//! `/v1/embeddings`: the mean of the last hidden states of a text's tokens, made one long.
//!
//! That is a plain reading of a language model and no model trained to compare texts; it says so nowhere else, so
//! it must never be presented as more.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{
    Service,
    engine::{Embedding, Work},
    error::ApiError,
    handlers, request,
};

/// `POST /v1/embeddings`.
pub(super) async fn create(State(service): State<Arc<Service>>, body: Body) -> Response {
    let answer = async {
        let bytes = handlers::read(&service, body).await?;
        let fields = request::object(&bytes)?;
        handlers::check_name(&service, request::text(&fields, "model")?.as_deref())?;
        let in_base64 = form(&fields, service.limits.dimensions)?;
        let texts = request::texts(&fields, "input", &service.limits)?;
        let texts = handlers::encode(&service, texts, "input")?;
        handlers::fit(&service, &texts, "input", 0)?;
        let prompt_tokens: usize = texts.iter().map(Vec::len).sum();
        let vectors = embed(&service, texts).await?;
        let data = vectors.iter().enumerate().map(|(index, vector)| {
            let embedding = if in_base64 { json!(base64(vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        });
        Ok(handlers::json_response(&json!({
            "object": "list",
            "data": data.collect::<Value>(),
            "model": service.name(),
            "usage": { "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens },
        })))
    };
    handlers::counted(&service, answer.await)
}

/// Whether vectors are written in base 64; refuses forms that this model does not have.
fn form(fields: &Map<String, Value>, dimensions: usize) -> Result<bool, ApiError> {
    for field in ["dimensions", "output_dimension"] {
        if let Some(asked) = request::whole(fields, field, 1)?
            && asked != dimensions
        {
            let text = format!(
                "{field} is {asked}, this model's vectors have {dimensions} numbers: leave it out"
            );
            return Err(ApiError::field(field, text));
        }
    }
    match request::text(fields, "encoding_format")?.as_deref() {
        None | Some("float") => Ok(false),
        Some("base64") => Ok(true),
        Some(_) => Err(ApiError::field("encoding_format", "encoding_format is float or base64")),
    }
}

async fn embed(service: &Service, texts: Vec<Vec<u32>>) -> Result<Vec<Vec<f32>>, ApiError> {
    let count = texts.len();
    let permits = handlers::places(service, count)?;
    let (vectors, mut receiver) = mpsc::channel(count);
    for (index, (permit, tokens)) in permits.zip(texts).enumerate() {
        permit.send(Work::Embed(Embedding { index, tokens, vectors: vectors.clone() }));
    }
    drop(vectors);
    let mut done: Vec<Option<Vec<f32>>> = vec![None; count];
    while let Some((index, vector)) = receiver.recv().await {
        if let Some(place) = done.get_mut(index) {
            *place = Some(vector);
        }
    }
    let done: Option<Vec<Vec<f32>>> = done.into_iter().collect();
    done.ok_or_else(|| ApiError::internal("the engine stopped before all texts were read"))
}

/// Numbers as little-endian bytes in base 64 (RFC 4648 §4), as OpenAI's clients ask for.
fn base64(vector: &[f32]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let joined = group.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (joined >> (18 - 6 * place)) as usize & 63;
            let letter = if place <= group.len() { char::from(LETTERS[index]) } else { '=' };
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn numbers_in_base_64() {
        // The bytes 00 00 80 3f, and with them 00 00 00 c0, by the tables of RFC 4648.
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -2.0]), "AACAPwAAAMA=");
        assert_eq!(base64(&[0.0; 3]), "AAAAAAAAAAAAAAAA");
    }
}
