//! Price books: a list of prices, in force from its event on. Past use keeps its price.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Price, PriceUnit, kinds};

use crate::{Meta, State, Subject};

/// One price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Per what.
    pub per: PriceUnit,
    /// How much; not negative.
    pub amount: MicroEuro,
}

/// A price list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its id.
    pub id: Id<kinds::Price>,
    /// Prices; what has none is free.
    pub lines: Vec<Line>,
    /// Version (the book's number) and times.
    pub meta: Meta,
}

/// What can be asked about prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts a new list into force.
    Set {
        /// The whole list.
        lines: Vec<Line>,
    },
}

/// What can happen to prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A list came into force.
    Set {
        /// Its id.
        id: Id<kinds::Price>,
        /// The whole list.
        lines: Vec<Line>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Set { .. } => "price.set",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Set { id, .. } => (*id).into(),
        }
    }
}

/// The price in force for a unit; zero if the list has none.
#[must_use]
pub fn current(state: &State, per: PriceUnit) -> Price {
    let amount = state
        .prices
        .last()
        .and_then(|book| book.lines.iter().find(|line| line.per == per))
        .map_or(MicroEuro::ZERO, |line| line.amount);
    Price { amount, per }
}
