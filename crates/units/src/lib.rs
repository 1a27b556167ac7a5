//! The vocabulary of Cocarde: ids, names, money, energy, time and quantities.
//!
//! Invariant this crate guards: a value of the wrong unit, tenant or kind does not compile, and
//! arithmetic never wraps silently (operations are checked or saturating, by name).
//! It must never read a clock, hold a float, or depend on another crate of the workspace.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]

mod allowance;
mod digest;
mod id;
mod money;
mod name;
mod place;
mod quantity;
mod text;
mod time;

pub use allowance::{Allowance, Measure};
pub use digest::{Digest, ParseDigestError};
pub use id::{Id, IdKind, ParseIdError, kinds};
pub use money::{Amount, MicroEuro, Price, PriceUnit, Rated, rate};
pub use name::{Name, ParseNameError};
pub use place::{Country, DataClass, ParsePlaceError};
pub use quantity::{
    Bytes, GpuCount, MicroGram, MilliCpu, MilliGram, MilliJoule, MilliWatt, Tokens,
};
pub use text::deserialize_text;
pub use time::{DurationMicros, ParseDurationError, UnixMicros};

#[cfg(test)]
mod tests;
