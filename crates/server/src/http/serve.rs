//! What happens around every handler: identity, role, body, time limits, panics, request id.
//!
//! Not generic: compiled once for all endpoints. No handler runs before the caller is known and has
//! the endpoint's role.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use api::{
    endpoint::{Content, Endpoint, Method, Permission, has_body},
    problem::Code,
};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use units::{Id, kinds};

use super::{
    App, access,
    caller::Caller,
    consents,
    fail::Fail,
    identify::{self, Identified},
};
use crate::sign_in::session::Session;

/// The header with the request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request on its way to a handler.
pub(crate) struct Admitted {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    /// The session that the caller used, if any.
    pub(crate) session: Option<Session>,
    pub(crate) parts: Parts,
    /// The whole JSON body, or nothing.
    pub(crate) bytes: Bytes,
    /// The body of an endpoint that streams it.
    pub(crate) stream: Body,
}

/// A handler without its types.
pub(crate) type Inner =
    Arc<dyn Fn(Admitted) -> BoxFuture<'static, Result<Response, Fail>> + Send + Sync>;

/// What must be known of an endpoint before its handler runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) permission: Permission,
    /// How its body travels; `None` without one.
    pub(crate) request: Option<Content>,
}

impl Shape {
    pub(crate) fn of<E: Endpoint>() -> Self {
        Self {
            method: E::METHOD,
            path: E::PATH,
            id: E::ID,
            permission: E::PERMISSION,
            request: has_body::<E>().then_some(E::REQUEST),
        }
    }
}

/// Answers one request; never fails and never panics.
pub(crate) async fn serve(app: Arc<App>, shape: Shape, inner: Inner, request: Request) -> Response {
    let started = Instant::now();
    let id = request_id(&app);
    let answer = AssertUnwindSafe(answer(Arc::clone(&app), shape, inner, request));
    let outcome = match answer.catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => {
            let (cause, endpoint) = (panic_text(&*panic), shape.id);
            tracing::error!(%cause, endpoint, request.id = %id, "handler {endpoint} panicked in {id}");
            Err(Fail::new(Code::Internal, "the request could not be completed"))
        }
    };
    let response = finish(outcome, &id);
    app.metrics.observe(started.elapsed(), response.status());
    response
}

/// The response with the request's id.
pub(crate) fn finish(outcome: Result<Response, Fail>, id: &str) -> Response {
    let mut response = match outcome {
        Ok(response) => response,
        Err(fail) => fail.into_response_for(id),
    };
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response.into_response()
}

async fn answer(
    app: Arc<App>,
    shape: Shape,
    inner: Inner,
    request: Request,
) -> Result<Response, Fail> {
    let (parts, body) = request.into_parts();
    let now = app.platform.now();
    let Identified { caller, session } = match shape.permission {
        Permission::Public => Identified { caller: Caller::anonymous(), session: None },
        permission => {
            let who = identify::identify(&app, now, &parts.method, &parts.headers, shape.id)?;
            let caller = who.caller.within(shape.id, access::role_of(permission));
            access::require_permission(&caller, permission)?;
            Identified { caller, session: who.session }
        }
    };
    let (bytes, stream) = match shape.request {
        None => (Bytes::new(), Body::empty()),
        Some(Content::Json) => (json_body(&app, shape, &parts.headers, body).await?, Body::empty()),
        Some(_) => (Bytes::new(), body),
    };
    let (told, asked) = (caller.clone(), consents::asked(&parts));
    let admitted = Admitted { app: Arc::clone(&app), caller, session, parts, bytes, stream };
    let answer = inner(admitted).await;
    // What a tenant's consent made possible is on record before it is told.
    consents::record(&app, &told, shape.id, &asked).await?;
    answer
}

/// Reads a JSON body within its limits of size and time.
async fn json_body(
    app: &App,
    shape: Shape,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Fail> {
    let limit = match shape.id {
        // 100,000 files of a manifest do not fit the usual limit.
        "manifest_create" => app.options.manifest_bytes_max,
        _ => app.options.json_bytes_max,
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    let reading = Limited::new(body, limit).collect();
    let read = tokio::time::timeout(app.options.body_timeout, reading).await;
    let collected = read.map_err(|_elapsed| too_slow(app.options.body_timeout))?;
    let bytes = collected.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => too_large(limit),
        None => Fail::new(Code::InvalidBody, "the body broke off before its end"),
    })?;
    let bytes = bytes.to_bytes();
    if !bytes.is_empty() {
        require_json(headers)?;
    }
    Ok(bytes)
}

fn require_json(headers: &HeaderMap) -> Result<(), Fail> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = given.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let shown: String = given.unwrap_or("nothing").chars().take(80).collect();
    Err(Fail::new(
        Code::UnsupportedMediaType,
        format!("the body's media type is `{shown}`, not `application/json`"),
    )
    .remedy("send `Content-Type: application/json`"))
}

fn too_large(limit: usize) -> Fail {
    let mut fail =
        Fail::new(Code::PayloadTooLarge, format!("the body has more than {limit} bytes"));
    fail.0.limit = u64::try_from(limit).ok();
    fail
}

pub(crate) fn too_slow(timeout: Duration) -> Fail {
    let seconds = timeout.as_secs();
    Fail::new(Code::InvalidBody, format!("the body did not arrive within {seconds} s"))
        .remedy("send it again, faster")
}

/// A fresh `req_…`; without randomness the time alone must do.
pub(crate) fn request_id(app: &App) -> String {
    let mut random = [0_u8; 10];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::warn!(%error, "no randomness for a request id");
    }
    Id::<kinds::Request>::from_parts(app.platform.now().millis(), random).to_string()
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

/// The answer to a path that nothing is at.
pub(crate) fn not_found(app: &App, request: &Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    let fail =
        Fail::not_found("path", path).remedy("see `/api/v1/openapi.json` for what is offered");
    finish(Err(fail), &request_id(app))
}

/// The answer to a method that a path does not have.
pub(crate) fn method_not_allowed(app: &App, request: &Request) -> Response {
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(200).collect();
    let detail = format!("`{method}` is not offered at `{path}`");
    finish(Err(Fail::new(Code::MethodNotAllowed, detail)), &request_id(app))
}
