//! One run of one policy, measured and checked.

use std::io::{self, Write};

use super::{
    backend::{Backend, Input, Progress},
    checkers::{Bounds, Checks},
    events::{Fanout, Observer},
    results::{Collector, Outcome},
    shadow::Shadow,
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
    let broken = |message| RunError::Backend { policy: policy.clone(), message };
    let mut shadow = bounds.through_platform.then(|| Shadow::new(input, None)).transpose();
    let shadow = shadow.as_mut().map_err(|message| broken(std::mem::take(message)))?;
    let mut observers = Fanout(vec![&mut collector, &mut checks]);
    observers.0.extend(shadow.as_mut().map(|shadow| shadow as &mut dyn Observer));
    let end = backend.run(input, &mut observers, progress).map_err(broken)?;
    let mut findings = checks.finish(end);
    if let Some(shadow) = shadow.take() {
        findings.join(shadow.finish(end).0);
    }
    Ok(collector.finish(end, findings)?)
}
