//! The state machine: command → [`decide`] → events → append → [`State::apply`].
//!
//! Invariant: state is the fold of the events and nothing else. `decide` only reads; `apply` is the
//! only mutation, synchronous, and never fails; every accepted command leaves [`State::check`] true.
//! Time, ids and randomness are inputs ([`Ctx`]), so a replay gives the same state byte for byte.
//! Nothing here reads a clock, draws a random number, or does I/O.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

pub mod access;
pub mod audit;
pub mod binding;
pub mod budget;
pub mod capability;
mod changes;
mod check;
mod command;
pub mod consent;
pub mod course;
mod ctx;
pub mod dataset;
pub mod decision;
mod desired;
mod dispatch;
pub mod endpoint;
pub mod entity;
pub mod erasure;
mod event;
pub mod evidence;
pub mod group;
mod idempotency;
mod identities;
pub mod identity_provider;
pub mod inventory;
pub mod key;
pub mod limits;
pub mod lineage;
pub mod model;
pub mod node;
pub mod organisation;
mod planner;
pub mod policy_set;
pub mod power;
pub mod price;
pub mod project;
mod queue;
pub mod quota;
pub mod rate_limit;
mod reject;
pub mod reservation;
pub mod role;
pub mod service_account;
pub mod site;
pub mod standing;
mod state;
pub mod storage;
mod subject;
pub mod transfer;
pub mod upstream;
pub mod usage;
pub mod user;
pub mod workload;

pub use command::{Command, Submission};
pub use ctx::{Actor, Ctx};
pub use desired::{DesiredProcess, Goal, desired};
pub use dispatch::decide;
pub use event::{Entry, EntryError, Event, Idempotency};
pub use idempotency::Remembered;
pub use planner::{Advice, DomainDraw, Planner, Waiting, explain};
pub use queue::{QueuedReason, queue};
pub use reject::{Refused, Reject};
pub use state::{Meta, Stamp, State};
pub use subject::Subject;

#[cfg(test)]
mod tests;
