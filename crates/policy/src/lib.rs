//! Sovereignty: which data may be where, decided by Cedar policies behind a pure function.
//!
//! Invariant this crate guards: an undecided question is a *no*. Nothing is allowed unless a
//! policy permits it, a forbid wins over every permit, and a policy that cannot be evaluated
//! refuses. It must never read a clock, a file or the environment, and never remember anything
//! between two questions: the same policies and question give the same decision, always.
//!
//! Who may write which layer is the caller's business: compile one [`Policies`] per organisation
//! from the base layer, the operator's and that organisation's own, because a permit in a shared
//! set would speak for every tenant in it.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

pub mod access;
mod ask;
mod category;
mod compile;
mod decide;
mod error;
mod explain;
pub mod ownership;
mod question;
mod residency;
mod scan;
pub mod score;
mod stack;
mod text;
mod vocabulary;

pub use ask::{Ask, PLATFORM, Recorded, Table};
pub use category::{Category, Operation};
pub use compile::{
    POLICIES_MAX, Policies, PolicySource, SOURCE_BYTES_MAX, SOURCE_ID_CHARS_MAX, SOURCES_MAX,
};
pub use decide::{Decision, allowed_sites};
pub use error::{CompileError, Fault};
pub use explain::{Refusal, explain};
pub use question::{Action, Intent, LegalFacts, Question, SiteFacts};
pub use residency::{Loosened, Residency, Rule};
pub use scan::{NESTING_MAX, OPERATORS_MAX};
pub use text::{BASE_POLICY, BASE_SOURCE_ID, SCHEMA, base_source, residency_policy};

#[cfg(test)]
mod tests;
