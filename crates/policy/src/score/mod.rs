//! Scores of sovereignty from evidence: levels of objectives, a weighted score, a checklist.
//!
//! Must never give anything for what nobody has shown: a criterion without evidence that counts is
//! not met, and neither is one that a fact speaks against. Taking a piece of evidence away can
//! therefore only lower a score. All arithmetic is in integers; time comes in with the facts.
//!
//! Criteria are data (`crates/policy/criteria/*.yaml`), so that somebody else can compute the same
//! from the same files.

mod criteria;
mod facts;
mod judge;
mod rate;
mod vendors;

pub use criteria::{
    CriteriaError, Criterion, FILES, Framework, Part, Scale, find, frameworks, parse,
};
pub use facts::{Check, Facts, Finding, Kind, Piece, PieceState};
pub use judge::{Judged, Standing};
pub use rate::{PartStanding, Rated, RatedPart, WHOLE_SCORE_BP, rate};
pub use vendors::{Component, VENDORS_FILE, Vendor, Vendors, vendors};

#[cfg(test)]
mod tests;
