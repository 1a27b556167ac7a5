//! Settings of the data plane and of its meter, with the defaults we would run ourselves.
//!
//! Nothing here reads the environment; the application decides where values come from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use units::{Id, UnixMicros, kinds};

use crate::balance::BalanceConfig;

/// Limits and timeouts of the proxy.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Largest request body in bytes; more is answered with 413.
    pub body_bytes_max: usize,
    /// Longest time that a connection waits for its client: to send a request's headers, or its next request, or
    /// to take the next piece of an answer.
    pub client_timeout: Duration,
    /// Longest time a client may take to send its body.
    pub body_timeout: Duration,
    /// Largest JSON answer of an upstream in bytes; streams have no such limit.
    pub answer_bytes_max: usize,
    /// Largest single event of an upstream stream in bytes.
    pub event_bytes_max: usize,
    /// Longest time to open a connection to a replica.
    pub connect_timeout: Duration,
    /// Longest time until a streaming replica answers with headers.
    pub first_byte_timeout: Duration,
    /// Longest time until a replica answers a request that does not stream.
    pub answer_timeout: Duration,
    /// Longest silence within an answer.
    pub idle_timeout: Duration,
    /// Replicas tried per request, the first included.
    pub attempts_max: usize,
    /// Connections of clients open at once; more are closed at once.
    pub connections_max: usize,
    /// Requests in flight per key for which nothing else is set; more are answered with 429.
    pub concurrent_max_per_key: u32,
    /// Requests per minute of a key for which nothing else is set, when limited.
    pub requests_per_minute_max: Option<u32>,
    /// Keys, people, projects and organisations whose limits are counted at once.
    pub keys_max: usize,
    /// Requests that a replica takes at once; more than all replicas of an endpoint take wait in line.
    pub outstanding_max_per_replica: usize,
    /// Requests that may wait in line for an endpoint; more are answered with 429.
    pub waiting_max: usize,
    /// Longest time in line.
    pub wait_max: Duration,
    /// Tokens that limits reserve for an answer whose client gave no longest one.
    pub completion_tokens_guess: u64,
    /// Tokens that budgets reserve for an answer whose client gave no longest one: a model's context.
    pub completion_tokens_most: u64,
    /// Largest `max_tokens` a request may ask for, when limited.
    pub completion_tokens_max: Option<u64>,
    /// Waiting for an endpoint that sleeps.
    pub wake: WakeConfig,
    /// What `Retry-After` says, in seconds, when no better figure is known.
    pub retry_after_s: u32,
    /// How replicas are chosen.
    pub balance: BalanceConfig,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            client_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            answer_bytes_max: 32 << 20,
            event_bytes_max: 1 << 20,
            connect_timeout: Duration::from_secs(2),
            first_byte_timeout: Duration::from_secs(120),
            answer_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(60),
            attempts_max: 3,
            connections_max: 16_384,
            concurrent_max_per_key: 64,
            requests_per_minute_max: None,
            keys_max: 16_384,
            outstanding_max_per_replica: 256,
            waiting_max: 1_024,
            wait_max: Duration::from_secs(10),
            completion_tokens_guess: 256,
            completion_tokens_most: 4_096,
            completion_tokens_max: None,
            wake: WakeConfig::default(),
            retry_after_s: 2,
            balance: BalanceConfig::default(),
        }
    }
}

/// Waiting for an endpoint that sleeps.
#[derive(Debug, Clone)]
pub struct WakeConfig {
    /// Most requests that wait for one endpoint; more are answered with 503.
    pub waiting_max: usize,
    /// Longest wait of one; then it is answered with 503.
    pub wait_max: Duration,
}

impl Default for WakeConfig {
    fn default() -> Self {
        Self { waiting_max: 256, wait_max: Duration::from_secs(120) }
    }
}

/// Where usage is spooled and how it is delivered.
#[derive(Clone)]
pub struct MeterConfig {
    /// Folder of the spool, made when missing; one process at a time may use it.
    pub folder: PathBuf,
    /// The id this gateway takes when the folder is new; a used folder keeps the id it has.
    pub fresh_id: Id<kinds::Gateway>,
    /// Most roll-ups, open and undelivered, held at once; beyond it requests are refused with 503.
    pub groups_max: usize,
    /// First pause after a refused delivery; doubles up to `retry_max`.
    pub retry_min: Duration,
    /// Longest pause between deliveries.
    pub retry_max: Duration,
    /// Longest time the sink may take for one roll-up.
    pub sink_timeout: Duration,
    /// How long the facts of an answer are kept, so that a receipt can be made of it.
    pub answers_kept: Duration,
    /// Most bytes of such facts; the oldest go first.
    pub answers_bytes_max: u64,
    /// Random bytes that the salts of answers are derived from, fresh at each start. Without them
    /// somebody who knows the other facts of an answer could try texts against its hash.
    pub salt_seed: [u8; 32],
    /// Where the time comes from.
    pub clock: Clock,
}

impl fmt::Debug for MeterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed is a secret: it stays out.
        f.debug_struct("MeterConfig").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl MeterConfig {
    /// The defaults for a folder, on the system's clock.
    #[must_use]
    pub fn new(folder: PathBuf, fresh_id: Id<kinds::Gateway>, salt_seed: [u8; 32]) -> Self {
        Self {
            folder,
            fresh_id,
            groups_max: 65_536,
            retry_min: Duration::from_millis(200),
            retry_max: Duration::from_secs(30),
            sink_timeout: Duration::from_secs(30),
            answers_kept: Duration::from_secs(30 * 86_400),
            answers_bytes_max: 16 << 30,
            salt_seed,
            clock: Clock::system(),
        }
    }
}

/// A source of the time of day, replaceable so that tests cross minutes without waiting.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMicros + Send + Sync>);

impl Clock {
    /// The system's clock; zero if it stands before 1970.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
        })
    }

    /// A clock that calls `now`.
    pub fn from_fn(now: impl Fn() -> UnixMicros + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UnixMicros {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
