//! The routes: read, check, queue, answer. All waiting is bounded by the request's own limits.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    Service,
    answer::{Envelope, Kind},
    engine::{Done, Event, Job},
    error::ApiError,
    request::{self, Common, Prompt},
};
use crate::chat;

/// A client that needs longer to send its request is cut off.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn health(State(service): State<Arc<Service>>) -> Response {
    // The queue closes when the engine's thread has ended, for whatever reason.
    if service.queue.is_closed() {
        return ApiError::new(503, "engine_stopped", "the engine has stopped").into_response();
    }
    json_response(&json!({ "status": "ok", "model": service.name() }))
}

pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let waiting = service.queue.max_capacity().saturating_sub(service.queue.capacity());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, service.metrics.render(waiting)).into_response()
}

pub(super) async fn models(State(service): State<Arc<Service>>) -> Response {
    let data: Vec<Value> = service.names.iter().map(|name| describe(&service, name)).collect();
    json_response(&json!({ "object": "list", "data": data }))
}

pub(super) async fn model(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    check_name(&service, Some(&name))?;
    Ok(json_response(&describe(&service, &name)))
}

pub(super) async fn unknown_path(uri: Uri) -> ApiError {
    let text = format!(
        "no route `{}`; this server has /v1/models, /v1/chat/completions and /v1/completions",
        uri.path()
    );
    ApiError::new(404, "unknown_url", text)
}

pub(super) async fn wrong_method() -> ApiError {
    ApiError::new(405, "method_not_allowed", "this route does not have that method")
}

pub(super) async fn chat(State(service): State<Arc<Service>>, body: Body) -> Response {
    let answer = async {
        let bytes = read(&service, body).await?;
        let (common, messages) = request::chat(&bytes, &service.limits)?;
        check_name(&service, common.model.as_deref())?;
        let prompt = chat::render(&service.tokenizer, &messages)
            .map_err(|error| ApiError::field("messages", error.to_string()))?;
        let prompts = vec![prompt];
        answer(&service, Kind::Chat, &common, prompts, "messages").await
    };
    counted(&service, answer.await)
}

pub(super) async fn completions(State(service): State<Arc<Service>>, body: Body) -> Response {
    let answer = async {
        let bytes = read(&service, body).await?;
        let (common, prompts) = request::completion(&bytes, &service.limits)?;
        check_name(&service, common.model.as_deref())?;
        let encode = |prompt| match prompt {
            Prompt::Tokens(tokens) => Ok(tokens),
            Prompt::Text(text) => service
                .tokenizer
                .encode_prompt(&text)
                .map_err(|error| ApiError::field("prompt", error.to_string())),
        };
        let prompts = prompts.into_iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        answer(&service, Kind::Completion, &common, prompts, "prompt").await
    };
    counted(&service, answer.await)
}

fn counted(service: &Service, answer: Result<Response, ApiError>) -> Response {
    match answer {
        Ok(response) => {
            service.metrics.add_request();
            response
        }
        Err(error) => {
            service.metrics.add_refused();
            error.into_response()
        }
    }
}

async fn read(service: &Service, body: Body) -> Result<Bytes, ApiError> {
    let most = service.body_bytes_max;
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let text = format!("the body was cut off or is larger than {most} bytes");
            Err(ApiError::new(413, "body_too_large", text))
        }
        Err(_) => Err(ApiError::new(408, "body_timeout", "the body did not arrive in time")),
    }
}

fn check_name(service: &Service, name: Option<&str>) -> Result<(), ApiError> {
    match name {
        Some(name) if !service.names.iter().any(|known| known == name) => {
            let known = service.names.join("`, `");
            let text = format!("model `{name}` is not served here; this server has `{known}`");
            let param = Some("model".to_owned());
            Err(ApiError { param, ..ApiError::new(404, "model_not_found", text) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Queues every prompt, all or none, and answers in the form that was asked for.
async fn answer(
    service: &Service,
    kind: Kind,
    common: &Common,
    prompts: Vec<Vec<u32>>,
    param: &str,
) -> Result<Response, ApiError> {
    let context = service.limits.context;
    for prompt in &prompts {
        let len = prompt.len();
        if len == 0 || len >= context {
            let text =
                format!("the prompt has {len} tokens, this model takes 1 to {}", context - 1);
            let code = Some("context_length_exceeded");
            return Err(ApiError { code, ..ApiError::field(param, text) });
        }
    }
    let prefix = if kind == Kind::Chat { "chatcmpl" } else { "cmpl" };
    let number = service.number();
    let envelope = Envelope {
        kind,
        id: format!("{prefix}-{number:016x}"),
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        model: service.name().to_owned(),
        fingerprint: service.fingerprint.clone(),
        prompt_tokens: prompts.iter().map(Vec::len).sum(),
        include_usage: common.include_usage,
    };
    let count = prompts.len();
    let events = queue(service, common, prompts, number)?;
    if common.stream {
        return Ok(stream_response(Stream::new(envelope, events, count)));
    }
    collect(events, count).await.map(|answers| json_response(&envelope.whole(&answers)))
}

fn queue(
    service: &Service,
    common: &Common,
    prompts: Vec<Vec<u32>>,
    number: u64,
) -> Result<mpsc::Receiver<(usize, Event)>, ApiError> {
    let permits = service.queue.try_reserve_many(prompts.len()).map_err(|error| match error {
        mpsc::error::TrySendError::Full(()) => {
            ApiError::new(429, "queue_full", "too many requests are waiting; try again in a moment")
        }
        mpsc::error::TrySendError::Closed(()) => {
            ApiError::new(503, "engine_stopped", "the engine has stopped")
        }
    })?;
    let answer_tokens_max = common.answer_tokens_max.min(service.limits.context);
    let (sender, receiver) = mpsc::channel(prompts.len() * (answer_tokens_max + 2));
    for (index, (permit, prompt)) in permits.zip(prompts).enumerate() {
        permit.send(Job {
            index,
            prompt,
            sampling: common.sampling(number.rotate_left(17)),
            answer_tokens_max,
            stops: common.stops.clone(),
            events: sender.clone(),
        });
    }
    Ok(receiver)
}

async fn collect(
    mut events: mpsc::Receiver<(usize, Event)>,
    count: usize,
) -> Result<Vec<(String, Done)>, ApiError> {
    let mut answers: Vec<(String, Option<Done>)> = vec![(String::new(), None); count];
    while let Some((index, event)) = events.recv().await {
        match (answers.get_mut(index), event) {
            (Some(answer), Event::Text(text)) => answer.0.push_str(&text),
            (Some(answer), Event::Done(done)) => answer.1 = Some(done),
            (_, Event::Failed(message)) => return Err(ApiError::internal(message)),
            (None, Event::Text(_) | Event::Done(_)) => {}
        }
    }
    let finished = answers.into_iter().map(|(text, done)| done.map(|done| (text, done))).collect();
    let finished: Option<Vec<(String, Done)>> = finished;
    finished.ok_or_else(|| ApiError::internal("the engine stopped before the answer was complete"))
}

/// An answer on its way out as server-sent events.
struct Stream {
    envelope: Envelope,
    events: mpsc::Receiver<(usize, Event)>,
    /// Prompts that have not ended.
    open: usize,
    generated: usize,
    /// Chunks that are ready.
    ready: Vec<Bytes>,
    over: bool,
}

impl Stream {
    fn new(envelope: Envelope, events: mpsc::Receiver<(usize, Event)>, count: usize) -> Self {
        let ready =
            (0..count).rev().filter_map(|i| envelope.opening(i)).map(|c| frame(&c)).collect();
        Self { envelope, events, open: count, generated: 0, ready, over: false }
    }

    /// The next chunk; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop() {
                return Some(chunk);
            }
            if self.over {
                return None;
            }
            let event = self.events.recv().await;
            self.take(event);
        }
    }

    /// Turns an event into chunks, last one first, because they are popped.
    fn take(&mut self, event: Option<(usize, Event)>) {
        match event {
            Some((index, Event::Text(text))) => {
                self.ready.push(frame(&self.envelope.text(index, &text)))
            }
            Some((index, Event::Done(done))) => {
                self.open = self.open.saturating_sub(1);
                self.generated += done.tokens;
                if self.open == 0 {
                    self.over = true;
                    self.ready.push(Bytes::from_static(b"data: [DONE]\n\n"));
                    self.ready.extend(self.envelope.closing(self.generated).map(|c| frame(&c)));
                }
                self.ready.push(frame(&self.envelope.end(index, done)));
            }
            Some((_, Event::Failed(message))) => self.fail(message),
            None => self.fail("the engine stopped before the answer was complete".to_owned()),
        }
    }

    fn fail(&mut self, message: String) {
        self.over = true;
        self.ready.push(frame(&ApiError::internal(message).body()));
    }
}

fn frame(chunk: &Value) -> Bytes {
    Bytes::from(format!("data: {chunk}\n\n"))
}

fn stream_response(stream: Stream) -> Response {
    let chunks = stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), stream))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn describe(service: &Service, name: &str) -> Value {
    json!({
        "id": name,
        "object": "model",
        "created": service.created,
        "owned_by": "cocarde",
        "max_model_len": service.limits.context,
    })
}

fn json_response(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::OK;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
