//! In what order waiting work is served: integer keys, what history teaches about durations, and
//! which set of jobs to run when not all fit.
//!
//! Must never look at a duration that nobody knows yet: [`History`] learns only from what has ended
//! and from how long the rest has already run, and says so in the unit of its answers, which is
//! *effort*: GPU-microseconds spent for one job to end. Every tie is broken by submission.
//!
//! - [`Discipline`] turns what is known of a job into a [`Key`]; the smallest key goes first.
//! - [`History`] groups jobs that resemble each other and gives an [`Outlook`] for each.
//! - [`best_set`] chooses what to run in a small pool, so that the most work ends soonest.

mod discipline;
mod history;
mod ladder;
mod outlook;
mod set;
mod tally;

pub use discipline::{Discipline, Key, Standing};
pub use history::{GROUPS_MAX, GroupId, History, MEMBERS_MAX, Member, Stamp};
pub use ladder::{RUNGS, rung_of, rung_start};
pub use outlook::Outlook;
pub use set::{CAPACITY_MAX, Candidate, best_set};

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "tests compute with small known numbers, and references in floating point"
)]
mod tests;
