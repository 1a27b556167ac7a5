//! The path of a completion: key, limits, body, route, replica, answer.
//!
//! Every answer leaves through [`Gateway::respond`], which gives it a request id and counts it.

mod before;
mod kept;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::BoxError;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body as HttpBody;

use crate::admission::{Admission, Claim, Denied, Permit, Rates};
use crate::answer;
use crate::backend::Flow;
use crate::batch::Desk;
use crate::body::Body;
use crate::call::Call;
use crate::capture::Draft;
use crate::client::Order;
use crate::config::GatewayConfig;
use crate::directory::{Caller, Directory, Refusal, Route};
use crate::error::ApiError;
use crate::guard::{Checks, Context, Gate, Screen};
use crate::intake;
use crate::json::quote;
use crate::meter::{Meter, Said};
use crate::metrics::{InFlight, Metrics};
use crate::observe::Seen;
use crate::relay::{Held, Parts, Relay};
use crate::request::Completion;
use crate::surface::{self, Shape, Translated};
use crate::tally::{End, Tally, Usage};
use crate::translate::Names;
use crate::upstream::{Demand, Upstream};
use crate::wake;

/// Largest error body of a replica that is read.
const ERROR_BYTES_MAX: usize = 1 << 20;
/// Asks for the answer's id in a header of the same name, to fetch a receipt under it later.
const RECEIPT_HEADER: &str = "x-cocarde-receipt";
/// What requests of one conversation have in common: a hint at which replica has read it before.
const SESSION_HEADER: &str = "x-session-id";

/// The state behind all routes.
pub(crate) struct Gateway {
    config: GatewayConfig,
    directory: Arc<dyn Directory>,
    meter: Meter,
    metrics: Arc<Metrics>,
    admission: Admission,
    upstream: Upstream,
    requests: AtomicU64,
    desk: OnceLock<Arc<Desk>>,
}

/// What a client asked for, before it is sent on.
struct Arrived {
    call: Call,
    seen: Arc<Seen>,
    request_id: HeaderValue,
    answer_id: String,
    in_flight: InFlight,
    caller: Caller,
}

/// What is known of a request once it has been sent.
struct Asked {
    names: Names,
    stream: bool,
    include_usage: bool,
    shape: Shape,
    checks: Option<Arc<Checks>>,
    /// For services that are asked about the answer.
    context: Option<Arc<Context>>,
}

/// One kind of call, as a handler.
pub(crate) async fn answer(
    call: Call,
    State(gateway): State<Arc<Gateway>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    gateway.call(call, request).await.map(axum::body::Body::from)
}

impl Gateway {
    pub(crate) fn new(config: GatewayConfig, directory: Arc<dyn Directory>, meter: Meter) -> Self {
        let upstream = Upstream::new(&config);
        let admission = Admission::new(&config, meter.gateway(), Arc::clone(meter.books()));
        let metrics = Arc::clone(meter.metrics());
        let requests = AtomicU64::new(meter.first_request());
        let desk = OnceLock::new();
        Self { config, directory, meter, metrics, admission, upstream, requests, desk }
    }

    pub(crate) fn directory(&self) -> &dyn Directory {
        self.directory.as_ref()
    }

    pub(crate) fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Lets go of connections to replicas that this thread has not used for a while.
    pub(crate) fn sweep(&self) {
        self.upstream.sweep();
    }

    /// Answers one call.
    pub(crate) async fn call<B>(&self, call: Call, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        self.call_of(call, request, None).await
    }

    /// The same, of whoever has sent it or of somebody who is known already.
    async fn call_of<B>(
        &self,
        call: Call,
        request: Request<B>,
        known: Option<Caller>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let seen = Seen::begin(&self.metrics, call, request.headers());
        let answered = self.complete(call, request, &seen, known).await;
        let response = self.finish(answered);
        seen.answered(response.status(), response.headers().get("x-request-id"));
        response
    }

    /// Runs a handler and finishes its answer.
    pub(crate) async fn respond<B: From<axum::body::Body>>(
        &self,
        handler: impl AsyncFnOnce(&Self) -> Result<Response<B>, ApiError>,
    ) -> Response<B> {
        let answered = handler(self).await;
        self.finish(answered)
    }

    /// What every answer gets: the envelope of an error, a request id, its place in the counters.
    pub(crate) fn finish<B: From<axum::body::Body>>(
        &self,
        answered: Result<Response<B>, ApiError>,
    ) -> Response<B> {
        let mut response = answered.unwrap_or_else(|error| error.into_response().map(B::from));
        if !response.headers().contains_key("x-request-id") {
            response.headers_mut().insert("x-request-id", self.fresh_request_id());
        }
        self.metrics.answered(response.status());
        response
    }

    /// Who calls.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        bearer(headers)
            .ok_or(Refusal::InvalidKey)
            .and_then(|key| self.directory.authenticate(key))
            .map_err(|refusal| self.refuse(refusal, ""))
    }

    /// A refusal in the envelope.
    pub(crate) fn refuse(&self, refusal: Refusal, model: &str) -> ApiError {
        ApiError::refusal(refusal, model, self.config.retry_after_s)
    }

    async fn complete<B>(
        &self,
        call: Call,
        request: Request<B>,
        seen: &Arc<Seen>,
        known: Option<Caller>,
    ) -> Result<Response<Body>, ApiError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let in_flight = self.metrics.begin();
        let claim = if known.is_some() { Claim::Spare } else { Claim::Usual };
        let caller = known.map_or_else(|| self.authenticate(request.headers()), Ok)?;
        seen.asked_by(&caller);
        let (permit, mut rates) = match self.admission.enter(&caller, claim) {
            Ok(entered) => entered,
            Err(denied) => {
                let mut response = denied.into_error().into_response().map(Body::from);
                denied.rates().write(response.headers_mut());
                return Ok(response);
            }
        };
        let request_id = self.fresh_request_id();
        let wants_id = request.headers().get(RECEIPT_HEADER).is_some_and(|asked| asked == "1");
        let answer_id = call.answer_id(request_id.to_str().unwrap_or_default());
        let arrived = Arrived {
            call,
            seen: Arc::clone(seen),
            request_id: request_id.clone(),
            answer_id: answer_id.clone(),
            in_flight,
            caller,
        };
        let answered = self.forward(arrived, request, (permit, &mut rates)).await;
        let mut response = answered.unwrap_or_else(|error| error.into_response().map(Body::from));
        response.headers_mut().insert("x-request-id", request_id);
        let id = wants_id.then(|| HeaderValue::try_from(answer_id).ok()).flatten();
        if let Some(id) = id.filter(|_| response.status().is_success()) {
            response.headers_mut().insert(RECEIPT_HEADER, id);
        }
        rates.write(response.headers_mut());
        Ok(response)
    }

    async fn forward<B>(
        &self,
        arrived: Arrived,
        request: Request<B>,
        (mut permit, rates): (Permit, &mut Rates),
    ) -> Result<Response<Body>, ApiError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        self.require_room_for_usage()?;
        let (call, session) = (arrived.call, request.headers().get(SESSION_HEADER).cloned());
        let Translated { body, shape } = self.understand(&arrived, request).await?;
        let mut asked = Completion::parse(&body, self.config.completion_tokens_max)?;
        asked.speak(call)?;
        let (known, wake) = ((self.directory(), &*self.metrics), &self.config.wake);
        let route = wake::route(known, wake, &arrived.caller, &asked.model).await;
        let route = route.map_err(|refusal| self.refuse(refusal, &asked.model))?;
        let (checks, context) = self.check(&arrived, &route, &mut asked).await?;
        let estimate = asked.prompt_tokens_estimate;
        let ask = self.ask(call, &route, (&asked, body.len()));
        let admitted = permit.admit(self.directory(), &arrived.caller, ask, rates).await;
        admitted.map_err(Denied::into_error)?;
        arrived.seen.admitted();
        let (id, caller) = (arrived.answer_id.clone(), arrived.caller.clone());
        let id_json = quote(&id);
        let said = Said::new(id, asked.model.clone());
        let about = (route.endpoint, estimate);
        let seen = Arc::clone(&arrived.seen);
        let mut tally = Tally::new(self.meter.clone(), caller, about, said, seen).holding(permit);
        let known = Asked {
            names: Names { model_json: quote(&asked.model), id_json },
            stream: asked.stream,
            include_usage: asked.include_usage,
            shape,
            checks,
            context,
        };
        if !call.uses_tokens() {
            tally.usage(Usage { prompt_tokens: 0, completion_tokens: 0 });
        }
        let demand = Demand {
            prompt: asked.prompt.as_bytes(),
            prompt_tokens: estimate,
            completion_tokens_max: asked.completion_tokens_max,
            session: session.as_ref().map(HeaderValue::as_bytes),
        };
        let capture = self.capture(&arrived, &route, &asked.model);
        let sent = (asked.into_upstream(&route.upstream_model), known.stream);
        tally.keep(capture.and_then(|(capture, about)| Draft::begin(capture, about, &sent.0)));
        let sent_at = Instant::now();
        let (answer, held) = match self.send(arrived, &route, &demand, sent).await {
            Ok(sent) => sent,
            Err(error) => {
                tally.settle(End::Failed);
                return Err(error);
            }
        };
        tally.answered_by(&held.outstanding, sent_at, self.directory());
        self.pass_on(answer, known, tally, held).await
    }

    /// A request's body in an engine's words.
    async fn understand<B>(
        &self,
        arrived: &Arrived,
        request: Request<B>,
    ) -> Result<Translated, ApiError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let (head, body) = request.into_parts();
        let body = intake::read(body, self.config.body_bytes_max, self.config.body_timeout).await?;
        surface::request(arrived.call, &head, body, || self.directory.models(&arrived.caller))
    }

    async fn send(
        &self,
        arrived: Arrived,
        route: &Route,
        demand: &Demand<'_>,
        (body, stream): (Bytes, bool),
    ) -> Result<(Response<Flow>, Held), ApiError> {
        let timeout =
            if stream { self.config.first_byte_timeout } else { self.config.answer_timeout };
        let (method, path) = (arrived.call.method(), arrived.call.path());
        let body = if *method == Method::GET { Bytes::new() } else { body };
        let (request_id, model) = (Some(&arrived.request_id), route.upstream_model.as_str());
        let trace = arrived.seen.trace_headers();
        let order = Order { method, path, body, request_id, trace: trace.as_ref(), timeout, model };
        let sent = self.upstream.send((route, demand), &order, &self.metrics).await;
        let (answer, outstanding) = sent?;
        Ok((answer, Held { _in_flight: arrived.in_flight, outstanding }))
    }

    /// Turns a replica's answer into the client's.
    async fn pass_on(
        &self,
        answer: Response<Flow>,
        asked: Asked,
        mut tally: Tally,
        held: Held,
    ) -> Result<Response<Body>, ApiError> {
        let idle = self.config.idle_timeout;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            if head.status.is_server_error() && head.status != StatusCode::SERVICE_UNAVAILABLE {
                self.metrics.upstream_errors.add(1);
            }
            tally.settle(End::Failed);
            let told = answer::collect(body, ERROR_BYTES_MAX, idle).await.ok();
            return Ok(answer::upstream_error(head.status, &head.headers, told.as_deref()));
        }
        let is_stream = is_event_stream(&head.headers);
        let unasked = is_stream && !asked.stream;
        if unasked || head.headers.contains_key(header::CONTENT_ENCODING) {
            tally.settle(End::Failed);
            let message = "the model's server answered in a form that was not asked for";
            return Err(ApiError::bad_gateway(message));
        }
        if !is_stream {
            let mut whole = answer::collect(body, self.config.answer_bytes_max, idle).await?;
            if let Some(checks) = &asked.checks {
                whole = tally.checked(whole, (checks, asked.context.as_deref())).await?;
            }
            let counted = (&mut tally, &asked.shape);
            let response = answer::completion(&head.headers, &whole, &asked.names, counted)?;
            tally.settle(End::Complete);
            return Ok(response);
        }
        let event_bytes_max = self.config.event_bytes_max;
        let relay = Relay::new(Parts {
            upstream: body,
            gate: asked
                .checks
                .as_ref()
                .and_then(|checks| Gate::new(checks, asked.context, event_bytes_max)),
            screen: asked.checks.as_ref().and_then(|checks| Screen::new(checks, event_bytes_max)),
            event_bytes_max,
            idle,
            tally,
            held,
            names: asked.names,
            include_usage: asked.include_usage,
            reshaper: asked.shape.events(self.config.answer_bytes_max),
            metrics: Arc::clone(&self.metrics),
        });
        let mut response = Response::new(Body::Events(Box::new(relay)));
        let headers = response.headers_mut();
        answer::pass_headers(&head.headers, headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // Asks reverse proxies in front of us (nginx) not to gather chunks.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// The key that a request names.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(key.trim()).filter(|key| scheme.eq_ignore_ascii_case("bearer") && !key.is_empty())
}
