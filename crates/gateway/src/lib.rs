//! The OpenAI-compatible data plane: routing, streaming, limits and metering.
//!
//! INVARIANT: a stream is never buffered as a whole, and the usage of a finished request is written
//! exactly once or is visibly missing (a counter, a warning or a hole in the sequence says so).
//! Requests in flight when the process is killed leave no record; their clients saw them break.
//! This crate knows neither the kernel nor the store: the application wires it through
//! [`Directory`] (who may call what, and where it runs) and [`UsageSink`] (where roll-ups go).
//!
//! [`Front`] listens: a connection, its requests and the connections to replicas that these use stay on one
//! thread.

#![expect(
    clippy::result_large_err,
    reason = "a refusal ends its request and is moved once; boxing it would only hide its fields"
)]

mod admission;
mod answer;
mod backend;
mod balance;
mod batch;
mod body;
mod call;
mod capture;
mod cards;
mod client;
mod config;
mod directory;
mod error;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod intake;
mod json;
mod load;
mod meter;
mod metrics;
mod observe;
mod prefix;
mod proxy;
mod relay;
mod request;
mod silence;
mod splice;
mod sse;
mod surface;
mod tally;
mod translate;
mod upstream;
mod uptime;
mod usage;
mod wake;
mod within;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
pub use futures_util::future::BoxFuture;

pub use crate::admission::{
    ACCOUNTS_MAX, Account, Accounts, Allowance, Holder, LEVELS_MAX, Level, Limits, Measure, Room,
    Standing,
};
pub use crate::backend::{
    Reach, Remote, RemoteConfig, RemoteError, RemoteTimeouts, Tls, TlsError, render_remotes,
};
pub use crate::balance::{Balance, BalanceConfig, Demand, Outstanding};
pub use crate::batch::{BatchConfig, BatchError, Batches, Safe, SafeError, Seal};
pub use crate::capture::{Capture, Captured, Recorder};
pub use crate::config::{Clock, GatewayConfig, MeterConfig, WakeConfig};
pub use crate::directory::{Caller, Charge, Directory, ModelCard, Refusal, Replica, Route};
pub use crate::front::Front;
pub use crate::guard::{
    CheckAction, CheckKind, CheckSpec, CheckerSpec, Checks, PATTERN_BYTES_MAX, SizeLimits,
    Unanswered, WINDOW_CHARS_MAX, compile_pattern,
};
pub use crate::load::{EndpointLoad, ReplicaLoad};
pub use crate::meter::{AnswerPlace, Meter, MeterError, RolledAnswer};
pub use crate::metrics::Metrics;
pub use crate::observe::{AccessLogTarget, SpanBatch, SpanBatches, TenantRow, TenantSums};
use crate::surface::paths::{unknown, wrong_method};
pub use crate::usage::{Answers, Rollup, SinkError, UsageSink};

/// Builds the routes `GET /v1/models`, `GET /v1/models/{id}` and those of every kind of call, all under
/// bearer keys, and answers for what is not under `/v1`, for a server of the caller's own; [`Front`] is the one that is meant for load.
///
/// Counters are those of [`Meter::metrics`]; [`Meter::run`] must be spawned beside the server, or
/// usage stays in the spool folder.
pub fn router(config: GatewayConfig, directory: Arc<dyn Directory>, meter: Meter) -> Router {
    routes(Arc::new(proxy::Gateway::new(config, directory, meter)))
}

fn routes(gateway: Arc<proxy::Gateway>) -> Router {
    let mut router = Router::new()
        .route("/v1/models", get(cards::list).fallback(wrong_method))
        .route("/v1/models/{*id}", get(cards::show).fallback(wrong_method))
        .route("/v1", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*path}", any(unknown));
    for call in call::Call::ALL {
        let answer = move |state, ask| proxy::answer(call, state, ask);
        let answer = if *call.method() == http::Method::GET { get(answer) } else { post(answer) };
        for path in call.paths() {
            router = router.route(path, answer.clone().fallback(wrong_method));
        }
    }
    batch::routes(router).with_state(gateway)
}
