//! Answers that are not streams: JSON completions, and errors of replicas in OpenAI's envelope.
//!
//! These are read whole, up to a limit, because usage and model name may stand anywhere in them.

use std::time::Duration;

use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::backend::Flow;
use crate::body::Body;
use crate::error::ApiError;
use crate::json::Fields;
use crate::splice::{Change, Top};
use crate::surface::Shape;
use crate::tally::{Tally, Usage};
use crate::translate::Names;
use crate::within::within;

/// Headers of a replica that reach the client. Everything else, hop-by-hop headers included
/// (RFC 9110 §7.6.1), stays behind, since it speaks of our inside.
const PASSED_ON: [&str; 4] =
    ["retry-after", "retry-after-ms", "openai-processing-ms", "openai-version"];
/// Headers that an answer mostly has: those here, its id, limits, date and length.
const HEADERS: usize = 6;
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
    mut body: Flow,
    bytes_max: usize,
    idle: Duration,
) -> Result<Vec<u8>, ApiError> {
    let broken =
        || ApiError::bad_gateway("the model's server broke off or answered too much: retry");
    let length = body.length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if length > bytes_max {
        return Err(broken());
    }
    let mut held = Vec::with_capacity(length);
    loop {
        let more =
            std::future::poll_fn(|cx| body.poll_pieces(cx, |piece| held.extend_from_slice(piece)));
        match within(idle, more).await {
            None => return Err(ApiError::timeout("the model's server fell silent: retry later")),
            Some(None) => return Ok(held),
            Some(Some(Err(_))) => return Err(broken()),
            Some(Some(Ok(()))) if held.len() > bytes_max => return Err(broken()),
            Some(Some(Ok(()))) => {}
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
    names: &Names,
    (tally, shape): (&mut Tally, &Shape),
) -> Result<Response<Body>, ApiError> {
    tally.heard_whole(body);
    let shaped = match shape {
        Shape::Named => renamed(body, names, tally),
        Shape::Bare | Shape::Fim | Shape::Responses(_) => reshaped(body, names, tally, shape),
    };
    let body = shaped.map_err(|_| {
        ApiError::bad_gateway("the model's server did not answer a JSON object: retry")
    })?;
    tally.say(&body);
    let mut response = Response::new(Body::Whole(body.into()));
    response.headers_mut().reserve(HEADERS);
    pass_headers(headers, response.headers_mut());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer under the client's names.
fn renamed(body: &[u8], names: &Names, tally: &mut Tally) -> Result<Vec<u8>, serde_json::Error> {
    // Unlike an event that nobody could read, a body that is no JSON must not reach the client.
    let _: &RawValue = serde_json::from_slice(body)?;
    let top = Top::of(body).filter(|top| !top.is_empty());
    let Some(top) = top else {
        let mut fields = Fields::parse(body)?;
        if let Some(usage) = fields.get("usage").and_then(|raw| usage(raw.as_bytes())) {
            tally.usage(usage);
        }
        if fields.has("model") {
            fields.set("model", names.model_json.clone());
        }
        fields.set("id", names.id_json.clone());
        return Ok(fields.to_json().into_bytes());
    };
    if let Some(usage) = top.usage(body).and_then(usage) {
        tally.usage(usage);
    }
    let Names { model_json, id_json } = names;
    let change = Change { model_json, id_json, add_id: true, hide_usage: false };
    let mut out = Vec::with_capacity(body.len() + id_json.len() + model_json.len());
    top.write(body, change, &mut out);
    Ok(out)
}

/// The answer in the client's shape.
fn reshaped(
    body: &[u8],
    names: &Names,
    tally: &mut Tally,
    shape: &Shape,
) -> Result<Vec<u8>, serde_json::Error> {
    let fields = Fields::parse(body)?;
    if let Some(usage) = fields.get("usage").and_then(|raw| usage(raw.as_bytes())) {
        tally.usage(usage);
    }
    shape.whole(body, names)
}

/// What a completion or chunk says of usage, when it is readable.
pub(crate) fn usage(raw: &[u8]) -> Option<Usage> {
    serde_json::from_slice(raw).ok()
}

/// Turns an error answer of a replica into the envelope; `body` is `None` if it was unreadable.
pub(crate) fn upstream_error(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Response<Body> {
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
            .into_response()
            .map(Body::from);
    }
    let told = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let mut response = told
        .and_then(|told| translate(status, &told))
        .unwrap_or_else(|| {
            let message = format!("the model's server answered {}", status.as_u16());
            ApiError::new(status, kind_of(status), "upstream_error", message)
        })
        .into_response()
        .map(Body::from);
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
