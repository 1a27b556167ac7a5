//! What scores are computed from: checks of the platform's own state, and evidence on record.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::ownership::EntityId;

/// How evidence shows something; a later kind counts wherever an earlier one does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody says so and answers for it.
    #[default]
    Declared,
    /// It was measured or tested.
    Measured,
    /// A third party certified it.
    Certificate,
}

impl Kind {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Measured => "measured",
            Self::Certificate => "certificate",
        }
    }

    /// What it counts as: a certificate of one's own is a declaration.
    #[must_use]
    pub const fn counts_as(self, is_own: bool) -> Self {
        match self {
            Self::Certificate if is_own => Self::Declared,
            kind @ (Self::Declared | Self::Measured | Self::Certificate) => kind,
        }
    }
}

/// Something that the platform finds out itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Seat and administration of whoever runs or owns a site are in the Union.
    Establishment,
    /// Whoever runs a site keeps the limits on foreign holders (SecNumCloud 3.2 §19.6).
    Ownership,
    /// Whoever runs or owns a site is under the law of a member state in the end.
    Control,
    /// Sites and places of storage are in the Union.
    Locations,
    /// All categories of data stay in the Union by the platform's rules.
    Residency,
    /// Everything of the fleet has country, operator, jurisdiction and owner.
    Inventory,
    /// The key that opens other keys is in a service outside the platform.
    ExternalKeys,
    /// Two witnesses or more must agree, and have agreed.
    Witnesses,
    /// A copy of the log is kept somewhere else.
    LogCopies,
    /// Sites have figures of energy with a source.
    Figures,
    /// A signed list of the software's components is published.
    Sbom,
    /// Every installation of this software does it.
    BuiltIn,
    /// No accelerator is of a vendor controlled from outside the Union.
    Accelerators,
    /// No processor is of a vendor controlled from outside the Union.
    Processors,
}

impl Check {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Establishment => "establishment",
            Self::Ownership => "ownership",
            Self::Control => "control",
            Self::Locations => "locations",
            Self::Residency => "residency",
            Self::Inventory => "inventory",
            Self::ExternalKeys => "external-keys",
            Self::Witnesses => "witnesses",
            Self::LogCopies => "log-copies",
            Self::Figures => "figures",
            Self::Sbom => "sbom",
            Self::BuiltIn => "built-in",
            Self::Accelerators => "accelerators",
            Self::Processors => "processors",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The outcome.
    pub met: bool,
    /// Why, in one sentence without a full stop.
    pub because: String,
    /// What keeps it from being met, one line each; empty if it is met.
    pub things: Vec<String>,
    /// Ids of what was looked at, so that the log's entries about them can be named.
    pub subjects: Vec<String>,
}

/// Whether a piece of evidence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PieceState {
    /// It counts.
    Valid,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// A piece of evidence on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its id.
    pub id: Id<kinds::Evidence>,
    /// Of which criterion.
    pub criterion: String,
    /// How it shows it.
    pub kind: Kind,
    /// Who says so.
    pub issuer: EntityId,
    /// Whether it counts.
    pub state: PieceState,
}

/// Everything that a score depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What was found; a check that is not here is not met.
    pub checks: BTreeMap<Check, Finding>,
    /// Evidence, in the order of its ids.
    pub evidence: Vec<Piece>,
    /// Who runs or owns the platform's places: nobody certifies themselves.
    pub own: BTreeSet<EntityId>,
}

impl Facts {
    /// What a piece counts as: a certificate of one's own is a declaration.
    #[must_use]
    pub fn counts_as(&self, piece: &Piece) -> Kind {
        piece.kind.counts_as(self.own.contains(&piece.issuer))
    }
}
