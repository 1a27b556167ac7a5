//! Placement: which nodes a waiting job gets now, or why it gets none.
//!
//! Invariant this crate guards: [`plan`] is total and deterministic, never exceeds capacity, and
//! every job is either placed whole or carries a machine-readable reason with its evidence.
//! It must never read a clock, a file or randomness, and never remember anything between calls.
//!
//! What this first cut does, and does not:
//! - Order is priority (higher first), then submission, then position.
//! - A gang gets all its nodes in one site or none. An elastic job takes as many nodes up to its
//!   maximum as fit now, before any later job is looked at.
//! - A job that does not fit blocks nobody: later, smaller jobs are placed past it, and nothing
//!   is reserved for it. A large job can therefore wait for long behind small ones.
//! - Nothing is preempted, and nodes are filled by best fit; see `choose` for the tie-breaks.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

mod choose;
mod fleet;
mod mask;
pub mod order;
mod plan;
mod problem;
mod reason;

pub use mask::{SITES_MAX, SiteMask};
pub use plan::{Placement, Plan, Unplaced, plan};
pub use problem::{Job, JobIdx, Node, NodeIdx, Problem, SiteIdx};
pub use reason::{Contradiction, Reason, Resource};

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests compute with small known numbers")]
mod tests;
