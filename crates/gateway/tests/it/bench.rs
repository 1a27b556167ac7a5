//! A gateway with its directory, log and client, all in one process on ports of their own.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway::{
    BatchConfig, BoxFuture, Caller, Capture, Checks, Clock, Directory, GatewayConfig, Meter,
    MeterConfig, Metrics, ModelCard, Refusal, Remote, Replica, Rollup, Route, SinkError, Standing,
    UsageSink,
};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use units::{Id, kinds};

/// The application's side: keys `key-1`, `key-2` and `key-4` of one project, `key-3` of another, `key-0` of none; models
/// `pub/<behaviour>`, and a log.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) replicas: Mutex<Vec<String>>,
    /// Replicas that are not only an address.
    pub(crate) others: Mutex<Vec<Replica>>,
    /// An endpoint to fall back to.
    pub(crate) fallback: Mutex<Option<(Id<kinds::Endpoint>, Replica)>>,
    pub(crate) rollups: Mutex<Vec<Rollup>>,
    /// What is checked, if that is known.
    pub(crate) checks: Mutex<Option<Result<Arc<Checks>, Refusal>>>,
    /// A service that rules ask.
    pub(crate) checker: Mutex<Option<Arc<Remote>>>,
    /// What is kept of calls.
    pub(crate) capture: Mutex<Option<Capture>>,
    /// Seconds that the time of day is ahead.
    pub(crate) ahead_s: AtomicI64,
    /// Whether the first key is not valid any more.
    pub(crate) is_revoked: AtomicBool,
}

impl World {
    pub(crate) fn caller(&self, number: u8) -> Result<Caller, Refusal> {
        if number == 1 && self.is_revoked.load(Ordering::SeqCst) {
            return Err(Refusal::InvalidKey);
        }
        let project = match number {
            0 => 0,
            3 => 10,
            _ => 9,
        };
        let (key, project) = (Id::from_bytes([number; 16]), Id::from_bytes([project; 16]));
        Ok(Caller { key, project, standing: Standing::default(), charge: None })
    }
}

impl Directory for World {
    fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal> {
        match bearer {
            "key-0" => self.caller(0),
            "key-1" => self.caller(1),
            "key-2" => self.caller(2),
            "key-3" => self.caller(3),
            "key-4" => self.caller(4),
            _ => Err(Refusal::InvalidKey),
        }
    }

    fn models(&self, _: &Caller) -> Vec<ModelCard> {
        let card = |id: &str, fine_tuned| ModelCard {
            id: id.into(),
            created_unix_s: 1_764_000_000,
            owned_by: "cocarde".into(),
            context_tokens_max: 8_192,
            fine_tuned,
        };
        vec![card("pub/plain", false), card("org/tuned:v1", true)]
    }

    fn route(&self, _: &Caller, model: &str) -> Result<Route, Refusal> {
        let upstream_model = match model {
            "forbidden" => return Err(Refusal::Forbidden),
            "spent" => return Err(Refusal::BudgetExhausted("budget `q1` is used up".into())),
            "asleep" => return Err(Refusal::NoReplica),
            "fast" => return Err(Refusal::RateLimited),
            other => other.strip_prefix("pub/").ok_or(Refusal::ModelNotFound)?,
        };
        let replicas = self.replicas.lock().unwrap().clone();
        if upstream_model == "sleeper" && replicas.is_empty() {
            return Err(Refusal::NoReplica);
        }
        let endpoint = Id::from_bytes([8; 16]);
        let replica = |address| Replica::new(address, Some(Id::from_bytes([7; 16])));
        let others = self.others.lock().unwrap().clone();
        let replicas = replicas.into_iter().map(replica).chain(others).collect();
        let fallback = self.fallback.lock().unwrap().clone();
        let fallback = fallback
            .map(|(endpoint, replica)| Route::new(endpoint, upstream_model.into(), vec![replica]));
        let fallbacks = fallback.into_iter().collect();
        Ok(Route { fallbacks, ..Route::new(endpoint, upstream_model.into(), replicas) })
    }

    fn wakes(&self, _: &Caller, model: &str) -> Option<Id<kinds::Endpoint>> {
        (model == "pub/sleeper").then_some(Id::from_bytes([8; 16]))
    }

    fn checks(&self, _: &Route) -> Result<Option<Arc<Checks>>, Refusal> {
        self.checks.lock().unwrap().clone().transpose()
    }

    fn checker(&self, _: Id<kinds::Upstream>) -> Option<Arc<Remote>> {
        self.checker.lock().unwrap().clone()
    }

    fn capture(&self, _: &Caller, _: &Route) -> Option<Capture> {
        self.capture.lock().unwrap().clone()
    }

    fn recorded(&self, _: Id<kinds::Gateway>) -> u64 {
        self.rollups.lock().unwrap().iter().map(|r| r.sequence).max().unwrap_or(0)
    }
}

impl UsageSink for World {
    fn record(&self, rollup: Rollup) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let mut rollups = self.rollups.lock().unwrap();
            if rollups.iter().all(|known| known.sequence != rollup.sequence) {
                rollups.push(rollup);
            }
            Ok(())
        })
    }
}

/// Sums over all roll-ups.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) estimated: bool,
}

/// A running gateway.
pub(crate) struct Bench {
    pub(crate) world: Arc<World>,
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) meter: Meter,
    pub(crate) address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Asks the server to stop.
    pub(crate) stop: Arc<tokio::sync::Notify>,
    pub(crate) server: tokio::task::JoinHandle<std::io::Result<()>>,
    /// Works on batches, if they are kept.
    pub(crate) batches: Option<tokio::task::JoinHandle<()>>,
}

impl Bench {
    /// A gateway in front of these replicas.
    pub(crate) async fn start(replicas: &[&str], config: GatewayConfig) -> Self {
        let world = Arc::new(World::default());
        *world.replicas.lock().unwrap() = replicas.iter().map(|&r| r.to_owned()).collect();
        Self::resume(world, Arc::new(tempfile::tempdir().unwrap()), config).await
    }

    /// A gateway on a spool folder that may have been used.
    pub(crate) async fn resume(
        world: Arc<World>,
        folder: Arc<tempfile::TempDir>,
        config: GatewayConfig,
    ) -> Self {
        Self::open(world, folder, config, None).await
    }

    /// The same with files and batches, or without.
    pub(crate) async fn open(
        world: Arc<World>,
        folder: Arc<tempfile::TempDir>,
        config: GatewayConfig,
        kept: Option<BatchConfig>,
    ) -> Self {
        let mut meter_config =
            MeterConfig::new(folder.path().into(), Id::from_bytes([5; 16]), [3; 32]);
        let (clock, told) = (Clock::system(), Arc::clone(&world));
        meter_config.clock = Clock::from_fn(move || {
            let ahead_us = told.ahead_s.load(Ordering::SeqCst) * 1_000_000;
            units::UnixMicros(clock.now().0 + ahead_us)
        });
        let (sink, metrics) = (Arc::clone(&world), Arc::new(Metrics::default()));
        let meter = Meter::open(meter_config, world.as_ref(), sink, metrics).unwrap();
        let front =
            gateway::Front::new(config, Arc::clone(&world) as _, meter.clone(), Default::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = Arc::new(tokio::sync::Notify::new());
        let asked = Arc::clone(&stop);
        let stopped = async move { asked.notified().await };
        let batches = kept.map(|kept| {
            let safe = Arc::clone(&world) as Arc<dyn gateway::Safe>;
            let batches = front.keep_batches(kept, safe).unwrap();
            let asked = Arc::clone(&stop);
            tokio::spawn(batches.run(async move { asked.notified().await }))
        });
        let server = tokio::spawn(front.listen(listener, stopped));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { world, folder, meter, address, client, stop, server, batches }
    }

    /// Ends the process' part without any flush, as a crash would, and waits until it is gone.
    pub(crate) async fn crash(self) -> (Arc<World>, Arc<tempfile::TempDir>) {
        let Self { world, folder, meter, client, server, batches, .. } = self;
        drop((client, meter));
        server.abort();
        if let Some(batches) = batches {
            batches.abort();
            let _ = batches.await;
        }
        // Aborting is the expected end.
        let _ = server.await;
        let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
        eventually("the spool is released", || lock.try_lock().is_ok()).await;
        (world, folder)
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (Response<()>, Value) {
        let request = self.request(Method::GET, path, "key-1").body(Full::default()).unwrap();
        read_json(self.send(request).await).await
    }

    /// A chat completion with the first key.
    pub(crate) async fn chat(&self, body: &str) -> Response<Incoming> {
        self.chat_as("key-1", body.as_bytes()).await
    }

    pub(crate) async fn chat_as(&self, key: &str, body: &[u8]) -> Response<Incoming> {
        let request = self
            .request(Method::POST, "/v1/chat/completions", key)
            .body(Full::from(body.to_vec()))
            .unwrap();
        self.send(request).await
    }

    /// Any call with the first key.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Response<Incoming> {
        let body = Full::from(body.to_owned());
        self.send(self.request(Method::POST, path, "key-1").body(body).unwrap()).await
    }

    pub(crate) async fn chat_json(&self, body: &str) -> (Response<()>, Value) {
        read_json(self.chat(body).await).await
    }

    pub(crate) async fn chat_text(&self, body: &str) -> String {
        rest(self.chat(body).await.into_body()).await
    }

    pub(crate) fn request(&self, method: Method, path: &str, key: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {key}"))
    }

    /// Flushes and sums what the log has.
    pub(crate) async fn total(&self) -> Total {
        self.meter.flush().await.unwrap();
        let rollups = self.world.rollups.lock().unwrap();
        Total {
            requests: rollups.iter().map(|r| r.requests).sum(),
            errors: rollups.iter().map(|r| r.errors).sum(),
            prompt_tokens: rollups.iter().map(|r| r.prompt_tokens).sum(),
            completion_tokens: rollups.iter().map(|r| r.completion_tokens).sum(),
            estimated: rollups.iter().any(|r| r.estimated),
        }
    }

    /// The request lines in the spool.
    pub(crate) fn spooled(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|f| f.unwrap().path());
        files
            .filter(|path| path.to_string_lossy().contains("segment-"))
            .map(|path| std::fs::read_to_string(path).unwrap().lines().count())
            .sum()
    }
}

/// Splits an answer into its head and its JSON.
pub(crate) async fn read_json(response: Response<Incoming>) -> (Response<()>, Value) {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let value = serde_json::from_slice(&bytes)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&bytes)));
    (Response::from_parts(head, ()), value)
}

/// The next piece of a streamed answer as text; empty at its end.
pub(crate) async fn next_piece(body: &mut Incoming) -> String {
    match body.frame().await {
        Some(frame) => {
            let data = frame.unwrap().into_data().unwrap();
            String::from_utf8(data.to_vec()).unwrap()
        }
        None => String::new(),
    }
}

/// What is left of a streamed answer.
pub(crate) async fn rest(body: Incoming) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Polls a predicate for at most ten seconds.
pub(crate) async fn eventually(what: &str, predicate: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !predicate() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
