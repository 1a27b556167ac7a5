//! Forms with files, lines of batches, and what is made of answers to them.
//!
//! The first byte chooses: a form (its boundary on the first line), a line, or an answer's body.

use axum::body::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::batch::ask::{one_line, retry_after};
use crate::batch::line::{Common, Line};
use crate::batch::record::Dialect;
use crate::fuzzing::{choice, cuts};
use crate::json::Fields;

/// A field's name, the name of its file, and its bytes.
type Told = Vec<(String, Option<String>, Vec<u8>)>;

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime without sockets");
}

pub(crate) fn run(bytes: &[u8]) {
    let (chosen, rest) = choice(bytes);
    match chosen % 3 {
        0 => form(rest),
        1 => line(rest),
        _ => answer(rest),
    }
}

/// However a form is cut, its fields are the same, and none is held back for want of more.
fn form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (boundary, rest) = bytes.split_at(end);
    let kind = [b"multipart/form-data; boundary=", boundary].concat();
    let Ok(kind) = HeaderValue::from_bytes(&kind) else { return };
    let rest = rest.get(1..).unwrap_or_default();
    let [whole, bytewise, short, long] = cuts(rest).map(|pieces| {
        let pieces = pieces.into_iter().map(Bytes::copy_from_slice).collect();
        RUNTIME.with(|runtime| runtime.block_on(read(kind.clone(), pieces)).ok())
    });
    assert_eq!(whole, bytewise, "byte by byte");
    assert_eq!(whole, short, "in short pieces");
    assert_eq!(whole, long, "in long pieces");
}

/// The fields of a form as [`upload`] reads them.
async fn read(kind: HeaderValue, pieces: Vec<Bytes>) -> Result<Told, ApiError> {
    let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, axum::BoxError>));
    let ahead = Arc::new(AtomicUsize::new(0));
    let body = Body::from_stream(pieces).into_data_stream();
    let paced = Paced { body, ahead: Arc::clone(&ahead), is_due: false };
    let mut request = Request::new(Body::from_stream(paced));
    request.headers_mut().insert(CONTENT_TYPE, kind);
    let read = Multipart::from_request(request, &()).await;
    let mut form = read.map_err(|error| ApiError::invalid(None, error.body_text()))?;
    let (mut told, timeout) = (Vec::new(), Duration::from_secs(5));
    for _ in 0..FIELDS_MAX {
        let next = form.next_field().await.map_err(|error| broken(&error, &ahead))?;
        let Some(field) = next else { return Ok(told) };
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().map(ToOwned::to_owned);
        let mut source = Source { field, ahead: &ahead, timeout };
        if name == "file" {
            let mut held = Vec::new();
            while let Some(chunk) = source.next().await? {
                held.extend_from_slice(&chunk);
            }
            told.push((name, filename, held));
        } else {
            told.push((name, filename, value(source).await?.into_bytes()));
        }
    }
    Err(too_slow())
}

/// A line that can be asked has a body with a model, as it was written, and asks for no stream.
fn line(bytes: &[u8]) {
    for (dialect, model) in [(Dialect::OpenAi, None), (Dialect::Mistral, Some("a\"b"))] {
        let common = Common { dialect, endpoint: "/v1/chat/completions", model };
        let Ok(line) = Line::parse(common, 7, bytes) else { continue };
        assert!(!line.custom_id.is_empty());
        let body = Fields::parse(line.body.as_bytes()).expect("an object");
        assert!(body.get("model").is_some(), "no model is named");
        assert!(body.get("stream").is_none_or(|stream| stream == "false"));
        let given = Fields::parse(bytes).expect("an object");
        let given =
            Fields::parse(given.get("body").expect("a body").as_bytes()).expect("an object");
        for (name, value) in given.iter().filter(|(name, _)| *name != "model") {
            let is_same = body.iter().any(|one| one == (name, value));
            assert!(is_same, "`{name}` has changed");
        }
    }
}

/// Whatever an engine answers is one line of JSON in the file of answers, the same if it was JSON.
fn answer(bytes: &[u8]) {
    let told = one_line(bytes);
    assert!(!told.get().contains(['\r', '\n']), "a line in a line");
    let _: &RawValue = serde_json::from_str(told.get()).expect("JSON");
    // Numbers may be larger than are read here.
    if let Ok(given) = serde_json::from_slice::<Value>(bytes) {
        let told: Value = serde_json::from_str(told.get()).expect("the same JSON");
        assert_eq!(told, given, "another answer");
    }
    let mut headers = http::HeaderMap::new();
    for name in ["retry-after", "retry-after-ms"] {
        if let Ok(value) = HeaderValue::from_bytes(bytes) {
            headers.insert(name, value);
        }
    }
    let _ = retry_after(&headers);
}
