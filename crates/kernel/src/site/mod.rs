//! Sites: places with a country, an operator and its owner's jurisdiction, power and carbon.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use policy::SiteFacts;
use serde::{Deserialize, Serialize};
use units::{Country, Id, Name, kinds};

use crate::{Meta, Subject};

/// What the operator says of a site; audited by people, enforced by policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Where it stands.
    pub country: Country,
    /// Who runs it.
    pub operator: String,
    /// Jurisdiction of the operator's ultimate owner.
    pub operator_country: Country,
    /// Certificates in force, such as `SecNumCloud 3.2`.
    pub certifications: Vec<String>,
    /// Power usage effectiveness × 1,000 (ISO/IEC 30134-2); 1,000 is the ideal.
    pub pue_milli: u32,
    /// Grid carbon intensity in gCO2e/kWh.
    pub carbon_g_per_kwh: u32,
    /// Where the intensity comes from: source, year, method.
    pub carbon_source: String,
    /// Power cap in watts, if any.
    pub power_cap_w: Option<u64>,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: Id<kinds::Site>,
    /// Unique on the platform.
    pub name: Name,
    /// The operator's declaration.
    pub config: Config,
    /// Version and times.
    pub meta: Meta,
}

impl Site {
    /// What policies may know of it.
    #[must_use]
    pub fn facts(&self) -> SiteFacts {
        SiteFacts {
            id: self.id.to_string(),
            name: self.name.to_string(),
            country: self.config.country,
            operator: self.config.operator.clone(),
            operator_country: self.config.operator_country,
            certifications: self.config.certifications.clone(),
        }
    }
}

/// What can be asked about sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Registers one.
    Create {
        /// Unique on the platform.
        name: Name,
        /// The declaration.
        config: Config,
    },
    /// Replaces the declaration.
    Update {
        /// The site.
        id: Id<kinds::Site>,
        /// The new declaration.
        config: Config,
    },
}

/// What can happen to sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was registered.
    Created {
        /// Its id.
        id: Id<kinds::Site>,
        /// Its name.
        name: Name,
        /// The declaration.
        config: Config,
    },
    /// The declaration was replaced.
    Updated {
        /// The site.
        id: Id<kinds::Site>,
        /// The new declaration.
        config: Config,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "site.created",
            Self::Updated { .. } => "site.updated",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Updated { id, .. } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Site>> {
    match command {
        Command::Create { .. } => None,
        Command::Update { id, .. } => Some(*id),
    }
}
