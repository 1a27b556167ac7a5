//! Sites: places with a country, an operator and its owner's jurisdiction, power and carbon.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use policy::{
    LegalFacts, SiteFacts,
    ownership::{Jurisdiction, UNKNOWN_COUNTRY, Verdict},
};
use serde::{Deserialize, Serialize};
use units::{Country, Id, Name, kinds};

use crate::{Meta, State, Subject, entity};

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
    /// The legal entity that runs it; missing in older entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_entity: Option<Id<kinds::Entity>>,
    /// The legal entity that owns it; missing in older entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_entity: Option<Id<kinds::Entity>>,
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
    pub fn facts(&self, state: &State) -> SiteFacts {
        let legal = self.legal(state);
        let known = legal.operator_jurisdiction != UNKNOWN_COUNTRY;
        SiteFacts {
            id: self.id.to_string(),
            name: self.name.to_string(),
            country: self.config.country,
            operator: self.config.operator.clone(),
            // What the register says is true; what the operator declares stands until it says so.
            operator_country: legal
                .operator_jurisdiction
                .parse()
                .ok()
                .filter(|_| known)
                .unwrap_or(self.config.operator_country),
            certifications: self.config.certifications.clone(),
            legal,
        }
    }

    fn legal(&self, state: &State) -> LegalFacts {
        let text = |id: Option<Id<kinds::Entity>>| id.map_or(String::new(), |id| id.to_string());
        let of = |id: Option<Id<kinds::Entity>>| id.and_then(|id| entity::assessment(state, id));
        let code = |id| of(id).map_or(Jurisdiction::Unknown, |one| one.jurisdiction).code();
        let config = &self.config;
        LegalFacts {
            operator: text(config.operator_entity),
            operator_jurisdiction: code(config.operator_entity),
            owner: text(config.owner_entity),
            owner_jurisdiction: code(config.owner_entity),
            ownership_met: of(config.operator_entity)
                .is_some_and(|one| one.verdict == Verdict::Met),
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

const fn target(command: &Command) -> Option<Id<kinds::Site>> {
    match command {
        Command::Create { .. } => None,
        Command::Update { id, .. } => Some(*id),
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.sites.get(&id)).map(|one| one.meta.version)
}
