//! Answers that are not streams: JSON completions, and errors of replicas in OpenAI's envelope.
//!
//! These are read whole, up to a limit, because usage and model name may stand anywhere in them.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use crate::backend::Flow;
use crate::error::ApiError;
use crate::json::Fields;
use crate::tally::{Tally, Usage};

/// Headers of a replica that reach the client. Everything else, hop-by-hop headers included
/// (RFC 9110 §7.6.1), stays behind, since it speaks of our inside.
const PASSED_ON: [&str; 4] =
    ["retry-after", "retry-after-ms", "openai-processing-ms", "openai-version"];
/// Longest error message passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 4_096;

/// Copies the headers that may pass.
pub(crate) fn pass_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for name in PASSED_ON {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}

/// Reads a whole body.
///
/// # Errors
/// 502 when it is too large or breaks off, 504 when it falls silent.
pub(crate) async fn collect(
    body: Flow,
    bytes_max: usize,
    idle: Duration,
) -> Result<Bytes, ApiError> {
    let mut body = Limited::new(body, bytes_max);
    let mut held = Vec::new();
    loop {
        let frame = tokio::time::timeout(idle, body.frame()).await;
        match frame {
            Err(_) => return Err(ApiError::timeout("the model's server fell silent: retry later")),
            Ok(None) => return Ok(Bytes::from(held)),
            Ok(Some(Err(_))) => {
                let message = "the model's server broke off or answered too much: retry";
                return Err(ApiError::bad_gateway(message));
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    held.extend_from_slice(&data);
                }
            }
        }
    }
}

/// Turns a JSON completion into the client's answer and takes its usage.
///
/// # Errors
/// 502 when the body is not a JSON object.
pub(crate) fn completion(
    headers: &HeaderMap,
    body: &[u8],
    (model_json, id_json): (&str, &str),
    tally: &mut Tally,
) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(body).map_err(|_| {
        ApiError::bad_gateway("the model's server did not answer a JSON object: retry")
    })?;
    if let Some(usage) = usage(&fields) {
        tally.usage(usage);
    }
    if fields.has("model") {
        fields.set("model", model_json.into());
    }
    fields.set("id", id_json.into());
    let body = fields.to_json();
    tally.say(body.as_bytes());
    let mut response = Response::new(Body::from(body));
    pass_headers(headers, response.headers_mut());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The usage in a completion or chunk, when it is there and readable.
pub(crate) fn usage(fields: &Fields<'_>) -> Option<Usage> {
    fields.get("usage").and_then(|raw| serde_json::from_str(raw).ok())
}

/// Turns an error answer of a replica into the envelope; `body` is `None` if it was unreadable.
pub(crate) fn upstream_error(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Response {
    // A replica that refuses *us*, or sends us elsewhere, is our fault and not the client's.
    let ours = status.is_redirection()
        || status.is_informational()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        );
    if ours {
        return ApiError::bad_gateway("the model's server refused the gateway: tell the operator")
            .into_response();
    }
    let told = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let mut response = told
        .and_then(|told| translate(status, &told))
        .unwrap_or_else(|| {
            let message = format!("the model's server answered {}", status.as_u16());
            ApiError::new(status, kind_of(status), "upstream_error", message)
        })
        .into_response();
    pass_headers(headers, response.headers_mut());
    response
}

/// Reads OpenAI's envelope, or the flat forms older engines use (`message`, `detail`).
fn translate(status: StatusCode, told: &Value) -> Option<ApiError> {
    let inner = told.get("error").filter(|error| error.is_object()).unwrap_or(told);
    let message = ["message", "detail", "error"]
        .iter()
        .find_map(|name| inner.get(name).and_then(Value::as_str))?;
    let kind = inner.get("type").and_then(Value::as_str).unwrap_or_else(|| kind_of(status));
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    let mut error = ApiError::new(status, kind, "", message);
    let code = inner.get("code").filter(|code| code.is_string() || code.is_number());
    error.code = code.cloned().unwrap_or(Value::Null);
    error.param = inner.get("param").and_then(Value::as_str).map(Box::from);
    Some(error)
}

fn kind_of(status: StatusCode) -> &'static str {
    if status.is_client_error() { "invalid_request_error" } else { "server_error" }
}
