//! Who owns and controls a legal entity, and whether SecNumCloud 3.2 §19.6 is met.
//!
//! Pure arithmetic over a register of entities: no list of countries but the Union's, no float, no
//! guess. Must never take what nobody declared for compliant: shares without a declared holder count
//! against the entity until somebody says whose they are.
//!
//! Definitions used here (our reading of the clause, in own words):
//! - A *foreign* entity has its seat or its central administration outside the Union.
//! - `h` *controls* `e` if `h` and what it controls hold more than half of the votes of `e`, or may
//!   appoint the majority of its board. Control counts as holding everything.
//! - Otherwise shares multiply along a chain and add up over chains.

mod eu;
mod graph;
mod verdict;

pub use eu::{EU, is_in_eu};
pub use graph::{Jurisdiction, Of, UNKNOWN_COUNTRY, jurisdiction};
pub use verdict::{Assessment, Finding, SHARE_EACH_MAX_BP, SHARE_TOGETHER_MAX_BP, Verdict, assess};

use serde::{Deserialize, Serialize};
use units::{Country, Id, kinds};

/// Id of a legal entity.
pub type EntityId = Id<kinds::Entity>;

/// A whole, in hundredths of a percent.
pub const WHOLE_BP: u32 = 10_000;

/// What kind of owner or operator an entity is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A company: somebody holds it, and shares that nobody declared are unknown.
    #[default]
    Company,
    /// A state, a public body, a foundation: nobody holds it.
    PublicBody,
    /// Natural persons described by their role, such as "the founders"; never by name, because the
    /// register is in the log.
    Persons,
}

/// One holder's share of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Who holds.
    pub holder: EntityId,
    /// Share of the capital, in hundredths of a percent.
    pub capital_bp: u32,
    /// Share of the votes, in hundredths of a percent.
    pub votes_bp: u32,
    /// True if the holder may veto decisions, by contract or statute.
    #[serde(default, skip_serializing_if = "is_false")]
    pub veto: bool,
    /// True if the holder may appoint most of an administrative, managing or supervisory board.
    #[serde(default, skip_serializing_if = "is_false")]
    pub board_majority: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What the register says of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The name it is registered under; no natural person's.
    pub legal_name: String,
    /// Country of the registered seat.
    pub seat: Country,
    /// Country of the central administration or main establishment, where it is not the seat's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administration: Option<Country>,
    /// What kind of entity it is.
    pub form: Form,
    /// True if its shares are traded on a regulated market: shares without a declared holder are then
    /// a free float of small holders, and count for nobody.
    #[serde(default, skip_serializing_if = "is_false")]
    pub listed: bool,
    /// Who holds it; each holder once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holding>,
}

impl Facts {
    /// The country whose law it is under first: the one outside the Union if seat and administration
    /// differ in that.
    #[must_use]
    pub fn home(&self) -> Country {
        match self.administration {
            Some(other) if !is_in_eu(other) => other,
            Some(_) | None => self.seat,
        }
    }

    /// True if its seat or its administration is outside the Union.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !is_in_eu(self.home()) || !is_in_eu(self.seat)
    }

    /// Shares that nobody declared, in hundredths of a percent: of the capital and of the votes.
    #[must_use]
    pub fn undeclared_bp(&self) -> (u32, u32) {
        if self.listed || self.form != Form::Company {
            return (0, 0);
        }
        let sum = |of: fn(&Holding) -> u32| {
            let sum = self.holders.iter().fold(0_u32, |sum, one| sum.saturating_add(of(one)));
            WHOLE_BP.saturating_sub(sum)
        };
        (sum(|one| one.capital_bp), sum(|one| one.votes_bp))
    }
}

/// Where facts about entities are looked up.
pub trait Register {
    /// What is known of an entity, if it is registered.
    fn facts(&self, id: EntityId) -> Option<&Facts>;
}

impl Register for std::collections::BTreeMap<EntityId, Facts> {
    fn facts(&self, id: EntityId) -> Option<&Facts> {
        self.get(&id)
    }
}
