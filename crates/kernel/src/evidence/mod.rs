//! Evidence for sovereignty criteria: what was measured, declared or certified, by whom, until when.
//!
//! A score counts a criterion only while evidence for it is valid; what nobody has shown is not met.
//! Documents stay outside: the log holds their digests.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

pub use policy::score::Kind;
use policy::score::PieceState;
use serde::{Deserialize, Serialize};
use units::{Digest, Id, UnixMicros, kinds};

use crate::{Actor, Meta, State, Subject};

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its id.
    pub id: Id<kinds::Evidence>,
    /// What was recorded.
    pub claim: Claim,
    /// Who recorded it.
    pub recorded_by: Actor,
    /// Since when it no longer counts, whatever its validity.
    pub withdrawn_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Evidence {
    /// Whether it counts at a time.
    #[must_use]
    pub fn state_at(&self, now: UnixMicros) -> PieceState {
        if self.withdrawn_at.is_some() {
            PieceState::Withdrawn
        } else if self.claim.valid_until.is_none_or(|until| now < until) {
            PieceState::Valid
        } else {
            PieceState::Expired
        }
    }
}

/// What a piece of evidence says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Id of the criterion in the list of criteria, such as `csf.sov-1.seal-2.1`.
    pub criterion: String,
    /// How it is shown.
    pub kind: Kind,
    /// The legal entity that says so, or certified it.
    pub issuer: Id<kinds::Entity>,
    /// From when on it no longer counts; `None` for no end.
    pub valid_until: Option<UnixMicros>,
    /// SHA-256 of the document.
    pub document: Digest,
}

/// What can be asked about evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Records one.
    Record {
        /// What it says.
        claim: Claim,
    },
    /// Takes one back.
    Withdraw {
        /// The piece.
        id: Id<kinds::Evidence>,
    },
}

/// What can happen to evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was recorded.
    Recorded {
        /// Its id.
        id: Id<kinds::Evidence>,
        /// What it says.
        claim: Claim,
    },
    /// One no longer counts.
    Withdrawn {
        /// The piece.
        id: Id<kinds::Evidence>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "evidence.recorded",
            Self::Withdrawn { .. } => "evidence.withdrawn",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Recorded { id, .. } | Self::Withdrawn { id } => (*id).into(),
        }
    }
}

const fn target(command: &Command) -> Option<Id<kinds::Evidence>> {
    match command {
        Command::Record { .. } => None,
        Command::Withdraw { id } => Some(*id),
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.evidence.get(&id)).map(|one| one.meta.version)
}
