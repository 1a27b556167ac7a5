//! The simulator: drives the very same `decide`, `plan` and `apply` under virtual time.
//!
//! Invariant: same seed and commit, same trace, byte for byte. Nothing here reads a clock, draws
//! from anything but its seed, or touches a network; the only input from outside are scenario files.
//! Every number that a simulated engine or gateway reports is invented and labelled as simulated.
//!
//! - [`run`] and [`check`]: seeded runs with faults, followed by independent checkers.
//! - [`scenario`]: text files of commands with the transcript that they must give.
//! - [`anchor`]: published experiments of others, repeated and compared.
//! - [`golden`]: the public views of a stored log, so that old logs stay readable.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

pub mod actors;
pub mod anchor;
pub mod checkers;
mod config;
pub mod golden;
mod harness;
pub mod platform;
mod rng;
pub mod scenario;
mod setup;
mod trace;
pub mod twin;

pub use config::{Config, Failure, Outcome, Report};
pub use harness::run;
pub use rng::Rng;
pub use trace::Trace;

#[cfg(test)]
mod tests;

use std::ops::Range;

/// Runs every seed twice with all faults; both runs must hold and give the same trace.
#[must_use]
pub fn check(seeds: Range<u64>, steps: u64) -> Report {
    let mut report = Report::default();
    for seed in seeds {
        match check_seed(seed, Config::all_faults(steps)) {
            Ok(outcome) => report.outcomes.push(outcome),
            Err(failure) => report.failures.push(*failure),
        }
    }
    report
}

/// Runs one seed twice.
///
/// # Errors
/// [`Failure`] if an invariant is violated or the two traces differ.
pub fn check_seed(seed: u64, config: Config) -> Result<Outcome, Box<Failure>> {
    let first = run(seed, config)?;
    let second = run(seed, config)?;
    if first == second {
        return Ok(first);
    }
    Err(Box::new(Failure {
        seed,
        step: config.steps,
        steps: config.steps,
        message: format!("two runs differ: {first:?} and {second:?}"),
        tail: String::new(),
    }))
}
