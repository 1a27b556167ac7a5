//! The local engine with real processes: shims, launchers, limits, sandboxes and adoption.
//!
//! Every wait polls a predicate with a deadline; every port is chosen by the machine.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod adoption;
mod fake_runtime;
mod harness;
mod inputs;
mod isolation;
mod life;
mod service;
