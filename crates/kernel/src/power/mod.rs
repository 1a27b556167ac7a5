//! Power and energy of sites: budgets for a site, its rack groups and its racks, what machines draw by
//! their model of GPU, and what a kilowatt-hour costs by time, in carbon and in money.
//!
//! States: set → set anew → removed. Nothing is refused or stopped here: the scheduler reads all of it,
//! starts nothing that a budget does not allow, slows or stops work when one falls, and puts off work
//! that may be put off. Draw is always modelled: what work could draw, never what a meter read.

mod apply;
mod decide;
mod figures;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, existing};
pub use figures::{Figures, figures_of};

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use units::{Id, Name, UnixMicros, kinds};

use crate::{Meta, State, Subject, quota::Class};

/// What a budget counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// All of a site.
    Site(Id<kinds::Site>),
    /// A rack group (a hall or row) of a site, by the name that nodes give.
    Group(Id<kinds::Site>, Name),
    /// A rack of a site, by the name that nodes give.
    Rack(Id<kinds::Site>, Name),
}

impl Domain {
    /// The site that it is or lies in.
    #[must_use]
    pub const fn site(&self) -> Id<kinds::Site> {
        match self {
            Self::Site(site) | Self::Group(site, _) | Self::Rack(site, _) => *site,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(site) => write!(f, "site {site}"),
            Self::Group(_, group) => write!(f, "rack group `{group}`"),
            Self::Rack(_, rack) => write!(f, "rack `{rack}`"),
        }
    }
}

/// A budget in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its id.
    pub id: Id<kinds::Power>,
    /// What it counts; one budget for each domain.
    pub domain: Domain,
    /// Most that may be drawn there now, in watts.
    pub allowed_w: u64,
    /// Version and times.
    pub meta: Meta,
}

/// Figures that replace the defaults for a class of machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiguresSet {
    /// Its id.
    pub id: Id<kinds::Power>,
    /// `cpu` for machines without GPUs, or a text that a model of GPU contains.
    pub class: Class,
    /// The figures.
    pub figures: Figures,
    /// Version and times.
    pub meta: Meta,
}

/// What a kilowatt-hour costs by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// In milligrams of CO2e.
    Carbon,
    /// In micro-euro, which may be below zero.
    Price,
}

impl Measure {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carbon => "carbon",
            Self::Price => "price",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a kilowatt-hour costs at a site, in slots of equal length without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Start of the first slot.
    pub start: UnixMicros,
    /// Length of a slot, in seconds.
    pub step_s: u32,
    /// The values, in the measure's unit for each kilowatt-hour.
    pub values: Vec<i32>,
    /// Where they come from: who published them, when, for what.
    pub source: String,
}

impl Series {
    /// The first moment after the last slot.
    #[must_use]
    pub fn end(&self) -> UnixMicros {
        let slots = u64::try_from(self.values.len()).unwrap_or(u64::MAX);
        let seconds = slots.saturating_mul(u64::from(self.step_s));
        self.start.plus(units::DurationMicros(seconds.saturating_mul(1_000_000)))
    }
}

/// A series of a site, with its version and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSeries {
    /// The series.
    pub series: Series,
    /// Version and times.
    pub meta: Meta,
}

/// Everything about power that the state knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Budgets in force.
    pub budgets: BTreeMap<Id<kinds::Power>, Budget>,
    /// Figures in force.
    pub figures: BTreeMap<Id<kinds::Power>, FiguresSet>,
    /// Carbon intensity of sites.
    pub carbon: BTreeMap<Id<kinds::Site>, SiteSeries>,
    /// Price of energy at sites.
    pub price: BTreeMap<Id<kinds::Site>, SiteSeries>,
}

impl Power {
    /// True if nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The series of all sites.
    #[must_use]
    pub const fn series(&self, measure: Measure) -> &BTreeMap<Id<kinds::Site>, SiteSeries> {
        match measure {
            Measure::Carbon => &self.carbon,
            Measure::Price => &self.price,
        }
    }
}

/// What can be asked about power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts a budget into force, in place of the one of the same domain.
    SetBudget {
        /// What it counts.
        domain: Domain,
        /// Most that may be drawn there, in watts.
        allowed_w: u64,
    },
    /// Takes a budget or figures out of force.
    Remove {
        /// Which.
        id: Id<kinds::Power>,
    },
    /// Puts figures into force, in place of those of the same class.
    SetFigures {
        /// `cpu`, or a text that a model of GPU contains.
        class: Class,
        /// The figures.
        figures: Figures,
    },
    /// Puts a series into force, in place of the one of the same site and measure.
    SetSeries {
        /// The site.
        site: Id<kinds::Site>,
        /// What it measures.
        measure: Measure,
        /// The series.
        series: Series,
    },
    /// Takes a series out of force.
    RemoveSeries {
        /// The site.
        site: Id<kinds::Site>,
        /// What it measures.
        measure: Measure,
    },
}

/// What can happen to power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A budget came into force.
    BudgetSet {
        /// Its id; that of the budget it replaces, if any.
        id: Id<kinds::Power>,
        /// What it counts.
        domain: Domain,
        /// Most that may be drawn there, in watts.
        allowed_w: u64,
    },
    /// Figures came into force.
    FiguresSet {
        /// Their id; that of the figures they replace, if any.
        id: Id<kinds::Power>,
        /// `cpu`, or a text that a model of GPU contains.
        class: Class,
        /// The figures.
        figures: Figures,
    },
    /// A budget or figures went out of force.
    Removed {
        /// Which.
        id: Id<kinds::Power>,
    },
    /// A series came into force.
    SeriesSet {
        /// The site.
        site: Id<kinds::Site>,
        /// What it measures.
        measure: Measure,
        /// The series.
        series: Series,
    },
    /// A series went out of force.
    SeriesRemoved {
        /// The site.
        site: Id<kinds::Site>,
        /// What it measured.
        measure: Measure,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::BudgetSet { .. } => "power.budget_set",
            Self::FiguresSet { .. } => "power.figures_set",
            Self::Removed { .. } => "power.removed",
            Self::SeriesSet { .. } => "power.series_set",
            Self::SeriesRemoved { .. } => "power.series_removed",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::BudgetSet { id, .. } | Self::FiguresSet { id, .. } | Self::Removed { id } => {
                (*id).into()
            }
            Self::SeriesSet { site, .. } | Self::SeriesRemoved { site, .. } => (*site).into(),
        }
    }
}

impl State {
    /// The budget of a domain.
    #[must_use]
    pub fn power_budget(&self, domain: &Domain) -> Option<&Budget> {
        // One for each domain, and domains are few beside machines.
        self.power.budgets.values().find(|budget| budget.domain == *domain)
    }
}
