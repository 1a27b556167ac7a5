//! Joins a handler to its description, so that the compiler checks one against the other.
//!
//! The generic part is thin: it reads path, query and body into the endpoint's own types and calls
//! the handler. Everything else, in [`super::serve`], is compiled once.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use api::{
    decode,
    endpoint::{Content, Endpoint, Method, has_body},
    problem::Code,
};
use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts as _, Path, Query},
    response::Response,
    routing::{MethodFilter, on},
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header, request::Parts};
use kernel::{Command, State, Subject, Submission};
use serde::Serialize;

use super::{
    App, access,
    caller::Caller,
    conditions::Conditions,
    fail::Fail,
    serve::{self, Admitted, Inner, Shape},
};
use crate::{
    platform::Platform,
    sign_in::{session::Session, throttle::Source},
};

/// A request that was read and whose caller is known.
pub(crate) struct Call<E: Endpoint> {
    /// The process's shared parts.
    pub(crate) app: Arc<App>,
    /// Who asks.
    pub(crate) caller: Caller,
    /// The session that they used, if any.
    pub(crate) session: Option<Session>,
    /// Where the request comes from.
    pub(crate) source: Source,
    /// Path parameters.
    pub(crate) path: E::Path,
    /// Query parameters.
    pub(crate) query: E::Query,
    /// The body; nothing if it is streamed.
    pub(crate) body: E::Body,
    /// The body as a stream, if the endpoint takes one; locked only so that a call can be shared.
    pub(crate) stream: Mutex<Body>,
    /// `Idempotency-Key` and `If-Match`.
    pub(crate) conditions: Conditions,
    /// All headers.
    pub(crate) headers: HeaderMap,
}

/// What a command did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    /// Sequence number of its first entry, from 1; that of the log if it changed nothing.
    pub(crate) seq: u64,
    /// What its first entry is about.
    pub(crate) subject: Option<Subject>,
}

impl<E: Endpoint> Call<E> {
    /// A call made inside the process, for the console's pages.
    pub(crate) fn inside(
        app: &Arc<App>,
        caller: &Caller,
        path: E::Path,
        query: E::Query,
        body: E::Body,
    ) -> Self {
        let caller = caller.clone().within(E::ID, access::role_of(E::PERMISSION));
        let app = Arc::clone(app);
        let (conditions, headers) = (Conditions::default(), HeaderMap::new());
        let stream = Mutex::new(Body::empty());
        let (session, source) = (None, Source::of(None));
        Self { app, caller, session, source, path, query, body, stream, conditions, headers }
    }

    /// The platform.
    pub(crate) fn platform(&self) -> &Platform {
        &self.app.platform
    }

    /// Asks the state.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&State) -> T) -> T {
        self.app.platform.read(query)
    }

    /// Submits a command with the request's conditions, as the caller.
    ///
    /// # Errors
    /// The refusal as a problem.
    pub(crate) async fn submit(&self, command: Command) -> Result<Accepted, Fail> {
        let submission = Submission {
            command,
            idempotency_key: self.conditions.idempotency_key.clone(),
            expected_version: self.conditions.expected_version,
        };
        submit(&self.app, &self.caller, submission).await
    }

    /// Submits a command without the request's conditions: a step on the way to the main one.
    ///
    /// # Errors
    /// The refusal as a problem.
    pub(crate) async fn submit_plain(&self, command: Command) -> Result<Accepted, Fail> {
        submit(&self.app, &self.caller, Submission::new(command)).await
    }
}

async fn submit(app: &App, caller: &Caller, submission: Submission) -> Result<Accepted, Fail> {
    let outcome = app.platform.submit(caller.actor()?, submission).await;
    let outcome = outcome.map_err(|failure| {
        let fail = Fail::from(failure);
        app.metrics.rejected(fail.code());
        fail
    })?;
    app.metrics.accepted();
    let changed = outcome.next_seq > outcome.first_seq;
    let seq = if changed || outcome.repeated {
        outcome.first_seq.saturating_add(1)
    } else {
        app.platform.read(as_of)
    };
    Ok(Accepted { seq, subject: outcome.subject })
}

/// The sequence number as of which the state is true: entries count from 1.
pub(crate) fn as_of(state: &State) -> u64 {
    state.size
}

/// The routes as they are put together, and what was mounted.
pub(crate) struct Api {
    app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) mounted: Vec<(Method, &'static str)>,
}

impl Api {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, router: Router::new(), mounted: Vec::new() }
    }

    /// Mounts a handler that answers with the endpoint's DTO.
    pub(crate) fn mount<E: Endpoint, Fut>(
        self,
        handler: impl Fn(Call<E>) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<E::Response, Fail>> + Send + 'static,
    {
        self.mount_raw::<E, _>(move |call| {
            let answer = handler(call);
            async move { answer.await.and_then(|dto| json(E::STATUS, &dto)) }
        })
    }

    /// Mounts a handler that makes its own response: text, octets or a stream.
    pub(crate) fn mount_raw<E: Endpoint, Fut>(
        self,
        handler: impl Fn(Call<E>) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<Response, Fail>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let inner: Inner = Arc::new(move |admitted| {
            let handler = Arc::clone(&handler);
            Box::pin(async move { handler(read::<E>(admitted).await?).await })
                as BoxFuture<'static, Result<Response, Fail>>
        });
        self.add(Shape::of::<E>(), inner)
    }

    /// The part that is compiled once.
    fn add(mut self, shape: Shape, inner: Inner) -> Self {
        let filter = match shape.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        };
        let app = Arc::clone(&self.app);
        let (path, mounted) = (shape.path, (shape.method, shape.path));
        let serve = move |request: axum::extract::Request| {
            serve::serve(Arc::clone(&app), shape, Arc::clone(&inner), request)
        };
        self.router = self.router.route(path, on(filter, serve));
        self.mounted.push(mounted);
        self
    }
}

/// Reads path, query and body into the endpoint's types.
async fn read<E: Endpoint>(admitted: Admitted) -> Result<Call<E>, Fail> {
    let Admitted { app, caller, session, mut parts, bytes, stream } = admitted;
    let source = Source::of_request(&parts.extensions);
    let path = read_path::<E>(&mut parts).await?;
    let query = Query::<E::Query>::try_from_uri(&parts.uri)
        .map_err(|rejection| wrong_query(&rejection.body_text()))?;
    let body = match (has_body::<E>(), E::REQUEST) {
        (true, Content::Json) => decode::json(json_text(&bytes))?,
        _ => decode::json(b"{}")?,
    };
    let conditions = Conditions::of(&parts.headers)?;
    let (headers, stream) = (parts.headers, Mutex::new(stream));
    let query = query.0;
    Ok(Call { app, caller, session, source, path, query, body, stream, conditions, headers })
}

/// A body that was left out is an empty object: what is needed is then reported by name.
fn json_text(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"{}" } else { bytes }
}

async fn read_path<E: Endpoint>(parts: &mut Parts) -> Result<E::Path, Fail> {
    if !E::PATH.contains('{') {
        return Ok(decode::json(b"{}")?);
    }
    let path = Path::<E::Path>::from_request_parts(parts, &()).await;
    // An id of the wrong form names nothing.
    path.map(|Path(path)| path).map_err(|rejection| {
        let text = rejection.body_text();
        let text = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
        // What the type itself says of the value is the whole message.
        let text = match text.split_once("`: ") {
            Some((head, message)) if head.starts_with("Cannot parse `") => message,
            Some(_) | None => text,
        };
        Fail::new(Code::InvalidQuery, cut(text))
            .remedy("use an id or digest as the platform wrote it")
    })
}

/// Says which parameter is wrong, and which one was probably meant.
fn wrong_query(text: &str) -> Fail {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let fail = Fail::new(Code::InvalidQuery, cut(text));
    let mut quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
    if !text.contains("unknown field") {
        return fail;
    }
    let given = quoted.next().unwrap_or_default();
    let known: Vec<String> = quoted.collect();
    match decode::nearest(&given, &known) {
        Some(near) => fail.remedy(format!("did you mean `{near}`?")),
        None => fail.remedy("remove the parameter"),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

/// A JSON answer.
pub(crate) fn json(status: u16, dto: &impl Serialize) -> Result<Response, Fail> {
    let bytes = serde_json::to_vec(dto)
        .map_err(|error| Fail::internal("an answer could not be written", &error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    let no_store = http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}
