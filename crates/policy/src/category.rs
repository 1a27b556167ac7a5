//! What data is by origin, beside how sensitive it is, and what is done with it.
//!
//! The four categories are those of BSI C3A 1.0 (SOV-3-01), after ISO/IEC 19944-1. They are
//! orthogonal to [`units::DataClass`]: a customer's public model is customer data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::question::Action;

/// What data is by origin.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// What customers bring in and what their work makes of it: datasets, models, prompts, answers.
    #[default]
    Customer,
    /// What the platform learns from their use: metering, logs, events.
    Derived,
    /// Who they are: accounts, keys, contracts, invoices.
    Account,
    /// The platform's own: configuration, inventory, certificates, directories.
    Provider,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Derived, Self::Account, Self::Provider];

    /// The stable text form, which is also Cedar's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Derived => "derived",
            Self::Account => "account",
            Self::Provider => "provider",
        }
    }
}

/// What is done with data at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// It lies there.
    Store,
    /// It is read or made there.
    Process,
}

impl Operation {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Store, Self::Process];

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Process => "process",
        }
    }
}

impl Action {
    /// What the action does with data where it happens.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::Move => Operation::Store,
            Self::Place | Self::Serve => Operation::Process,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
