//! HTTP to identity providers: blocking, with limits of time and size, without redirects.
//!
//! A provider's address is an administrator's to choose, so what is asked of it is bounded, and
//! nothing it answers is shown to anybody as it came. Plain HTTP is for loopback alone.

use std::{fmt, time::Duration};

use http::{Method, header};
use openidconnect::{HttpRequest, HttpResponse, url::Url};
use ureq::Agent;

use super::OidcError;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest call.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer; key sets of large providers have tens of kilobytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A call that got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// The request was not one.
    #[error("{0}")]
    Request(#[from] http::Error),
    /// The address may not be asked.
    #[error("{0}")]
    Address(String),
    /// No connection, no answer, or too much of one.
    #[error(transparent)]
    Call(#[from] ureq::Error),
}

/// Calls providers.
#[derive(Clone)]
pub(super) struct Http {
    agent: Agent,
    /// Without a proxy of the environment, which cannot reach this machine's own loopback.
    loopback: Agent,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Default for Http {
    fn default() -> Self {
        let config = || {
            api::client::outgoing()
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .timeout_global(Some(CALL_TIMEOUT))
        };
        Self { agent: config().build().into(), loopback: config().proxy(None).build().into() }
    }
}

impl Http {
    /// Sends a request and reads the whole answer, whatever its status.
    pub(super) fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = Url::parse(&request.uri().to_string())
            .map_err(|error| HttpError::Address(error.to_string()))?;
        require_safe(&url).map_err(HttpError::Address)?;
        let agent = if is_loopback(&url) { &self.loopback } else { &self.agent };
        let (parts, body) = request.into_parts();
        let answer = if parts.method == Method::GET {
            agent.run(http::Request::from_parts(parts, ()))?
        } else {
            agent.run(http::Request::from_parts(parts, body))?
        };
        let (parts, body) = answer.into_parts();
        let bytes = body.into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        let mut response = http::Response::new(bytes);
        *response.status_mut() = parts.status;
        if let Some(media) = parts.headers.get(header::CONTENT_TYPE) {
            response.headers_mut().insert(header::CONTENT_TYPE, media.clone());
        }
        Ok(response)
    }
}

/// An issuer as an administrator may name it.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn issuer_url(text: &str) -> Result<Url, OidcError> {
    let refuse = |why: String| OidcError::Configuration(format!("issuer `{text}`: {why}"));
    let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    require_safe(&url).map_err(refuse)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("an issuer has no `?` and no `#`".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("an issuer names no user".to_owned()));
    }
    Ok(url)
}

/// HTTPS, or HTTP to this very machine.
pub(super) fn require_safe(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(format!("`{}` is not an https address", url.origin().ascii_serialization())),
    }
}

fn is_loopback(url: &Url) -> bool {
    use openidconnect::url::Host;
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
