//! A mock of an inference engine for benchmarks of what stands before it: it computes nothing, and says so in
//! its model's name. Answers have as many tokens as were asked for; the cache is simulated.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::net::TcpListener;

use super::{cache::PrefixCache, mock};

/// The model that it says it has.
pub(crate) const MODEL: &str = "mock";
/// Largest body that it reads.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Most tokens of one answer.
const TOKENS_MAX: u32 = 1_000_000;

/// How it behaves.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// Tokens of an answer when the request does not say.
    pub(crate) tokens: u32,
    /// Time until the first token.
    pub(crate) first_token: Duration,
    /// Time between two tokens.
    pub(crate) gap: Duration,
    /// Time to read one token of the prompt that the cache does not have.
    pub(crate) prefill_per_token: Duration,
    /// Bytes of text for one token.
    pub(crate) bytes_per_token: u32,
    /// Tokens of a block of the simulated cache.
    pub(crate) block_tokens: u32,
    /// Blocks that the simulated cache holds; 0 for no cache.
    pub(crate) cache_blocks: usize,
}

struct Mock {
    behaviour: Behaviour,
    cache: Mutex<PrefixCache>,
    /// One streamed token, the same each time.
    delta: Bytes,
}

#[derive(Debug, Deserialize)]
struct Asked<'a> {
    #[serde(default)]
    stream: bool,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    response_format: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
}

impl Asked<'_> {
    /// Whether text alone is wanted, which is what benchmarks ask for.
    fn is_plain(&self) -> bool {
        let special = [self.tools, self.response_format, self.logprobs, self.n];
        special.iter().all(Option::is_none)
    }
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// What an answer will say.
#[derive(Debug, Clone, Copy)]
struct Plan {
    prompt_tokens: u64,
    cached_tokens: u64,
    tokens: u32,
}

/// Serves until the process ends.
///
/// # Errors
/// If a connection can no longer be taken.
pub(crate) async fn serve(listener: TcpListener, behaviour: Behaviour) -> anyhow::Result<()> {
    let block_bytes = super::prompt::bytes_of(behaviour.block_tokens, behaviour.bytes_per_token);
    let delta = format!(
        "data: {{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"{MODEL}\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"tok \"}},\"finish_reason\":null}}]}}\n\n"
    );
    let mock = Arc::new(Mock {
        cache: Mutex::new(PrefixCache::new(block_bytes, behaviour.cache_blocks)),
        behaviour,
        delta: Bytes::from(delta),
    });
    loop {
        let (stream, _): (_, SocketAddr) =
            listener.accept().await.context("cannot take a connection")?;
        // A connection that is gone already ends by itself.
        let _ = stream.set_nodelay(true);
        let mock = Arc::clone(&mock);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let mock = Arc::clone(&mock);
                async move { Ok::<_, Infallible>(answer(&mock, request).await) }
            });
            // A client that goes away is not an event here.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(mock: &Arc<Mock>, request: Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/health" | "/healthz") => json(StatusCode::OK, "{}".to_owned()),
        (&Method::GET, "/v1/models") => json(
            StatusCode::OK,
            format!(
                "{{\"object\":\"list\",\"data\":[{{\"id\":\"{MODEL}\",\"object\":\"model\",\"created\":0,\"owned_by\":\"mock\"}}]}}"
            ),
        ),
        (&Method::POST, "/v1/chat/completions" | "/v1/completions" | "/v1/embeddings") => {
            let path = request.uri().path().to_owned();
            let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
            let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
                return error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off");
            };
            let is_chat = path == "/v1/chat/completions";
            match serde_json::from_slice::<Asked<'_>>(&body) {
                Ok(asked) if is_chat && asked.is_plain() => {
                    complete(mock, &asked, body.len()).await
                }
                Ok(_) => imitate(&path, &body),
                Err(_) => error(StatusCode::BAD_REQUEST, "the body is no request for a completion"),
            }
        }
        _ => error(StatusCode::NOT_FOUND, "the mock has no such path"),
    }
}

/// What is asked for beyond plain text, answered at once.
fn imitate(path: &str, body: &[u8]) -> Response<Body> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    match mock::answer(path, &asked) {
        None => error(StatusCode::NOT_FOUND, "the mock has no such path"),
        Some(mock::Reply::Whole(told)) => json(StatusCode::OK, told.to_string()),
        Some(mock::Reply::Events(events)) => {
            let data = events.iter().map(|event| format!("data: {event}\n\n"));
            let ended = data.chain(std::iter::once("data: [DONE]\n\n".to_owned()));
            let frames = ended.map(|event| Ok(Frame::data(Bytes::from(event))));
            let frames = futures_util::stream::iter(frames.collect::<Vec<_>>());
            let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
            let kind = header::HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    }
}

async fn complete(mock: &Arc<Mock>, asked: &Asked<'_>, body_bytes: usize) -> Response<Body> {
    let plan = plan(mock, asked, body_bytes);
    let behaviour = &mock.behaviour;
    let fresh = u32::try_from(plan.prompt_tokens.saturating_sub(plan.cached_tokens));
    let prefill = behaviour.prefill_per_token.saturating_mul(fresh.unwrap_or(u32::MAX));
    let first = behaviour.first_token.saturating_add(prefill);
    if asked.stream {
        return stream(mock, plan, first);
    }
    let decode = behaviour.gap.saturating_mul(plan.tokens.saturating_sub(1));
    wait(first.saturating_add(decode)).await;
    let text = "tok ".repeat(usize::try_from(plan.tokens).unwrap_or(0));
    json(
        StatusCode::OK,
        format!(
            "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\
             \"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}],\"usage\":{}}}",
            usage(plan)
        ),
    )
}

fn plan(mock: &Mock, asked: &Asked<'_>, body_bytes: usize) -> Plan {
    let behaviour = &mock.behaviour;
    let asked_for = asked.max_completion_tokens.or(asked.max_tokens);
    let tokens = asked_for.unwrap_or(behaviour.tokens).clamp(1, TOKENS_MAX);
    let tokens_of = |bytes: usize| {
        u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .div_ceil(u64::from(behaviour.bytes_per_token.max(1)))
    };
    // The quotes are not part of a text.
    let contents = asked.messages.iter().filter_map(|message| message.content);
    let texts: Vec<&[u8]> = contents.map(|raw| raw.get().trim_matches('"').as_bytes()).collect();
    let prompt_bytes = texts.iter().fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    let prompt_tokens = tokens_of(if prompt_bytes == 0 { body_bytes } else { prompt_bytes });
    // Without a cache nobody needs the prompt in one piece.
    let cached_tokens = if behaviour.cache_blocks == 0 {
        0
    } else {
        let mut cache = mock.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, _) = cache.take(&texts.concat());
        u64::try_from(found).unwrap_or(0).saturating_mul(u64::from(behaviour.block_tokens))
    };
    Plan { prompt_tokens, cached_tokens, tokens }
}

fn usage(plan: Plan) -> String {
    let Plan { prompt_tokens, cached_tokens, tokens } = plan;
    let total = prompt_tokens.saturating_add(u64::from(tokens));
    format!(
        "{{\"prompt_tokens\":{prompt_tokens},\"completion_tokens\":{tokens},\"total_tokens\":{total},\
         \"prompt_tokens_details\":{{\"cached_tokens\":{cached_tokens}}}}}"
    )
}

/// Each token in a write of its own, as engines send them.
fn stream(mock: &Arc<Mock>, plan: Plan, first: Duration) -> Response<Body> {
    let mock = Arc::clone(mock);
    let frames = futures_util::stream::unfold(0_u32, move |sent| {
        let mock = Arc::clone(&mock);
        async move {
            let piece = if sent < plan.tokens {
                wait(if sent == 0 { first } else { mock.behaviour.gap }).await;
                mock.delta.clone()
            } else if sent == plan.tokens {
                Bytes::from(format!(
                    "data: {{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"{MODEL}\",\
                     \"choices\":[],\"usage\":{}}}\n\ndata: [DONE]\n\n",
                    usage(plan)
                ))
            } else {
                return None;
            };
            Some((Ok(Frame::data(piece)), sent.saturating_add(1)))
        }
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    let kind = header::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Without a time to wait, others still get their turn, and what was written leaves.
async fn wait(time: Duration) {
    if time.is_zero() { tokio::task::yield_now().await } else { tokio::time::sleep(time).await }
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed());
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    json(
        status,
        format!("{{\"error\":{{\"message\":\"{message}\",\"type\":\"invalid_request_error\"}}}}"),
    )
}
