//! The OpenAI-compatible data plane: routing, streaming, limits and metering.
//!
//! INVARIANT: a stream is never buffered as a whole, and the usage of a finished request is written
//! exactly once or is visibly missing (a counter, a warning or a hole in the sequence says so).
//! Requests in flight when the process is killed leave no record; their clients saw them break.
//! This crate knows neither the kernel nor the store: the application wires it through
//! [`Directory`] (who may call what, and where it runs) and [`UsageSink`] (where roll-ups go).
//!
//! The listener belongs to the application; it should set `TCP_NODELAY` on accepted connections,
//! or small chunks wait for the client's delayed acknowledgement.

#![expect(
    clippy::result_large_err,
    reason = "a refusal ends its request and is moved once; boxing it would only hide its fields"
)]

mod answer;
mod backend;
mod balance;
mod cards;
mod client;
mod config;
mod directory;
mod error;
mod json;
mod limit;
mod meter;
mod metrics;
mod prefix;
mod proxy;
mod relay;
mod request;
mod sse;
mod tally;
mod upstream;
mod uptime;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
pub use futures_util::future::BoxFuture;

pub use crate::backend::{
    Reach, Remote, RemoteConfig, RemoteError, RemoteTimeouts, Tls, TlsError, render_remotes,
};
pub use crate::balance::{Balance, BalanceConfig, Demand, Outstanding};
pub use crate::config::{Clock, GatewayConfig, MeterConfig};
pub use crate::directory::{Caller, Charge, Directory, ModelCard, Refusal, Replica, Route};
pub use crate::meter::{AnswerPlace, Meter, MeterError, RolledAnswer};
pub use crate::metrics::Metrics;
pub use crate::usage::{Answers, Rollup, SinkError, UsageSink};

/// Builds the routes `GET /v1/models`, `GET /v1/models/{id}`, `POST /v1/chat/completions` and
/// `POST /v1/completions`, all under bearer keys.
///
/// Counters are those of [`Meter::metrics`]; [`Meter::run`] must be spawned beside the server, or
/// usage stays in the spool folder.
pub fn router(config: GatewayConfig, directory: Arc<dyn Directory>, meter: Meter) -> Router {
    let gateway = Arc::new(proxy::Gateway::new(config, directory, meter));
    Router::new()
        .route("/v1/models", get(cards::list))
        .route("/v1/models/{*id}", get(cards::show))
        .route("/v1/chat/completions", post(proxy::chat))
        .route("/v1/completions", post(proxy::text))
        .with_state(gateway)
}
