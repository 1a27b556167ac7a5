//! What a client says in the head of its request: who it is, where it stands in its trace, which model it means;
//! and the head that a replica gets, in which nothing of it may begin another line.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::json::raw;
use crate::call::Call;
use crate::client::{Order, Target, fuzz};
use crate::observe::Tracer;
use crate::proxy::bearer;

const HEADERS_MAX: usize = 32;

static TRACER: LazyLock<Tracer> = LazyLock::new(|| Tracer::new(500_000, "1".into()).0);

pub(super) fn run(bytes: &[u8]) {
    let mut held = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut held);
    let Ok(httparse::Status::Complete(length)) = parsed.parse(bytes) else { return };
    let mut headers = HeaderMap::new();
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) {
            headers.append(name, value);
        }
    }
    who(&headers);
    if let Ok(uri) = parsed.path.unwrap_or_default().parse::<Uri>() {
        model(&headers, uri);
    }
    onward(&headers, bytes.get(length..).unwrap_or_default());
}

/// A key is one word or none; what is no plain text is no key.
fn who(headers: &HeaderMap) {
    let Some(key) = bearer(headers) else { return };
    assert!(!key.is_empty() && key.trim() == key);
    let given = headers["authorization"].to_str().expect("a key is text");
    let (scheme, rest) = given.split_once(' ').expect("a scheme and a key");
    assert!(scheme.eq_ignore_ascii_case("bearer") && rest.trim() == key);
}

/// The model's name goes into JSON, whatever its characters.
fn model(headers: &HeaderMap, uri: Uri) {
    let (mut head, ()) = http::Request::new(()).into_parts();
    (head.headers, head.uri) = (headers.clone(), uri);
    let asked = crate::surface::request(Call::TokenizerInfo, &head, Bytes::new(), Vec::new);
    let Ok(asked) = asked else { return };
    let fields = raw(&asked.body).expect("an object");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["model"]);
    let named: String = serde_json::from_str(fields["model"].get()).expect("a text");
    if let Some(Ok(given)) = headers.get("x-cocarde-model").map(HeaderValue::to_str) {
        assert_eq!(named, given);
    }
}

/// What a replica is sent has the lines that we wrote, and no others.
fn onward(headers: &HeaderMap, body: &[u8]) {
    let traced = TRACER.place(headers);
    let trace = (traced.onward(), traced.state.clone());
    if let Some(given) = headers.get("traceparent").and_then(|value| value.to_str().ok()) {
        let given = given.trim();
        let is_followed = traced.trace_id_text() == given.get(3..35).unwrap_or_default();
        assert_eq!(is_followed, is_traceparent(given), "`{given}`");
    }
    let request_id = headers.get("x-request-id").cloned();
    let request_id = request_id.unwrap_or(HeaderValue::from_static("r"));
    let order = Order {
        method: &Method::POST,
        path: "/v1/chat/completions",
        body: Bytes::copy_from_slice(body),
        request_id: Some(&request_id),
        trace: Some(&trace),
        timeout: std::time::Duration::from_secs(1),
        model: "m",
    };
    let host = headers.get("host").map_or(b"h".as_slice(), |host| host.as_bytes());
    let host = String::from_utf8_lossy(host);
    let authorization = headers.get("authorization");
    let target = Target { authorization, ..Target::near(&host) };
    let Some(written) = fuzz::written(&target, &order) else { return };
    let mut held = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut held);
    let length = parsed.parse(&written).expect("the head of a request");
    assert_eq!(length, httparse::Status::Complete(written.len()), "something follows the head");
    let lines: Vec<(&str, &[u8])> =
        parsed.headers.iter().map(|one| (one.name, one.value)).collect();
    let length = body.len().to_string();
    let mut expected = vec![
        ("host", host.as_bytes()),
        ("content-type", b"application/json".as_slice()),
        ("x-request-id", request_id.as_bytes()),
    ];
    expected.extend(authorization.map(|key| ("authorization", key.as_bytes())));
    expected.push(("traceparent", trace.0.as_bytes()));
    expected.extend(trace.1.as_ref().map(|state| ("tracestate", state.as_bytes())));
    expected.push(("content-length", length.as_bytes()));
    // Blanks around a value are no part of it.
    let trimmed = expected.into_iter().map(|(name, value)| (name, value.trim_ascii()));
    assert_eq!(lines, trimmed.collect::<Vec<_>>(), "a line is another, or one more");
}

/// W3C Trace Context, level 1, §3.2.2, place by place.
fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |range: std::ops::Range<usize>| {
        let part = bytes.get(range);
        part.is_some_and(|part| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let is_dash = |at: usize| bytes.get(at) == Some(&b'-');
    let is_set = |range| {
        bytes
            .get::<std::ops::Range<usize>>(range)
            .is_some_and(|part| part.iter().any(|byte| *byte != b'0'))
    };
    let is_plain = is_hex(0..2) && is_dash(2) && is_hex(3..35) && is_dash(35) && is_hex(36..52);
    let is_plain = is_plain && is_dash(52) && is_hex(53..55) && is_set(3..35) && is_set(36..52);
    let is_later = !text.starts_with("00") && is_dash(55);
    is_plain && !text.starts_with("ff") && (bytes.len() == 55 || is_later)
}
