//! A typed, blocking client: one call for every endpoint, plus streams and blobs.
//!
//! It never retries and never follows a redirect: a key is sent only where the user said. It mints
//! no idempotency keys, since only the caller knows what one intent is.

mod error;
mod sse;
mod url;

use std::{fs::File, io::Read, time::Duration};

use http::{Request, Response, header};
use ureq::{Agent, AsSendBody, Body, config::ConfigBuilder, typestate::AgentScope};

use crate::{
    endpoint::{self, Endpoint, Nothing},
    nouns::{
        artefact::{BlobPut, BlobStored, DigestPath},
        event::{EventList, EventQuery},
    },
    problem::{MEDIA_TYPE, Problem},
};

pub use error::ClientError;
pub use sse::EventStream;
pub use url::is_loopback_number;

/// Largest answer that is held in memory; larger ones are streamed.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Largest problem document that is read.
const PROBLEM_BYTES_MAX: u64 = 1 << 20;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest call, unless [`Options::timeout`] says otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// How every connection behaves that this project begins: what is sent goes only where somebody said,
/// so no redirect is followed; every status is an answer; and we say who we are. Timeouts are the
/// caller's.
pub fn outgoing() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cocarde/", env!("CARGO_PKG_VERSION")))
}

/// What a call may carry besides its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The same key with the same request gets the first one's answer.
    pub idempotency_key: Option<String>,
    /// Refuse the change unless the resource still has this version.
    pub if_match: Option<u64>,
    /// Longest time for the whole call; two minutes if absent.
    pub timeout: Option<Duration>,
}

/// A client of one platform with one key.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

impl Client {
    /// A client of the platform at `base_url`, such as `http://127.0.0.1:7070`.
    ///
    /// # Errors
    /// `BaseUrl` if that is not an `http` or `https` address.
    pub fn new(base_url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let base = url::base(base_url)?;
        let mut config = outgoing().timeout_connect(Some(CONNECT_TIMEOUT));
        if url::is_loopback(&base) {
            // A proxy of the environment cannot reach this machine's own loopback.
            config = config.proxy(None);
        }
        let authorization = token.map(|token| format!("Bearer {token}"));
        Ok(Self { agent: config.build().into(), base, authorization })
    }

    /// The platform's address, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Calls an endpoint and waits for its answer; raw answers need [`Self::stream`].
    ///
    /// # Errors
    /// As [`ClientError`] says; a refusal is `Problem`.
    pub fn call<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: &E::Body,
        options: &Options,
    ) -> Result<E::Response, ClientError> {
        let timeout = Some(options.timeout.unwrap_or(CALL_TIMEOUT));
        let mut request = self.request::<E>(path, query)?;
        if let Some(key) = &options.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(version) = options.if_match {
            // An entity tag stands in quotes (RFC 9110 §8.8.3).
            request = request.header(header::IF_MATCH, format!("\"{version}\""));
        }
        let answer = if endpoint::has_body::<E>() {
            let bytes = serde_json::to_vec(body)
                .map_err(|e| ClientError::BadRequest { message: e.to_string() })?;
            self.send(request.header(header::CONTENT_TYPE, "application/json"), bytes, timeout)?
        } else if E::METHOD == endpoint::Method::Post {
            // An empty body, so that `Content-Length: 0` is sent.
            self.send(request, Vec::new(), timeout)?
        } else {
            self.send(request, (), timeout)?
        };
        read_answer::<E>(answer)
    }

    /// Calls an endpoint that needs only an id, or nothing at all.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn get<E>(&self, path: &E::Path, query: &E::Query) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Body = Nothing>,
    {
        self.call::<E>(path, query, &Nothing {}, &Options::default())
    }

    /// Calls an endpoint whose answer is raw, and gives its bytes as they come, without a limit of
    /// time.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn stream<E>(
        &self,
        path: &E::Path,
        query: &E::Query,
    ) -> Result<Box<dyn Read + Send>, ClientError>
    where
        E: Endpoint<Body = Nothing>,
    {
        let answer = self.send(self.request::<E>(path, query)?, (), None)?;
        Ok(Box::new(answer.into_body().into_reader()))
    }

    /// Follows the events of the platform until the connection ends.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn follow_events(&self, query: &EventQuery) -> Result<EventStream, ClientError> {
        let query = EventQuery { follow: Some(true), ..query.clone() };
        let request = self.request::<EventList>(&Nothing {}, &query)?;
        let answer = self.send(request.header(header::ACCEPT, "text/event-stream"), (), None)?;
        Ok(EventStream::new(Box::new(answer.into_body().into_reader())))
    }

    /// Stores a file as a blob, streamed; its digest is the caller's to compute.
    ///
    /// # Errors
    /// As [`Self::call`]; `Problem` with `digest-mismatch` if the file has another digest.
    pub fn put_blob(&self, path: &DigestPath, file: File) -> Result<BlobStored, ClientError> {
        let request = self.request::<BlobPut>(path, &Nothing {})?;
        let request = request.header(header::CONTENT_TYPE, "application/octet-stream");
        read_answer::<BlobPut>(self.send(request, file, None)?)
    }

    /// Calls an endpoint that takes a file as it is, streamed, without a limit of time.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn send_file<E>(&self, path: &E::Path, file: File) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Query = Nothing>,
    {
        let media = E::REQUEST.media_types().first().copied().unwrap_or("application/octet-stream");
        let request = self.request::<E>(path, &Nothing {})?.header(header::CONTENT_TYPE, media);
        read_answer::<E>(self.send(request, file, None)?)
    }

    fn request<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
    ) -> Result<http::request::Builder, ClientError> {
        let address = url::address(&self.base, E::PATH, path, query)?;
        let request = Request::builder().method(E::METHOD.as_str()).uri(address);
        let request = request.header(header::ACCEPT, accept::<E>());
        Ok(match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        })
    }

    /// Sends; an answer that is not of success becomes an error.
    fn send(
        &self,
        request: http::request::Builder,
        body: impl AsSendBody,
        timeout: Option<Duration>,
    ) -> Result<Response<Body>, ClientError> {
        let bad = |e: http::Error| ClientError::BadRequest { message: e.to_string() };
        let request = request.body(body).map_err(bad)?;
        let request = self.agent.configure_request(request).timeout_global(timeout).build();
        let answer = self.agent.run(request).map_err(|e| ClientError::of(&self.base, e))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer)) }
    }
}

fn accept<E: Endpoint>() -> String {
    let media = E::RESPONSE.media_types().first().copied().unwrap_or("*/*");
    format!("{media}, {MEDIA_TYPE}")
}

fn read_answer<E: Endpoint>(answer: Response<Body>) -> Result<E::Response, ClientError> {
    let status = answer.status().as_u16();
    let bytes = answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let bytes = bytes.map_err(|e| ClientError::InvalidAnswer { status, message: e.to_string() })?;
    let bytes = if endpoint::has_response::<E>() { bytes.as_slice() } else { b"{}" };
    serde_json::from_slice(bytes)
        .map_err(|e| ClientError::InvalidAnswer { status, message: format!("{}: {e}", E::ID) })
}

/// The problem document of a refusal, or what came instead of one.
fn refusal(answer: Response<Body>) -> ClientError {
    let status = answer.status().as_u16();
    let bytes = answer.into_body().into_with_config().limit(PROBLEM_BYTES_MAX).read_to_vec();
    let bytes = bytes.unwrap_or_default();
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => {
            let text = String::from_utf8_lossy(&bytes);
            let start: String = text.chars().take(200).collect();
            let message = format!("no problem document, but `{}`", start.trim());
            ClientError::InvalidAnswer { status, message }
        }
    }
}

#[cfg(test)]
mod tests;
