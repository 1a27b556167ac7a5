//! Replicas that nobody here starts: upstreams registered by URL, https or http, with a key and timeouts of
//! their own.
//!
//! INVARIANT: the key goes into one header of requests to this upstream and nowhere else: not into logs, not
//! into metrics, not into another upstream's requests. An address that the upstream's reach does not allow
//! is never connected to, whatever its name resolves to at that moment.

mod dial;
mod figures;
mod flow;
mod reach;
mod remote;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use tokio::sync::Semaphore;
use units::{Id, kinds};

use crate::{balance::Health, client::Client, uptime};

pub(crate) use dial::Dial;
pub use dial::{Tls, TlsError};
pub use figures::render_remotes;
pub(crate) use flow::Flow;
pub use reach::Reach;

/// Most questions at once to an upstream that checks texts, unless it has a limit of its own.
const PLACES: u32 = 64;
/// Longest time for the answer to a probe, besides that for a connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// How an upstream is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// The upstream.
    pub id: Id<kinds::Upstream>,
    /// Its base URL, as OpenAI's clients are given it: `https://inference.example.fr/v1`.
    pub url: String,
    /// The name under which it knows the model.
    pub model: String,
    /// Sent as bearer.
    pub key: Option<String>,
    /// Which addresses its name may stand for.
    pub reach: Reach,
    /// Most requests there at once, if limited.
    pub in_flight_max: Option<u32>,
    /// How long it may take.
    pub timeouts: RemoteTimeouts,
    /// Asked with `GET` to find out its health: `models` for its list of models, or a path of its host; not
    /// asked if absent.
    pub probe: Option<String>,
    /// True for an upstream of the platform, which metrics name.
    pub is_shared: bool,
}

impl fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret: it stays out.
        f.debug_struct("RemoteConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// How long an upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteTimeouts {
    /// To take a connection, TLS included.
    pub connect: Duration,
    /// To the first byte of an answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub gap: Duration,
    /// To the end of an answer.
    pub total: Duration,
}

impl Default for RemoteTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(120),
            gap: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

/// Why an upstream cannot be used as it is described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The base URL is none.
    #[error("`{0}` is no base URL: write it as `https://host/v1`")]
    Url(String),
    /// The key cannot be sent in a header.
    #[error("the key of this upstream has characters that no header can hold: set it again")]
    Key,
    /// The host is an address that the reach does not allow.
    #[error("`{0}` is no address of the public Internet: only operators register others")]
    Address(String),
}

/// An upstream, ready to be spoken to; connections to it are kept as long as this is.
pub struct Remote {
    id: Id<kinds::Upstream>,
    /// Its id as text, under which its load, health and connections are known.
    name: Arc<str>,
    authority: Authority,
    /// What comes before `/chat/completions`.
    prefix: String,
    model: Arc<str>,
    authorization: Option<HeaderValue>,
    in_flight_max: Option<u32>,
    timeouts: RemoteTimeouts,
    probe: Option<String>,
    is_shared: bool,
    health: Arc<Health>,
    figures: figures::Figures,
    client: Client,
    dial: Dial,
    /// How many are asked at once of one that checks texts.
    places: Semaphore,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Two are the same if they are one: each has connections of its own.
impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Remote {}

impl Remote {
    /// Prepares to speak to an upstream; connects to nothing yet.
    ///
    /// # Errors
    /// [`RemoteError`] says what of its description is not usable.
    pub fn new(config: &RemoteConfig, tls: &Tls) -> Result<Self, RemoteError> {
        let wrong = || RemoteError::Url(config.url.clone());
        let uri: Uri = config.url.parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or_else(wrong)?;
        let authority = parts.authority.filter(|one| !one.host().is_empty()).ok_or_else(wrong)?;
        let is_https = scheme == Scheme::HTTPS;
        if !is_https && scheme != Scheme::HTTP {
            return Err(wrong());
        }
        if !config.reach.allows_host(authority.host()) {
            return Err(RemoteError::Address(authority.host().to_owned()));
        }
        let path = parts.path_and_query.as_ref().map_or("", |path| path.path());
        let prefix = match path.trim_end_matches('/') {
            "" => "/v1".to_owned(),
            path => path.to_owned(),
        };
        let authorization = config.key.as_ref().map(|key| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| RemoteError::Key)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let (reach, timeout) = (config.reach, config.timeouts.connect);
        let dial = Dial::new(&authority, reach, timeout, is_https.then(|| tls.connector()));
        Ok(Self {
            id: config.id,
            name: config.id.to_string().into(),
            authority,
            prefix,
            model: config.model.as_str().into(),
            authorization: authorization.transpose()?,
            in_flight_max: config.in_flight_max,
            timeouts: config.timeouts,
            probe: config.probe.clone(),
            is_shared: config.is_shared,
            health: Arc::default(),
            figures: figures::Figures::default(),
            places: Semaphore::new(
                usize::try_from(config.in_flight_max.unwrap_or(PLACES)).unwrap_or(1),
            ),
            client: Client::new(timeout),
            dial,
        })
    }

    /// The upstream.
    #[must_use]
    pub fn id(&self) -> Id<kinds::Upstream> {
        self.id
    }

    /// Its id as text.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The name under which it knows the model.
    #[must_use]
    pub fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// Asks for its health, unless it is not to be asked: one that is not well gets no requests. Connections that
    /// nobody has used for a while are closed. To be called every few seconds.
    pub async fn check(&self) {
        self.client.sweep_all();
        let timeout = self.timeouts.connect.saturating_add(PROBE_TIMEOUT);
        match self.probe(timeout).await {
            Some(true) => self.health.succeeded(),
            Some(false) => {
                self.figures.probes_failed.fetch_add(1, Ordering::Relaxed);
                self.health.probe_failed(uptime::now());
            }
            None => {}
        }
    }

    /// Places for those who ask it about texts: as many as it may have in flight.
    pub(crate) fn places(&self) -> &Semaphore {
        &self.places
    }

    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Most requests there at once, if limited.
    pub(crate) fn in_flight_max(&self) -> Option<u32> {
        self.in_flight_max
    }
}
