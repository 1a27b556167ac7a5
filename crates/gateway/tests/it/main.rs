//! The data plane over real sockets, against a small server that speaks OpenAI.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod batches;
mod bench;
mod capture;
mod checker;
mod drills;
mod errors;
mod files;
mod guard;
mod keeping;
mod metering;
mod models;
mod observe;
mod rough;
mod routing;
mod streams;
mod surface;
mod upstream;
mod upstream_drills;
mod wake;
mod wire;
