//! Cedar policy sources by scope, compiled in layers: base, platform, organisation, project.
//!
//! A narrower layer can permit what the base leaves undecided; a `forbid` in any layer wins.

mod apply;
mod decide;
mod residency;

pub(crate) use apply::{apply, compile_all};
pub(crate) use decide::{decide, existing};
pub use residency::{RESIDENCY_NAME, effective, loosened, own as residency_of};

use std::sync::LazyLock;

use policy::{BASE_POLICY, Policies, PolicySource, Residency};
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, State, Subject, access::Scope, reject::Refused};

/// The id of the layer that is always first.
pub const BASE_ID: &str = "cocarde.base";

/// One Cedar source in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    /// Its id; part of the ids of its policies in decisions.
    pub id: Id<kinds::Policy>,
    /// Where it applies.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: Name,
    /// Cedar policies.
    pub text: String,
    /// The rules that the text was made from, if it is a typed residency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Residency>,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about policy sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Puts a source into force, in place of the one of the same scope and name.
    Set {
        /// Where it applies.
        scope: Scope,
        /// Unique in the scope.
        name: Name,
        /// Cedar policies.
        text: String,
    },
    /// Puts typed residency rules into force, in place of those of the same scope.
    SetResidency {
        /// Where they apply.
        scope: Scope,
        /// The rules.
        residency: Residency,
    },
}

/// What can happen to policy sets, and what was refused because of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A source came into force.
    Set {
        /// Its id; that of the source it replaces, if any.
        id: Id<kinds::Policy>,
        /// Where it applies.
        scope: Scope,
        /// Its name.
        name: Name,
        /// Cedar policies.
        text: String,
    },
    /// A request was refused; nothing else happened.
    Refused(Refused),
    /// Typed residency rules came into force.
    ResidencySet {
        /// Its id; that of the rules it replaces, if any.
        id: Id<kinds::Policy>,
        /// Where they apply.
        scope: Scope,
        /// The name that all such rules have.
        name: Name,
        /// The rules.
        residency: Residency,
        /// The Cedar policies that they mean.
        text: String,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Set { .. } => "policy.set",
            Self::Refused(_) => "policy.refused",
            Self::ResidencySet { .. } => "policy.residency_set",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Set { id, .. } | Self::ResidencySet { id, .. } => (*id).into(),
            Self::Refused(refused) => refused.project.into(),
        }
    }
}

/// The sources that apply to a scope, widest first.
#[must_use]
pub fn sources(state: &State, scope: Scope) -> Vec<PolicySource> {
    let mut layers = vec![Scope::Platform];
    match scope {
        Scope::Platform => {}
        Scope::Organisation(_) => layers.push(scope),
        Scope::Project(id) => {
            if let Some(project) = state.projects.get(&id) {
                layers.push(Scope::Organisation(project.organisation));
            }
            layers.push(scope);
        }
    }
    let base = PolicySource { id: BASE_ID.to_owned(), text: BASE_POLICY.to_owned() };
    let own = layers.iter().flat_map(|layer| {
        state
            .policy_sets
            .values()
            .filter(move |set| set.scope == *layer)
            .map(|set| PolicySource { id: set.id.to_string(), text: set.text.clone() })
    });
    std::iter::once(base).chain(own).collect()
}

/// The base layer alone, in force until somebody sets more. Undecided is a no, so an empty set
/// stands in should the base ever not compile (a test makes sure it does).
static BASE: LazyLock<Option<Policies>> = LazyLock::new(|| {
    let base = PolicySource { id: BASE_ID.to_owned(), text: BASE_POLICY.to_owned() };
    Policies::compile(&[base]).or_else(|_| Policies::compile(&[])).ok()
});

/// The policies in force for a project, already compiled; `None` if there is no such project.
#[must_use]
pub fn in_force(state: &State, project: Id<kinds::Project>) -> Option<&Policies> {
    in_force_for(state, Some(project))
}

/// The same, and those of the platform for what it does itself.
#[must_use]
pub fn in_force_for(state: &State, project: Option<Id<kinds::Project>>) -> Option<&Policies> {
    let Some(project) = project else {
        return state.index.policies.get(&Scope::Platform).or(BASE.as_ref());
    };
    let organisation = state.projects.get(&project)?.organisation;
    let policies = &state.index.policies;
    policies
        .get(&Scope::Project(project))
        .or_else(|| policies.get(&Scope::Organisation(organisation)))
        .or_else(|| policies.get(&Scope::Platform))
        .or(BASE.as_ref())
}
