//! Decisions: what policy said, on record before anything happens because of it.
//!
//! Each distinct question is asked and logged once for each set of policies, sites and entities; every
//! placement, movement of data and inference route names the positions of the decisions that allow
//! it. A change that touches an answer forgets it, and what runs because of it is asked anew in the
//! same command ([`review`]). Must never let an effect through on an answer that is not in the log.

mod apply;
mod draft;
mod require;
mod review;

pub(crate) use apply::{apply, forget_scope, refused};
pub use draft::{Draft, Flip, Impact, Impacts};
pub use require::{Answer, Refusal, answer, ask_now, question};
pub(crate) use require::{No, require};
pub(crate) use review::{decide, with_review};

use policy::{Decision, Question};
use serde::{Deserialize, Serialize};
use units::Digest;

use crate::Subject;

/// What can be asked about decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Asks anew for everything that runs and has no answer on record: after an upgrade from a version
    /// that kept none.
    Review,
}

/// What can happen about decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was made.
    Made(Box<Made>),
}

/// A decision with all that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What it was first made for.
    pub about: Subject,
    /// Everything that policies could see: request and entities.
    pub question: Question,
    /// The answer, the policies that gave it, and the hash of their set.
    pub decision: Decision,
    /// SHA-256 of the request: [`Question::request_digest`].
    pub request: Digest,
    /// SHA-256 of the entities: [`Question::entities_digest`].
    pub entities: Digest,
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Made(_) => "decision.made",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Made(made) => made.about,
        }
    }
}
