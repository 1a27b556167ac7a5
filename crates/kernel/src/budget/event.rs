//! What can be asked about budgets, and what can happen to them.
//!
//! `created`, `limit_set` and `exhausted` are about money, as they always were; amounts in the other
//! events say their measure.

use serde::{Deserialize, Serialize};
use units::{Allowance, Id, MicroEuro, Name, kinds};

use super::{Owner, Period, Terms};
use crate::Subject;

/// What a budget is opened from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Whose use it counts.
    pub owner: Owner,
    /// The project to which it is confined, if it is.
    pub within: Option<Id<kinds::Project>>,
    /// Unique among the owner's.
    pub name: Name,
    /// Over how long it counts.
    pub period: Period,
    /// How much.
    pub terms: Terms,
}

/// What changes; `None` leaves as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The new limit, in the measure that the budget has.
    pub limit: Option<Allowance>,
    /// The new thresholds.
    pub alerts: Option<Vec<u8>>,
    /// Whether work stops at the limit.
    pub hard_stop: Option<bool>,
}

/// What can be asked about budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one of a project, in money, that stops work.
    Create {
        /// Whose work it pays.
        project: Id<kinds::Project>,
        /// Unique in the project.
        name: Name,
        /// How much may be spent.
        limit: MicroEuro,
    },
    /// Changes the limit of one in money.
    SetLimit {
        /// The budget.
        id: Id<kinds::Budget>,
        /// The new limit.
        limit: MicroEuro,
    },
    /// Opens one of any owner in any measure.
    Open(Box<Open>),
    /// Changes its terms.
    SetTerms {
        /// The budget.
        id: Id<kinds::Budget>,
        /// What changes.
        change: Change,
    },
}

/// A budget as it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Its id.
    pub id: Id<kinds::Budget>,
    /// Whose use it counts.
    pub owner: Owner,
    /// The project to which it is confined, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Id<kinds::Project>>,
    /// Its name.
    pub name: Name,
    /// Over how long it counts.
    pub period: Period,
    /// How much.
    pub terms: Terms,
}

/// What can happen to budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One of a project, in money, was created.
    Created {
        /// Its id.
        id: Id<kinds::Budget>,
        /// Whose work it pays.
        project: Id<kinds::Project>,
        /// Its name.
        name: Name,
        /// How much may be spent.
        limit: MicroEuro,
    },
    /// The limit changed; a budget with money left is open again.
    LimitSet {
        /// The budget.
        id: Id<kinds::Budget>,
        /// The new limit.
        limit: MicroEuro,
    },
    /// One in money is used up.
    Exhausted {
        /// The budget.
        id: Id<kinds::Budget>,
        /// What was spent when that was noticed.
        spent: MicroEuro,
    },
    /// One of any owner, in any measure, was opened.
    Opened(Box<Opened>),
    /// Its terms changed; with something left it is open again.
    TermsSet {
        /// The budget.
        id: Id<kinds::Budget>,
        /// The terms from now on.
        terms: Terms,
    },
    /// A threshold was crossed upwards.
    Alerted {
        /// The budget.
        id: Id<kinds::Budget>,
        /// Whose it is.
        owner: Owner,
        /// The threshold, in percent of the limit.
        percent: u8,
        /// The limit.
        limit: Allowance,
        /// What was spent when that was noticed.
        spent: Allowance,
    },
    /// One in another measure than money is used up.
    UsedUp {
        /// The budget.
        id: Id<kinds::Budget>,
        /// Whose it is.
        owner: Owner,
        /// The limit.
        limit: Allowance,
        /// What was spent when that was noticed.
        spent: Allowance,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "budget.created",
            Self::LimitSet { .. } => "budget.limit_set",
            Self::Exhausted { .. } => "budget.exhausted",
            Self::Opened(_) => "budget.opened",
            Self::TermsSet { .. } => "budget.terms_set",
            Self::Alerted { .. } => "budget.alerted",
            Self::UsedUp { .. } => "budget.used_up",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }

    /// Which budget it is about.
    #[must_use]
    pub const fn id(&self) -> Id<kinds::Budget> {
        match self {
            Self::Opened(opened) => opened.id,
            Self::Created { id, .. }
            | Self::LimitSet { id, .. }
            | Self::Exhausted { id, .. }
            | Self::TermsSet { id, .. }
            | Self::Alerted { id, .. }
            | Self::UsedUp { id, .. } => *id,
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Budget>> {
    match command {
        Command::Create { .. } | Command::Open(_) => None,
        Command::SetLimit { id, .. } | Command::SetTerms { id, .. } => Some(*id),
    }
}
