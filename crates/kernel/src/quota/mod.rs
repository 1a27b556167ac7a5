//! Quotas: how much of a class of GPU a tenant is entitled to, may borrow, and lends.
//!
//! States: set → set anew → deleted. A quota is not enforced when work is submitted: the scheduler
//! reads all of them and decides who goes first and who goes back. What is kept here is that the
//! projects of an organisation are not promised more than the organisation is.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, existing};

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{Meta, Reject, State, Subject};

/// Whose quota it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// All projects of an organisation together.
    Organisation(Id<kinds::Organisation>),
    /// One project.
    Project(Id<kinds::Project>),
}

/// What a quota counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Processor of work without GPUs, in cores.
    Cpu,
    /// GPUs whose model contains this text, as a job's wish for a model does.
    Gpu(String),
}

/// Bytes of a class's name.
pub const CLASS_BYTES_MAX: usize = 63;

impl FromStr for Class {
    type Err = String;

    /// Reads `cpu` or a model of GPU.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let plain = text.trim() == text && !text.chars().any(char::is_control);
        if (1..=CLASS_BYTES_MAX).contains(&text.len()) && plain {
            return Ok(Self::Gpu(text.to_owned()));
        }
        let shown: String = text.chars().take(CLASS_BYTES_MAX).collect();
        Err(format!(
            "`{shown}` is not a class: write `cpu` or a model of GPU such as `H200`, at most {CLASS_BYTES_MAX} bytes"
        ))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(model) => f.write_str(model),
        }
    }
}

impl Serialize for Class {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount of a class, in thousandths of a GPU or of a core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milli(pub u64);

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The owner's own share.
    pub nominal: Milli,
    /// Most that may be used beyond it while others leave it idle; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowing: Option<Milli>,
    /// Most of it that others may use while it is idle; `None` for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lending: Option<Milli>,
    /// Share of what is idle, relative to the others who want it; 0 takes only what nobody wants.
    pub weight: u32,
}

/// A quota in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Its id.
    pub id: Id<kinds::Quota>,
    /// Whose it is.
    pub owner: Owner,
    /// What it counts; one quota for each owner and class.
    pub class: Class,
    /// What is promised.
    pub terms: Terms,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about quotas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts a quota into force, in place of the one of the same owner and class.
    Set {
        /// Whose it is.
        owner: Owner,
        /// What it counts.
        class: Class,
        /// What is promised.
        terms: Terms,
    },
    /// Takes one out of force.
    Delete {
        /// The quota.
        id: Id<kinds::Quota>,
    },
}

/// What can happen to quotas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One came into force.
    Set {
        /// Its id; that of the quota it replaces, if any.
        id: Id<kinds::Quota>,
        /// Whose it is.
        owner: Owner,
        /// What it counts.
        class: Class,
        /// What is promised.
        terms: Terms,
    },
    /// One went out of force.
    Deleted {
        /// The quota.
        id: Id<kinds::Quota>,
        /// Whose it was.
        owner: Owner,
        /// What it counted.
        class: Class,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Set { .. } => "quota.set",
            Self::Deleted { .. } => "quota.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Set { id, .. } | Self::Deleted { id, .. } => (*id).into(),
        }
    }
}

impl State {
    /// The quotas of an owner, by class.
    pub fn quotas_of(&self, owner: Owner) -> impl Iterator<Item = &Quota> {
        let own = self.index.quotas.get(&owner).into_iter().flat_map(BTreeMap::values);
        own.filter_map(|id| self.quotas.get(id))
    }

    /// The quota of an owner for a class.
    #[must_use]
    pub fn quota(&self, owner: Owner, class: &Class) -> Option<&Quota> {
        let id = self.index.quotas.get(&owner)?.get(class)?;
        self.quotas.get(id)
    }

    /// All quotas as the scheduler reads them: by owner, organisations first, then by class.
    #[must_use]
    pub fn quotas_by_owner(&self) -> BTreeMap<Owner, BTreeMap<&Class, Terms>> {
        let mut all: BTreeMap<Owner, BTreeMap<&Class, Terms>> = BTreeMap::new();
        for quota in self.quotas.values() {
            all.entry(quota.owner).or_default().insert(&quota.class, quota.terms);
        }
        all
    }
}

/// Refuses if the organisation cannot promise a new project this much.
pub(crate) fn require_room(
    state: &State,
    organisation: Id<kinds::Organisation>,
    class: &Class,
    nominal: Milli,
) -> Result<(), Reject> {
    let Some(whole) = state.quota(Owner::Organisation(organisation), class) else { return Ok(()) };
    let promised = promised(state, organisation, class, None).0.saturating_add(nominal.0);
    if promised <= whole.terms.nominal.0 {
        return Ok(());
    }
    let name = state.organisations.get(&organisation).map(|o| o.name.to_string());
    Err(Reject::QuotaExceeded {
        organisation: name.unwrap_or_default(),
        class: class.to_string(),
        promised_milli: promised,
        given_milli: whole.terms.nominal.0,
    })
}

/// What the projects of an organisation are promised of a class together, without one of them.
pub(crate) fn promised(
    state: &State,
    organisation: Id<kinds::Organisation>,
    class: &Class,
    without: Option<Id<kinds::Project>>,
) -> Milli {
    let projects = state.projects.values().filter(|p| p.organisation == organisation);
    let others = projects.filter(|project| Some(project.id) != without);
    let nominal = others.filter_map(|p| state.quota(Owner::Project(p.id), class));
    Milli(nominal.fold(0, |sum: u64, quota| sum.saturating_add(quota.terms.nominal.0)))
}
