//! Budgets: what an organisation, a project, a person, a program or a key may use up, in money, GPU
//! time, energy or tokens.
//!
//! States: open → used up (spent ≥ limit, with a hard stop) → open again when the limit is raised, or
//! when the month of a monthly budget is over. At its thresholds a budget raises an alert; used up it
//! stops the work that would spend it, unless it only alerts.

mod apply;
mod book;
mod decide;
mod event;
mod open;
mod owner;
mod spend;

pub(crate) use apply::apply;
pub(crate) use book::{kept, ledgered};
pub(crate) use decide::decide;
pub(crate) use event::target;
pub use event::{Change, Command, Event, Open, Opened};
pub use open::{is_over, require_open_for_calls, require_open_for_work, shut_for};
pub use owner::{Owner, causes, owners_over, scope_of};
pub(crate) use spend::{charge, consequences};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Allowance, Id, Name, UnixMicros, kinds};

use crate::{Meta, usage::month_of};

/// Percents at which a budget raises an alert if nothing else is said.
pub const ALERTS_DEFAULT: [u8; 3] = [50, 80, 100];

/// Over how long a budget counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From its creation on.
    #[default]
    Total,
    /// The calendar month in UTC: what was spent is nothing again when another begins.
    Month,
}

/// How much, and what happens on the way there and at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How much may be used up, and in which measure.
    pub limit: Allowance,
    /// Percents of the limit at which an alert is raised, rising, each 1 to 100.
    pub alerts: Vec<u8>,
    /// True if work stops at the limit; false for alerts only.
    pub hard_stop: bool,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its id.
    pub id: Id<kinds::Budget>,
    /// Whose use it counts.
    pub owner: Owner,
    /// The project to which it is confined, if it is; then use elsewhere does not count.
    pub within: Option<Id<kinds::Project>>,
    /// Unique among the owner's.
    pub name: Name,
    /// What may be used up, and how.
    pub terms: Terms,
    /// Over how long it counts.
    pub period: Period,
    /// Used up, in the measure of the limit: since it was created, or in `month`.
    pub spent: Allowance,
    /// The last month in which it counted, in months since January 1970.
    pub month: i32,
    /// True while it is used up and has a hard stop.
    pub exhausted: bool,
    /// Thresholds that are behind, each with the time of its alert.
    pub alerted: BTreeMap<u8, UnixMicros>,
    /// What the ledger knew of its owner, in its period and measure, before it was there.
    pub before: i64,
    /// Version and times.
    pub meta: Meta,
}

impl Budget {
    /// What counts as spent at a time: nothing of a month that is over.
    #[must_use]
    pub fn spent_at(&self, now: UnixMicros) -> Allowance {
        if self.is_of_another_month(now) {
            return self.spent.measure().amount(0);
        }
        self.spent
    }

    /// True if it stops work at this time.
    #[must_use]
    pub fn is_shut_at(&self, now: UnixMicros) -> bool {
        self.exhausted && !self.is_of_another_month(now)
    }

    /// When it opens by itself, if it does.
    #[must_use]
    pub fn resets_at(&self, now: UnixMicros) -> Option<UnixMicros> {
        let next = || crate::usage::month_start(month_of(now).saturating_add(1));
        (self.period == Period::Month).then(next)
    }

    fn is_of_another_month(&self, now: UnixMicros) -> bool {
        self.period == Period::Month && month_of(now) != self.month
    }
}
