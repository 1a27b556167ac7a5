//! What can be seen of the data plane from outside: shared metrics, figures for tenants, an access log, traces.
//!
//! INVARIANT: no observer makes a request wait, and none is given a word of what was asked or answered. On
//! the path of a request there are counters of its thread, one short lock for its tenant's sums, and a queue
//! that drops what it cannot hold. Called by the proxy and by the count of tokens, a line each.

mod access_log;
mod failure;
mod figures;
mod histogram;
mod seen;
mod tenants;
#[cfg(test)]
mod tests;
mod trace;

/// The value of `gen_ai.provider.name`: whoever serves the models that the gateway knows.
const PROVIDER: &str = "cocarde";

pub use access_log::AccessLogTarget;
pub use tenants::{TenantRow, TenantSums};
pub use trace::{SpanBatch, SpanBatches};

pub(crate) use access_log::AccessLog;
pub(crate) use failure::FailureKind;
pub(crate) use figures::Figures;
pub(crate) use histogram::micros;
pub(crate) use seen::{Pace, Seen};
pub(crate) use trace::Tracer;
