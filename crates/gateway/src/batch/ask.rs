//! One line of a batch on the gateway's own path, as the key that made the batch: asked, and asked again while
//! there is no room for it.
//!
//! It takes only what others leave: it never stands in line. Limits, budgets, residency and metering are those of
//! any request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use units::{Id, kinds};

use super::desk::Desk;
use super::id::Uuid;
use super::line::Line;
use crate::call::Call;
use crate::directory::Caller;
use crate::proxy::Gateway;

/// What an envelope adds to an answer, in bytes.
const ENVELOPE_BYTES: usize = 64 << 10;

/// What all lines of a batch have in common when they are asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) batch: Uuid,
    pub(super) key: Id<kinds::Key>,
    pub(super) call: Call,
}

/// What became of a line.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u32,
    /// Whether it goes into the file of results.
    pub(super) is_good: bool,
    pub(super) text: String,
}

/// A row of a result file, as OpenAI has it and Mistral too.
#[derive(Serialize)]
struct Told<'a> {
    id: String,
    custom_id: &'a str,
    response: Option<Response<'a>>,
    error: Option<Unasked<'a>>,
}

#[derive(Serialize)]
struct Response<'a> {
    status_code: u16,
    request_id: &'a str,
    body: &'a RawValue,
}

/// Why a line was not asked.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Unasked<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
}

/// An answer to one attempt.
struct Answer {
    status: StatusCode,
    request_id: String,
    retry_after: Option<Duration>,
    body: Bytes,
}

/// Asks a line until it has its answer; `None` if the process ends before.
pub(super) async fn ask(
    gateway: &Gateway,
    desk: &Desk,
    terms: Terms,
    (number, line): (u32, Line),
) -> Option<Row> {
    let (mut failures, mut pause) = (0, desk.config.retry_min);
    let mut stopping = desk.stopping.subscribe();
    loop {
        let answer = {
            let turn = desk.lines.acquire().await;
            let answer = attempt(gateway, desk, terms, &line.body).await;
            drop(turn);
            answer
        };
        let is_for_later = matches!(
            answer.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        failures += u32::from(answer.status.is_server_error() && !is_for_later);
        let again = answer.status.is_server_error() && failures < desk.config.attempts_max;
        if !is_for_later && !again {
            return Some(row(terms.batch, number, &line.custom_id, &answer));
        }
        let wait = answer.retry_after.unwrap_or_default().max(pause).min(desk.config.retry_max);
        pause = pause.saturating_mul(2).min(desk.config.retry_max);
        if tokio::time::timeout(wait, set(&mut stopping)).await.is_ok() {
            return None;
        }
    }
}

/// Waits until a switch is set; for ever is as long as whoever can set it lives.
pub(super) async fn set(switch: &mut watch::Receiver<bool>) {
    // An error means that nobody can set it any more: that is an end as well.
    let _ = switch.wait_for(|is_set| *is_set).await;
}

async fn attempt(gateway: &Gateway, desk: &Desk, terms: Terms, body: &str) -> Answer {
    // A key that has been revoked since asks nothing any more.
    match desk.safe.holder(terms.key) {
        Ok(caller) => send(gateway, caller, terms.call, body).await,
        Err(refusal) => {
            let error = gateway.refuse(refusal, "");
            let body = Bytes::from(error.envelope().to_string());
            let request_id = gateway.fresh_id().to_string();
            Answer { status: error.status, request_id, retry_after: None, body }
        }
    }
}

async fn send(gateway: &Gateway, caller: Caller, call: Call, body: &str) -> Answer {
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = call.method().clone();
    let path = call.paths().first().copied().unwrap_or_default();
    *request.uri_mut() = http::Uri::from_static(path);
    let (head, body) = gateway.call_for(caller, call, request).await.into_parts();
    let bytes_max = gateway.config().answer_bytes_max.saturating_add(ENVELOPE_BYTES);
    let request_id = text(&head.headers, "x-request-id").unwrap_or_default().to_owned();
    let retry_after = retry_after(&head.headers);
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => {
            Answer { status: head.status, request_id, retry_after, body: whole.to_bytes() }
        }
        Err(_) => {
            let error = crate::error::ApiError::bad_gateway("the answer broke off: retry");
            let body = Bytes::from(error.envelope().to_string());
            Answer { status: error.status, request_id, retry_after, body }
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| text(headers, name).and_then(|text| text.trim().parse::<u64>().ok());
    let ms = number("retry-after-ms").map(Duration::from_millis);
    ms.or_else(|| number("retry-after").map(Duration::from_secs))
}

fn row(batch: Uuid, line: u32, custom_id: &str, answer: &Answer) -> Row {
    let body = one_line(&answer.body);
    let response = Response {
        status_code: answer.status.as_u16(),
        request_id: &answer.request_id,
        body: &body,
    };
    let told = Told { id: id(batch, line), custom_id, response: Some(response), error: None };
    let is_good = answer.status.is_success();
    Row { line, is_good, text: serde_json::to_string(&told).unwrap_or_default() }
}

/// The row of a line that was not asked.
pub(super) fn unasked(batch: Uuid, line: u32, custom_id: &str, why: Unasked<'_>) -> String {
    let told = Told { id: id(batch, line), custom_id, response: None, error: Some(why) };
    serde_json::to_string(&told).unwrap_or_default()
}

fn id(batch: Uuid, line: u32) -> String {
    format!("{}_{line}", batch.batch_text().replace("batch_", "batch_req_"))
}

/// JSON in one line: its line ends stand between its parts only, since texts have them as escapes.
pub(super) fn one_line(body: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(body).replace(['\r', '\n'], " ");
    let shown = RawValue::from_string(text.trim().to_owned());
    // What is no JSON is told as a text; a text always is JSON.
    shown
        .or_else(|_| serde_json::value::to_raw_value(&text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests;
