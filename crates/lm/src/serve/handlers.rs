//! The routes: read, check, queue, answer. All waiting is bounded by the request's own limits.

use std::{
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
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    Service,
    answer::{Envelope, Kind},
    engine::{Event, Job, Work},
    error::ApiError,
    request::{self, Common, Prompt},
    stream::Incoming,
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
        "no route `{}`; this server has /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings, \
         /tokenize, /detokenize and /tokenizer_info",
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
        let prompts = encode(&service, prompts, "prompt")?;
        answer(&service, Kind::Completion, &common, prompts, "prompt").await
    };
    counted(&service, answer.await)
}

/// Tokens of each text, as the model reads it.
pub(super) fn encode(
    service: &Service,
    texts: Vec<Prompt>,
    param: &str,
) -> Result<Vec<Vec<u32>>, ApiError> {
    let one = |text| match text {
        Prompt::Tokens(tokens) => Ok(tokens),
        Prompt::Text(text) => service
            .tokenizer
            .encode_prompt(&text)
            .map_err(|error| ApiError::field(param, error.to_string())),
    };
    texts.into_iter().map(one).collect()
}

/// Counts what becomes of a request.
pub(super) fn counted(service: &Service, answer: Result<Response, ApiError>) -> Response {
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

/// The body, within its limits.
pub(super) async fn read(service: &Service, body: Body) -> Result<Bytes, ApiError> {
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

/// Refuses a name that is not one of the model's.
pub(super) fn check_name(service: &Service, name: Option<&str>) -> Result<(), ApiError> {
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
    // Whoever only wants the prompt rated may fill the context with it.
    fit(service, &prompts, param, usize::from(common.answer_tokens_max > 0))?;
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
    let echoes = if common.echo { echoes(service, &prompts)? } else { Vec::new() };
    let answers = common.answers;
    let choices = prompts.into_iter().flat_map(|prompt| vec![prompt; answers]).collect::<Vec<_>>();
    let echoes = echoes.into_iter().flat_map(|echo| vec![echo; answers]).collect::<Vec<_>>();
    let count = choices.len();
    let events = queue(service, common, choices, number)?;
    let incoming = Incoming { envelope, tokenizer: service.tokenizer.clone(), events, echoes };
    if common.stream {
        return Ok(incoming.streamed(count));
    }
    incoming.whole(count).await.map(|whole| json_response(&whole))
}

/// Refuses texts that the model's context does not hold with so many tokens to come.
pub(super) fn fit(
    service: &Service,
    texts: &[Vec<u32>],
    param: &str,
    to_come: usize,
) -> Result<(), ApiError> {
    let most = service.limits.context.saturating_sub(to_come);
    match texts.iter().map(Vec::len).find(|len| *len == 0 || *len > most) {
        Some(len) => {
            let text = format!("the {param} has {len} tokens, this model takes 1 to {most}");
            let code = Some("context_length_exceeded");
            Err(ApiError { code, ..ApiError::field(param, text) })
        }
        None => Ok(()),
    }
}

/// What an answer begins with that repeats its prompt.
fn echoes(service: &Service, prompts: &[Vec<u32>]) -> Result<Vec<String>, ApiError> {
    let texts = prompts.iter().map(|prompt| service.tokenizer.decode(prompt));
    let texts: crate::Result<Vec<String>> = texts.collect();
    texts.map_err(|error| ApiError::field("prompt", error.to_string()))
}

/// Places in the queue, all or none.
pub(super) fn places(
    service: &Service,
    count: usize,
) -> Result<mpsc::PermitIterator<'_, Work>, ApiError> {
    service.queue.try_reserve_many(count).map_err(|error| match error {
        mpsc::error::TrySendError::Full(()) => {
            ApiError::new(429, "queue_full", "too many requests are waiting; try again in a moment")
        }
        mpsc::error::TrySendError::Closed(()) => {
            ApiError::new(503, "engine_stopped", "the engine has stopped")
        }
    })
}

fn queue(
    service: &Service,
    common: &Common,
    prompts: Vec<Vec<u32>>,
    number: u64,
) -> Result<mpsc::Receiver<(usize, Event)>, ApiError> {
    let most = service.limits.prompts_max;
    if prompts.len() > most {
        let text =
            format!("n answers to each prompt are {}, at most {most} are given", prompts.len());
        return Err(ApiError::field("n", text));
    }
    let permits = places(service, prompts.len())?;
    let answer_tokens_max = common.answer_tokens_max.min(service.limits.context);
    let (sender, receiver) = mpsc::channel(prompts.len() * (answer_tokens_max + 3));
    for (index, (permit, prompt)) in permits.zip(prompts).enumerate() {
        let mut sampling = common.sampling(number.rotate_left(17));
        // Several answers to one prompt are drawn apart; the first is what one alone would be.
        sampling.seed = sampling.seed.wrapping_add((index % common.answers) as u64);
        permit.send(Work::Answer(Job {
            index,
            prompt,
            sampling,
            answer_tokens_max,
            stops: common.stops.clone(),
            alternatives: common.alternatives,
            rates_prompt: common.echo && common.alternatives.is_some(),
            events: sender.clone(),
        }));
    }
    Ok(receiver)
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

/// 200 with a JSON body.
pub(super) fn json_response(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::OK;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
