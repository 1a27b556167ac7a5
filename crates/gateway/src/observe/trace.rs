//! Traces: a request's place in its client's trace (W3C Trace Context), and spans for a collector.
//!
//! Spans are kept in a queue of fixed length until [`crate::SpanBatches`] hands them, in the JSON form of OTLP
//! 1.x, to whoever sends them; what does not fit is dropped and counted. Names are those of OpenTelemetry's
//! GenAI conventions. Off unless the application starts it; a prompt or an answer is never in a span.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::access_log::now;
use super::seen::Finished;
use crate::call::Call;

/// Spans that may wait.
const QUEUE_SPANS_MAX: usize = 4_096;
/// Spans sent at once.
const BATCH_SPANS_MAX: usize = 512;
/// Longest time that a span waits for others.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// Longest `tracestate` that is passed on, as the recommendation asks for at least.
const STATE_BYTES_MAX: usize = 512;

/// A request's place in a trace.
#[derive(Debug)]
pub(crate) struct Traced {
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
    server_span: [u8; 8],
    client_span: [u8; 8],
    is_sampled: bool,
    /// The client's `tracestate`.
    pub(crate) state: Option<HeaderValue>,
}

/// Starts traces and takes spans.
#[derive(Debug)]
pub(crate) struct Tracer {
    sender: SyncSender<Value>,
    counts: Arc<Counts>,
    /// Sampled if the trace's last 63 bits are below it.
    threshold: u64,
    random: [RandomState; 2],
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// Batches of spans on their way to a collector.
#[derive(Debug)]
pub struct SpanBatches {
    receiver: Receiver<Value>,
    counts: Arc<Counts>,
    service_version: String,
}

/// One request to a collector.
#[derive(Debug)]
pub struct SpanBatch {
    /// The body of `POST /v1/traces`: an `ExportTraceServiceRequest` in JSON.
    pub body: Vec<u8>,
    /// Spans in it.
    pub spans: u64,
}

impl Traced {
    /// What a replica is told: `00-<trace>-<the span of asking it>-<flags>`.
    pub(crate) fn onward(&self) -> String {
        let flags = if self.is_sampled { "01" } else { "00" };
        format!("00-{}-{}-{flags}", hex(&self.trace), hex(&self.client_span))
    }

    /// 32 hexadecimal digits.
    pub(crate) fn trace_id_text(&self) -> String {
        hex(&self.trace)
    }
}

impl Tracer {
    /// A tracer that samples this share of the traces that start here, in millionths; a client's own
    /// decision is followed.
    pub(crate) fn new(sampled_millionths: u32, service_version: String) -> (Self, SpanBatches) {
        let (sender, receiver) = sync_channel(QUEUE_SPANS_MAX);
        let counts = Arc::new(Counts::default());
        let share = u128::from(sampled_millionths.min(1_000_000));
        let threshold = u64::try_from((share << 63) / 1_000_000).unwrap_or(u64::MAX);
        let batches = SpanBatches { receiver, counts: Arc::clone(&counts), service_version };
        let random = [RandomState::new(), RandomState::new()];
        (Self { sender, counts, threshold, random, next: AtomicU64::new(1) }, batches)
    }

    /// Spans that a collector took.
    pub(crate) fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// Spans that were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Unpredictable enough for an id, and never zero, which would be no id.
    fn fresh(&self) -> [u8; 8] {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [first, second] = &self.random;
        (first.hash_one(number) ^ second.hash_one(!number)).max(1).to_be_bytes()
    }

    /// Finds a request's place: in its client's trace, or at the start of one.
    pub(crate) fn place(&self, headers: &HeaderMap) -> Traced {
        let (server_span, client_span) = (self.fresh(), self.fresh());
        let given = headers.get("traceparent").and_then(|value| parse_parent(value.as_bytes()));
        if let Some((trace, parent, is_sampled)) = given {
            let state = headers.get("tracestate").filter(|state| state.len() <= STATE_BYTES_MAX);
            let (parent, state) = (Some(parent), state.cloned());
            return Traced { trace, parent, server_span, client_span, is_sampled, state };
        }
        let (high, low) = (self.fresh(), self.fresh());
        let mut trace = [0; 16];
        trace[..8].copy_from_slice(&high);
        trace[8..].copy_from_slice(&low);
        let is_sampled = u64::from_be_bytes(low) & (u64::MAX >> 1) < self.threshold;
        Traced { trace, parent: None, server_span, client_span, is_sampled, state: None }
    }

    /// Takes the spans of a request that is over, or drops them.
    pub(crate) fn take(&self, finished: &Finished<'_>) {
        let Some(traced) = finished.traced.filter(|traced| traced.is_sampled) else { return };
        let (server, client) = spans(finished, traced);
        for span in [Some(server), client].into_iter().flatten() {
            if self.sender.try_send(span).is_err() {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl SpanBatches {
    /// Waits for the next batch; `None` once nothing can come any more. Blocks: for a thread of its own.
    pub fn next_batch(&self) -> Option<SpanBatch> {
        let mut spans = vec![self.receiver.recv().ok()?];
        let due = Instant::now() + BATCH_WAIT;
        while spans.len() < BATCH_SPANS_MAX {
            match self.receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(span) => spans.push(span),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [
                text("service.name", "cocarde-gateway"),
                text("service.version", &self.service_version),
            ]},
            "scopeSpans": [{"scope": {"name": "cocarde.gateway"}, "spans": spans}],
        }]});
        Some(SpanBatch { body: body.to_string().into_bytes(), spans: count })
    }

    /// Notes what became of a batch.
    pub fn settle(&self, batch: &SpanBatch, was_taken: bool) {
        let count = if was_taken { &self.counts.sent } else { &self.counts.dropped };
        count.fetch_add(batch.spans, Ordering::Relaxed);
    }
}

/// The span of answering and, if a replica was asked and answered, that of asking it.
fn spans(finished: &Finished<'_>, traced: &Traced) -> (Value, Option<Value>) {
    let facts = finished.facts;
    let end_us = u64::try_from(now().0).unwrap_or(0);
    let start_us = end_us.saturating_sub(finished.duration_us);
    let mut attributes = vec![
        text("gen_ai.operation.name", finished.call.operation().as_str()),
        text("gen_ai.provider.name", super::PROVIDER),
        text("http.request.method", finished.call.method().as_str()),
        text("http.route", finished.call.route()),
    ];
    if !facts.model.is_empty() {
        attributes.push(text("gen_ai.request.model", &facts.model));
        attributes.push(text("gen_ai.response.model", &facts.model));
    }
    let status = facts.status.map(|status| u64::from(status.as_u16()));
    attributes.extend(status.map(|status| number("http.response.status_code", status)));
    if let Some((prompt, completion, _)) = facts.tokens {
        attributes.push(number("gen_ai.usage.input_tokens", prompt));
        attributes.push(number("gen_ai.usage.output_tokens", completion));
    }
    if let Some(us) = facts.first_token_us {
        let value = json!({"doubleValue": Duration::from_micros(us).as_secs_f64()});
        attributes.push(json!({"key": "gen_ai.response.time_to_first_chunk", "value": value}));
    }
    let id = facts.request_id.as_ref().and_then(|id| id.to_str().ok());
    attributes.extend(id.map(|id| text("cocarde.request.id", id)));
    if let Some((project, key)) = facts.caller {
        attributes.push(text("cocarde.project.id", &project.to_string()));
        attributes.push(text("cocarde.key.id", &key.to_string()));
    }
    attributes.extend(facts.site.map(|site| text("cocarde.site.id", &site.to_string())));
    attributes.extend(facts.failure.map(|kind| text("error.type", kind.as_str())));
    let name = format!("{} {}", finished.call.operation().as_str(), facts.model);
    // For a span of a server, 4xx is no error of its own; code 2 is ERROR.
    let is_fault = status.is_none_or(|status| status >= 500)
        || facts.failure == Some(super::FailureKind::StreamBroken);
    let server = json!({
        "traceId": hex(&traced.trace),
        "spanId": hex(&traced.server_span),
        "parentSpanId": traced.parent.map_or_else(String::new, |parent| hex(&parent)),
        "name": name.trim_end(),
        "kind": 2,
        "startTimeUnixNano": nanos(start_us),
        "endTimeUnixNano": nanos(end_us),
        "attributes": attributes,
        "status": if is_fault { json!({"code": 2}) } else { json!({}) },
    });
    let client = facts.upstream.map(|(sent_us, _)| {
        asking(finished.call, traced, (start_us.saturating_add(sent_us), end_us))
    });
    (server, client)
}

/// The span of asking a replica.
fn asking(call: Call, traced: &Traced, (start_us, end_us): (u64, u64)) -> Value {
    json!({
        "traceId": hex(&traced.trace),
        "spanId": hex(&traced.client_span),
        "parentSpanId": hex(&traced.server_span),
        "name": call.method().as_str(),
        "kind": 3,
        "startTimeUnixNano": nanos(start_us),
        "endTimeUnixNano": nanos(end_us),
        "attributes": [
            text("http.request.method", call.method().as_str()),
            text("url.path", call.path()),
        ],
        "status": {},
    })
}

/// 64-bit numbers are texts in the JSON of Protocol Buffers.
fn nanos(us: u64) -> String {
    us.saturating_mul(1_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads `traceparent` (W3C Trace Context, level 1, §3.2): trace, parent, sampled.
fn parse_parent(value: &[u8]) -> Option<([u8; 16], [u8; 8], bool)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let mut parts = text.split('-');
    let version: [u8; 1] = unhex(parts.next()?)?;
    let (trace, parent) = (unhex::<16>(parts.next()?)?, unhex::<8>(parts.next()?)?);
    let [flags] = unhex::<1>(parts.next()?)?;
    let is_known = version == [0] && parts.next().is_none();
    let is_later = version != [0] && version != [0xff];
    let is_usable = (is_known || is_later) && trace != [0; 16] && parent != [0; 8];
    is_usable.then_some((trace, parent, flags & 1 == 1))
}

/// Lower-case hexadecimal digits only, as the recommendation has it.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}
