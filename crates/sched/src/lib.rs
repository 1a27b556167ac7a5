//! Placement: which nodes waiting work gets now, what is evicted for it, and why the rest waits.
//!
//! Invariant this crate guards: a plan is total and deterministic, never exceeds capacity, quota or
//! a promise, and every job is either placed whole or carries a machine-readable reason with its
//! evidence. It must never read a clock, a file or randomness.
//!
//! - [`Problem`] in, [`Plan`] out: [`plan`] is pure. [`Scheduler`] is the same, kept by small
//!   changes, so that a cycle does not begin with a walk over the fleet.
//! - `fleet`: nodes by site, rack group and rack, indexed by what is free.
//! - `place`: which nodes; its tie-breaks are policy.
//! - `share`: whose turn it is, and who may have how much.
//! - `cycle`: turns, placements, promises (backfill), evictions, reasons.
//! - `power`, `carbon`: budgets of power, and starts put off for cleaner or cheaper energy.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

mod advise;
pub mod carbon;
mod cycle;
mod energy;
mod fleet;
pub mod frag;
mod mask;
pub mod mig;
pub mod order;
mod part;
mod place;
mod plan;
pub mod power;
mod problem;
mod reason;
mod scheduler;
mod settings;
pub mod share;
mod why;

pub use advise::Change;
pub use fleet::Fleet;
pub use mask::{SITES_MAX, SiteMask};
pub use part::{GPU_MILLI, Part, Seat};
pub use plan::{Placement, Plan, Preemption, Problem, Promise, Unplaced, plan};
pub use problem::{
    Amounts, CLASSES_MAX, ClassIdx, ClassSet, Gate, Job, JobIdx, Level, Micros, Node, NodeIdx,
    NodeState, Reservation, ReservationIdx, Running, SiteIdx, Topology, stock,
};
pub use reason::{Contradiction, Reason, Resource};
pub use scheduler::Scheduler;
pub use settings::{Reclaim, Settings};

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests compute with small known numbers")]
mod tests;
