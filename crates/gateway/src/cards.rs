//! Model cards for `GET /v1/models`, in one shape that satisfies the OpenAI and Mistral clients.
//!
//! OpenAI's client wants id, object, created and owned_by; Mistral's also wants `capabilities`
//! and a `type` that tells base models from fine-tuned ones.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::directory::{ModelCard, Refusal};
use crate::error::ApiError;
use crate::proxy::Gateway;

/// `GET /v1/models`.
pub(crate) async fn list(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    gateway
        .respond(async |gateway| {
            let cards = visible(gateway, &headers)?;
            let data: Vec<Value> = cards.iter().map(card).collect();
            Ok(Json(json!({"object": "list", "data": data, "has_more": false})).into_response())
        })
        .await
}

/// `GET /v1/models/{id}`; the id may hold slashes.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    gateway
        .respond(async |gateway| {
            let cards = visible(gateway, &headers)?;
            let found = cards.iter().find(|card| card.id == id);
            let found = found.ok_or_else(|| gateway.refuse(Refusal::ModelNotFound, &id))?;
            Ok(Json(card(found)).into_response())
        })
        .await
}

fn visible(gateway: &Gateway, headers: &HeaderMap) -> Result<Vec<ModelCard>, ApiError> {
    let caller = gateway.authenticate(headers)?;
    Ok(gateway.directory().models(&caller))
}

/// What a client sees; capabilities say what this gateway serves, not what an engine might do.
fn card(card: &ModelCard) -> Value {
    let mut shown = json!({
        "id": card.id,
        "object": "model",
        "created": card.created_unix_s,
        "owned_by": card.owned_by,
        "type": if card.fine_tuned { "fine-tuned" } else { "base" },
        "max_context_length": card.context_tokens_max,
        "aliases": [],
        "capabilities": {
            "completion_chat": true,
            "completion_fim": false,
            "function_calling": false,
            "fine_tuning": false,
            "vision": false,
            "classification": false,
        },
    });
    // Mistral's client requires both on fine-tuned models. The directory does not tell the job,
    // so it stays empty; the root is the model itself.
    if card.fine_tuned
        && let Some(fields) = shown.as_object_mut()
    {
        fields.insert("job".into(), Value::from(""));
        fields.insert("root".into(), Value::from(card.id.as_str()));
        fields.insert("archived".into(), Value::from(false));
    }
    shown
}
