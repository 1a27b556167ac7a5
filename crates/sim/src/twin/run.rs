//! One run of one policy, measured and checked.

use std::io::{self, Write};

use super::{
    backend::{Backend, Input, Progress},
    checkers::{Bounds, Checks},
    events::Fanout,
    results::{Collector, Outcome},
};

/// Why a run gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The policy cannot run this.
    #[error("policy `{policy}`: {message}")]
    Backend {
        /// The policy.
        policy: String,
        /// Why.
        message: String,
    },
    /// The table of jobs could not be written.
    #[error("the table of jobs cannot be written: {0}")]
    Rows(#[from] io::Error),
}

/// Runs a policy, with collectors and checkers listening. One row for each job goes to `rows`; the caller
/// writes [`JOBS_HEADER`](super::results::JOBS_HEADER) before.
///
/// # Errors
/// [`RunError`] if the policy cannot run the input or `rows` cannot be written.
pub fn run(
    backend: &mut dyn Backend,
    input: &Input<'_>,
    bounds: Bounds,
    rows: &mut dyn Write,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Outcome, RunError> {
    let policy = backend.name().to_owned();
    let mut collector = Collector::new(input.fleet, input.jobs, &policy, rows);
    let mut checks = Checks::new(input.fleet, input.jobs, bounds);
    let mut observers = Fanout(vec![&mut collector, &mut checks]);
    let end = backend
        .run(input, &mut observers, progress)
        .map_err(|message| RunError::Backend { policy, message })?;
    let findings = checks.finish(end);
    Ok(collector.finish(end, findings)?)
}
