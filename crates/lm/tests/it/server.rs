//! Chat, completions, streams, refusals, cancellation and shutdown.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{LazyLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use lm::{
    Model, ModelConfig,
    dataset::{self, Settings},
    eval::{EvalConfig, eval},
    serve::{ServeConfig, serve},
    tokenizer::TextTokenizer,
    train::{Outcome, ShapeConfig, TrainConfig, train},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{call, post, send};

/// A folder with a model that knows the numbers to 60 by heart.
static TRAINED: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { number_max: 60, summand_max: 4, ..Settings::default() };
    dataset::write(&settings, folder.path()).unwrap();
    let config = TrainConfig {
        dataset: folder.path().join("train.jsonl"),
        output: folder.path().join("model"),
        shape: ShapeConfig {
            hidden: 32,
            layers: 2,
            heads: 4,
            head_dim: 8,
            intermediate: 48,
            context: 64,
            sliding_window: Some(16),
            ..ShapeConfig::default()
        },
        steps: 400,
        batch_samples: 16,
        learning_rate: 1e-2,
        ..TrainConfig::default()
    };
    let outcome = train(&config, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert!(matches!(outcome, Outcome::Finished(_)));
    folder
});

/// A server on a free port, stopped and joined when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<lm::Result<()>>>,
}

impl Running {
    fn start(config: ServeConfig) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let shutdown = async move {
                    let _ = stopped.await;
                };
                serve(listener, config, shutdown).await
            })
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn trained() -> Self {
        let names = vec!["nombres".to_owned(), "org/nombres:v1".to_owned()];
        let model = TRAINED.path().join("model");
        Self::start(ServeConfig { model, names, ..ServeConfig::default() })
    }

    /// Stops the server and returns how it ended.
    fn end(&mut self) -> lm::Result<()> {
        drop(self.stop.take());
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.end();
        assert!(std::thread::panicking() || ended.is_ok(), "{ended:?}");
    }
}

fn ask(content: &str) -> Value {
    json!({ "model": "nombres", "messages": [{ "role": "user", "content": content }] })
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// A few questions from the training data with their answers.
fn known() -> Vec<dataset::Sample> {
    dataset::read(&TRAINED.path().join("train.jsonl")).unwrap().into_iter().take(12).collect()
}

#[test]
fn the_trained_model_knows_what_it_learnt() {
    let model = TRAINED.path().join("model");
    let data = TRAINED.path().join("train.jsonl");
    let report = eval(&EvalConfig { model, dataset: data, ..EvalConfig::default() }).unwrap();
    assert_eq!((report.correct, report.failures.len()), (report.total, 0), "{:?}", report.failures);
}

#[test]
fn chat_answers_alone_and_among_others_with_the_same_text() {
    let server = Running::trained();
    let alone: Vec<Value> = known()
        .iter()
        .map(|sample| post(server.address, "/v1/chat/completions", &ask(&sample.prompt)).json())
        .collect();
    for (answer, sample) in alone.iter().zip(known()) {
        assert_eq!(content(answer), sample.completion);
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        let usage = &answer["usage"];
        let sum =
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
        assert_eq!(usage["total_tokens"], sum);
        assert!(answer["system_fingerprint"].as_str().unwrap().starts_with("fp_"));
    }
    let address = server.address;
    let calls: Vec<_> = known()
        .into_iter()
        .map(|sample| {
            std::thread::spawn(move || {
                post(address, "/v1/chat/completions", &ask(&sample.prompt)).json()
            })
        })
        .collect();
    for (call, alone) in calls.into_iter().zip(&alone) {
        let together = call.join().unwrap();
        assert_eq!(content(&together), content(alone));
        assert_eq!(together["usage"], alone["usage"]);
    }
}

#[test]
fn a_stream_carries_role_text_end_and_usage() {
    let server = Running::trained();
    let sample = known().remove(0);
    let mut body = ask(&sample.prompt);
    body["stream"] = true.into();
    body["stream_options"] = json!({ "include_usage": true });
    let answer = post(server.address, "/v1/chat/completions", &body);
    assert!(answer.head.contains("content-type: text/event-stream"), "{}", answer.head);
    let chunks = answer.chunks();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String =
        chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, sample.completion);
    let (usage, end) = (&chunks[chunks.len() - 1], &chunks[chunks.len() - 2]);
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    let whole = post(server.address, "/v1/chat/completions", &ask(&sample.prompt)).json();
    assert_eq!(usage["usage"], whole["usage"]);
    body["stream_options"] = Value::Null;
    let plain = post(server.address, "/v1/chat/completions", &body).chunks();
    assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn completions_take_texts_and_tokens_and_stop_where_told() {
    let server = Running::trained();
    let prompts = ["[INST]21[/INST]", "[INST]40[/INST]"];
    let path = "/v1/completions";
    let both = post(server.address, path, &json!({ "prompt": prompts })).json();
    assert_eq!(both["object"], "text_completion");
    for (index, prompt) in prompts.iter().enumerate() {
        let one = post(server.address, path, &json!({ "prompt": prompt })).json();
        assert_eq!(both["choices"][index]["text"], one["choices"][0]["text"]);
        assert_eq!(both["choices"][index]["index"], index);
        let tokenizer = TextTokenizer::load(&TRAINED.path().join("model")).unwrap();
        let tokens = tokenizer.encode_prompt(prompt).unwrap();
        let same = post(server.address, path, &json!({ "prompt": tokens })).json();
        assert_eq!(same["choices"][0]["text"], one["choices"][0]["text"]);
    }
    let stopped =
        post(server.address, path, &json!({ "prompt": prompts[0], "stop": " et" })).json();
    assert_eq!(stopped["choices"][0]["text"], "vingt");
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    let cut = post(server.address, path, &json!({ "prompt": prompts[0], "max_tokens": 1 })).json();
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 1);
    let mut stream = json!({ "prompt": prompts, "stream": true });
    let chunks = post(server.address, path, &stream).chunks();
    for index in 0..2 {
        let mine = chunks.iter().filter(|chunk| chunk["choices"][0]["index"] == index);
        let text: String = mine.filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, both["choices"][index]["text"].as_str().unwrap());
    }
    stream["temperature"] = 1.8.into();
    stream["seed"] = 5.into();
    stream["stream"] = false.into();
    let first = post(server.address, path, &stream).json();
    assert_eq!(first["choices"], post(server.address, path, &stream).json()["choices"]);
}

#[test]
fn models_health_metrics_and_refusals() {
    let config = ServeConfig {
        model: TRAINED.path().join("model"),
        names: vec!["org/nombres:v1".to_owned()],
        body_bytes_max: 2_000,
        ..ServeConfig::default()
    };
    let server = Running::start(config);
    let get = |path: &str| call(server.address, "GET", path, b"");
    assert_eq!(get("/v1/models").json()["data"][0]["id"], "org/nombres:v1");
    assert_eq!(get("/v1/models/org/nombres:v1").json()["object"], "model");
    assert_eq!(get("/healthz").json()["status"], "ok");
    let refuse = |method: &str, path: &str, body: &str| {
        let answer = call(server.address, method, path, body.as_bytes());
        let error = answer.json()["error"].clone();
        assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
        (answer.status, error["code"].as_str().unwrap().to_owned())
    };
    let chat = "/v1/chat/completions";
    for (method, path, body, status, code) in [
        ("GET", "/v1/models/other", String::new(), 404, "model_not_found"),
        ("GET", "/nowhere", String::new(), 404, "unknown_url"),
        ("GET", chat, String::new(), 405, "method_not_allowed"),
        ("POST", chat, "{".to_owned(), 400, "invalid_json"),
        ("POST", chat, ask("1").to_string(), 404, "model_not_found"),
        ("POST", chat, json!({ "messages": "x" }).to_string(), 400, "invalid_value"),
        (
            "POST",
            "/v1/completions",
            json!({ "prompt": "1 ".repeat(80) }).to_string(),
            400,
            "context_length_exceeded",
        ),
        ("POST", chat, "x".repeat(3_000), 413, "body_too_large"),
    ] {
        assert_eq!(refuse(method, path, &body), (status, code.to_owned()), "{path} {body}");
    }
    let metrics = get("/metrics").body;
    assert!(metrics.contains("lm_requests_refused_total 5\n"), "{metrics}");
}

/// An untrained model with a context long enough to keep the engine busy for a while.
fn endless(folder: &Path) -> ServeConfig {
    let sample = dataset::Sample { prompt: "a".to_owned(), completion: "b".to_owned() };
    let tokenizer = TextTokenizer::learn(&[sample], 272).unwrap();
    let config = ModelConfig {
        vocab_size: tokenizer.len(),
        hidden_size: 64,
        intermediate_size: 64,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 16,
        max_position_embeddings: 32_768,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        sliding_window: None,
        tie_word_embeddings: false,
        bos_token_id: Some(1),
        eos_token_ids: vec![],
        pad_token_id: None,
    };
    tokenizer.save(folder, 32_768).unwrap();
    Model::random(config, 1).unwrap().save(folder).unwrap();
    let model = folder.to_path_buf();
    ServeConfig { model, queue_max: 1, batch_max: 1, ..ServeConfig::default() }
}

/// Waits until a metric has a value.
fn wait_for(address: SocketAddr, line: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let metrics = call(address, "GET", "/metrics", b"").body;
        if metrics.contains(line) {
            return metrics;
        }
        assert!(Instant::now() < deadline, "`{line}` did not come: {metrics}");
    }
}

#[test]
fn a_full_queue_refuses_and_a_client_that_leaves_frees_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(endless(folder.path()));
    let address = server.address;
    let body = json!({ "prompt": "a", "max_tokens": 32_000, "stream": true }).to_string();
    let first = send(address, "POST", "/v1/completions", body.as_bytes());
    wait_for(address, "lm_sequences_active 1\n");
    let second = send(address, "POST", "/v1/completions", body.as_bytes());
    wait_for(address, "lm_sequences_waiting 1\n");
    let third = post(address, "/v1/completions", &json!({ "prompt": "a" }));
    assert_eq!(third.status, 429, "{}", third.body);
    assert!(third.head.contains("retry-after: 1"));
    drop((first, second));
    let metrics = wait_for(address, "lm_sequences_active 0\n");
    let count = metrics.lines().find_map(|line| line.strip_prefix("lm_generated_tokens_total "));
    let count: u64 = count.unwrap().parse().unwrap();
    assert!(count < 32_000, "the answer of a client that had left was finished: {count}");
    let after = post(address, "/v1/completions", &json!({ "prompt": "a", "max_tokens": 2 }));
    assert_eq!(after.json()["usage"]["completion_tokens"], 2);
    server.end().unwrap();
}

#[test]
fn a_folder_that_is_no_model_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = ServeConfig { model: folder.path().to_path_buf(), ..ServeConfig::default() };
    let error = Running::start(config).end().unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
}
