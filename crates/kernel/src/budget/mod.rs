//! Budgets that block: when one is used up, work of its project stops and none is accepted.
//!
//! States: open → exhausted (spent ≥ limit) → open again when the limit is raised.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Name, kinds};

use crate::{Meta, Reject, State, Subject};

/// A budget of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its id.
    pub id: Id<kinds::Budget>,
    /// Whose work it pays.
    pub project: Id<kinds::Project>,
    /// Unique in the project.
    pub name: Name,
    /// How much may be spent.
    pub limit: MicroEuro,
    /// Spent since it was created.
    pub spent: MicroEuro,
    /// True once its end was recorded.
    pub exhausted: bool,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// Whose work it pays.
        project: Id<kinds::Project>,
        /// Unique in the project.
        name: Name,
        /// How much may be spent.
        limit: MicroEuro,
    },
    /// Changes the limit.
    SetLimit {
        /// The budget.
        id: Id<kinds::Budget>,
        /// The new limit.
        limit: MicroEuro,
    },
}

/// What can happen to budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
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
    /// It is used up.
    Exhausted {
        /// The budget.
        id: Id<kinds::Budget>,
        /// What was spent when that was noticed.
        spent: MicroEuro,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "budget.created",
            Self::LimitSet { .. } => "budget.limit_set",
            Self::Exhausted { .. } => "budget.exhausted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::LimitSet { id, .. } | Self::Exhausted { id, .. } => {
                (*id).into()
            }
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Budget>> {
    match command {
        Command::Create { .. } => None,
        Command::SetLimit { id, .. } => Some(*id),
    }
}

/// Refuses if any budget of the project is used up.
///
/// # Errors
/// [`Reject::BudgetExhausted`] naming the first one.
pub fn require_open(state: &State, project: Id<kinds::Project>) -> Result<(), Reject> {
    match state.budgets_of(project).find(|budget| budget.spent >= budget.limit) {
        None => Ok(()),
        Some(budget) => Err(Reject::BudgetExhausted {
            budget: budget.id,
            name: budget.name.to_string(),
            limit: budget.limit,
            spent: budget.spent,
        }),
    }
}
