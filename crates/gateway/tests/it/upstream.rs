//! An engine for tests: the model name it is asked for chooses how it behaves.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// One running engine.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: String,
    pub(crate) shared: Arc<Shared>,
}

/// What tests see of it and steer it with.
pub(crate) struct Shared {
    /// Requests received.
    pub(crate) seen: Mutex<Vec<(HeaderMap, Value)>>,
    /// Gated streams send one event per permit after their first.
    pub(crate) gate: Semaphore,
    /// Answers whose body is still held by the server.
    pub(crate) active: AtomicUsize,
}

struct Active(Arc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            gate: Semaphore::new(0),
            active: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> (HeaderMap, Value) {
        self.shared.seen.lock().unwrap().last().cloned().unwrap()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    // Tests see the request line beside the headers.
    headers.insert("x-line", format!("{method} {uri}").parse().unwrap());
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let streams = body["stream"] == json!(true);
    shared.seen.lock().unwrap().push((headers, body));
    match uri.path() {
        "/tokenizer_info" => return axum::Json(json!({"eos_token": "</s>"})).into_response(),
        "/tokenize" => return axum::Json(json!({"count": 2, "tokens": [1, 2]})).into_response(),
        "/v1/embeddings" => return vectors().into_response(),
        _ => {}
    }
    match model.as_str() {
        "busy" => (StatusCode::SERVICE_UNAVAILABLE, "overloaded").into_response(),
        "html" => (StatusCode::INTERNAL_SERVER_ERROR, "<html>secret</html>").into_response(),
        "locked" => (StatusCode::UNAUTHORIZED, "no").into_response(),
        "strict" => refusal().into_response(),
        "hang" => {
            let _active = activate(&shared);
            std::future::pending::<Response>().await
        }
        "garbage" => "not json".into_response(),
        // Answers once there is a permit.
        "held" => {
            let _active = activate(&shared);
            shared.gate.acquire().await.unwrap().forget();
            json_answer(&model).into_response()
        }
        // Has no room for the first two.
        "shy" if shared.seen.lock().unwrap().len() <= 2 => {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], "later").into_response()
        }
        _ if streams => stream_answer(&shared, (&model, uri.path() == "/v1/completions")),
        _ => json_answer(&model).into_response(),
    }
}

fn vectors() -> impl IntoResponse {
    let data = json!([{"object": "embedding", "index": 0, "embedding": [0.5, -1.25e-3]}]);
    let usage = json!({"prompt_tokens": 7, "total_tokens": 7});
    axum::Json(json!({"object": "list", "model": "internal", "data": data, "usage": usage}))
}

fn refusal() -> impl IntoResponse {
    let error = json!({"error": {"message": "too long", "type": "BadRequest", "code": 400}});
    (StatusCode::BAD_REQUEST, [("server", "engine")], axum::Json(error))
}

fn json_answer(model: &str) -> impl IntoResponse {
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14});
    let body = json!({"id": "c", "model": model, "choices": [{"index": 0, "message": {"content": "abc"}}], "usage": usage});
    let headers = [
        ("server", "engine"),
        ("set-cookie", "a=b"),
        ("keep-alive", "timeout=5"),
        ("x-request-id", "theirs"),
        ("openai-processing-ms", "7"),
    ];
    (headers, axum::Json(body))
}

fn activate(shared: &Arc<Shared>) -> Active {
    shared.active.fetch_add(1, Ordering::SeqCst);
    Active(Arc::clone(shared))
}

/// Events of a stream, of a chat or of a text; `mute` engines never tell usage, `abrupt` ones leave `[DONE]` out.
fn events(model: &str, is_text: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let (id, object, created) = ("chatcmpl-1", "chat.completion.chunk", 1_764_000_000);
        let mut chunk = json!({"id": id, "object": object, "created": created, "model": model});
        (chunk["choices"], chunk["usage"]) = (choices, usage);
        chunk.to_string()
    };
    let delta = |text: &str, reason: Value| {
        let delta = json!({"content": text});
        let mut choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        if is_text {
            choice = json!({"index": 0, "text": text, "finish_reason": reason});
        }
        chunk(json!([choice]), Value::Null)
    };
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14});
    let mut events =
        vec![delta("a", Value::Null), delta("b", Value::Null), delta("c", json!("stop"))];
    if model != "mute" && model != "cut" {
        events.push(chunk(json!([]), usage));
    }
    if model != "abrupt" && model != "cut" {
        events.push("[DONE]".into());
    }
    events.into_iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn stream_answer(shared: &Arc<Shared>, (model, is_text): (&str, bool)) -> Response {
    let (gated, breaks) = (model == "gated", model == "break");
    let held = activate(shared);
    let pieces =
        stream::iter(events(model, is_text).into_iter().enumerate()).then(move |(index, event)| {
            let shared = Arc::clone(&held.0);
            async move {
                // A broken stream waits too, so that what came before the break is out.
                if (gated && index > 0) || (breaks && index == 2) {
                    shared.gate.acquire().await.unwrap().forget();
                }
                if breaks && index == 2 {
                    return Err(std::io::Error::other("the engine died"));
                }
                Ok(event)
            }
        });
    let body = if model == "dribble" {
        // Every byte on its own, so events never arrive whole.
        let text: String = events(model, is_text).concat();
        let bytes: Vec<_> = text.bytes().map(|b| Ok::<_, Infallible>(vec![b])).collect();
        Body::from_stream(stream::iter(bytes))
    } else {
        Body::from_stream(pieces)
    };
    ([("content-type", "text/event-stream; charset=utf-8")], body).into_response()
}
