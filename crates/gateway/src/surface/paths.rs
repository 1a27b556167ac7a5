//! Answers for paths and methods that are not there, so that a client never reads a bare page.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode, Uri};

use crate::error::ApiError;
use crate::proxy::Gateway;

/// What there is.
const ROUTES: &str = "/v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses, \
                      /v1/fim/completions, /v1/files, /v1/batches, /v1/batch/jobs, /tokenize, /detokenize and \
                      /tokenizer_info";
/// Longest path that is repeated to whoever asked for it, in characters.
const PATH_CHARS_MAX: usize = 200;

/// 404 under `/v1`.
pub(crate) async fn unknown(State(gateway): State<Arc<Gateway>>, uri: Uri) -> Response {
    gateway
        .respond(async |_| {
            let path: String = uri.path().chars().take(PATH_CHARS_MAX).collect();
            let message = format!("there is no `{path}` here; this gateway has {ROUTES}");
            let kind = "invalid_request_error";
            Err(ApiError::new(StatusCode::NOT_FOUND, kind, "unknown_url", message))
        })
        .await
}

/// 405 on a path that is there.
pub(crate) async fn wrong_method(
    State(gateway): State<Arc<Gateway>>,
    method: Method,
    uri: Uri,
) -> Response {
    gateway
        .respond(async |_| {
            let path: String = uri.path().chars().take(PATH_CHARS_MAX).collect();
            let message = format!("`{path}` has no method {method}: use POST to ask, GET to read");
            let kind = "invalid_request_error";
            Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, kind, "method_not_allowed", message))
        })
        .await
}
