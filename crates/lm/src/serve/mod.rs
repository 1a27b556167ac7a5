//! An OpenAI-compatible server for one model on the CPU.
//!
//! One thread owns the model and decodes all sequences together; requests join and leave between steps.
//! A request must get the same text alone as among others, and no request may hold memory without a limit.

mod answer;
mod embeddings;
mod engine;
mod error;
mod handlers;
mod metrics;
mod ratings;
mod request;
mod stream;
mod text;
mod tokens;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::serve::ListenerExt as _;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    error::{LmError, Result},
    model::Model,
    tokenizer::TextTokenizer,
};

/// How to serve a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// The model folder.
    pub model: PathBuf,
    /// Names requests may use; the first is the one reported. Empty: the folder's name.
    pub names: Vec<String>,
    /// Most sequences waiting for a place; more get status 429.
    pub queue_max: usize,
    /// Most sequences decoded together.
    pub batch_max: usize,
    /// Most tokens of an answer when the request does not say.
    pub answer_tokens_default: usize,
    /// Largest request body in bytes; more gets status 413.
    pub body_bytes_max: usize,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            model: PathBuf::from("model"),
            names: Vec::new(),
            queue_max: 64,
            batch_max: 16,
            answer_tokens_default: 256,
            body_bytes_max: 1 << 20,
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Service {
    names: Vec<String>,
    tokenizer: Arc<TextTokenizer>,
    limits: request::Limits,
    body_bytes_max: usize,
    queue: mpsc::Sender<engine::Work>,
    /// What `/tokenizer_info` says.
    tokenizer_info: serde_json::Value,
    metrics: Arc<metrics::Metrics>,
    fingerprint: String,
    created: u64,
    /// Numbers requests; also the source of seeds nobody chose.
    counter: AtomicU64,
}

impl Service {
    fn number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn name(&self) -> &str {
        self.names.first().map_or("model", String::as_str)
    }
}

/// Serves until `shutdown` completes, then finishes the requests in flight.
///
/// # Errors
/// When the model cannot be loaded, a setting is out of range, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: ServeConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let prepared = tokio::task::spawn_blocking(move || prepare(&config)).await;
    let (service, engine) = prepared.map_err(|error| LmError::Server(error.to_string()))??;
    let thread = std::thread::Builder::new()
        .name("lm-engine".to_owned())
        .spawn(move || engine.run())
        .map_err(|error| LmError::Server(error.to_string()))?;
    // Without this the second chunk of a stream waits for the receiver's delayed acknowledgement, 40 ms.
    // A connection on which it cannot be set is slower, and no error.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = axum::serve(listener, router(service)).with_graceful_shutdown(shutdown).await;
    served.map_err(|error| LmError::Server(error.to_string()))?;
    // The router, and with it the queue, is gone: the engine finishes what is left and ends.
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    match joined {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(LmError::Server("the engine thread panicked".to_owned())),
    }
}

fn prepare(config: &ServeConfig) -> Result<(Service, engine::Engine)> {
    for (field, value) in [
        ("queue_max", config.queue_max),
        ("batch_max", config.batch_max),
        ("answer_tokens_default", config.answer_tokens_default),
        ("body_bytes_max", config.body_bytes_max),
    ] {
        if value == 0 || value > 1 << 28 {
            return Err(LmError::setting(field, format!("{value} is not in 1..={}", 1 << 28)));
        }
    }
    let model = Model::load(&config.model)?;
    let tokenizer = Arc::new(TextTokenizer::load(&config.model)?);
    let metrics = Arc::new(metrics::Metrics::default());
    let (queue, jobs) = mpsc::channel(config.queue_max);
    let mut names = config.names.clone();
    if names.is_empty() {
        let folder = config.model.canonicalize().unwrap_or_else(|_| config.model.clone());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        names.push(name.unwrap_or_else(|| "model".to_owned()));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let service = Service {
        names,
        tokenizer: tokenizer.clone(),
        limits: request::Limits {
            context: model.context(),
            vocabulary: model.config().vocab_size,
            dimensions: model.config().hidden_size,
            answer_tokens_default: config.answer_tokens_default,
            prompts_max: config.queue_max,
            temperature_default: temperature_default(&config.model),
        },
        body_bytes_max: config.body_bytes_max,
        tokenizer_info: tokens::info(&config.model, model.context()),
        queue,
        metrics: metrics.clone(),
        fingerprint: fingerprint(&model),
        created: now.as_secs(),
        counter: AtomicU64::new(now.as_nanos() as u64),
    };
    Ok((service, engine::Engine::new(model, tokenizer, jobs, config.batch_max, metrics)))
}

/// What `generation_config.json` asks for: greedy unless `do_sample` is true, as in transformers.
fn temperature_default(folder: &Path) -> f32 {
    let text = std::fs::read(folder.join("generation_config.json")).unwrap_or_default();
    let root: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    if root["do_sample"].as_bool().unwrap_or(false) {
        return root["temperature"].as_f64().map_or(1.0, |value| value.clamp(0.0, 2.0) as f32);
    }
    0.0
}

/// Identifies weights and engine: equal fingerprints promise equal greedy answers.
fn fingerprint(model: &Model) -> String {
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    for weights in model.weights.chunks(4_096) {
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        digest.update(&bytes);
    }
    let text =
        digest.finalize().iter().take(6).fold(String::new(), |text, b| format!("{text}{b:02x}"));
    format!("fp_{text}")
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/healthz", get(handlers::health))
        .route("/metrics", get(handlers::metrics))
        .route("/v1/models", get(handlers::models))
        .route("/v1/models/{*name}", get(handlers::model))
        .route("/v1/chat/completions", post(handlers::chat))
        .route("/v1/completions", post(handlers::completions))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/tokenizer_info", get(tokens::show))
        .fallback(handlers::unknown_path)
        .method_not_allowed_fallback(handlers::wrong_method)
        // Bodies are read, and limited, by the handlers so that the refusal has OpenAI's shape.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(service))
}

#[cfg(test)]
mod tests;
