//! The store from outside: everything here goes through its public border.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first error, as tests do")]

mod auditing;
mod backup;
mod blobs;
mod conformance;
mod coverage;
mod faults;
mod folder;
mod lab;
mod replay;
mod sequencer;
mod support;
mod tamper;
mod vault;
mod views;
mod witnesses;
