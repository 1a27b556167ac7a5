//! Whose use a budget counts, and which owners stand over a use.
//!
//! Use is somebody's in up to four ways: it lies in a project, which lies in an organisation, and it
//! was caused by a key, a person or a program. All of their budgets count it.

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{Actor, State, access::Scope, key};

/// Whose use a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// All of its projects together.
    Organisation(Id<kinds::Organisation>),
    /// Everybody in it.
    Project(Id<kinds::Project>),
    /// Somebody, with all of their keys.
    User(Id<kinds::User>),
    /// A program, with all of its keys.
    ServiceAccount(Id<kinds::ServiceAccount>),
    /// One key.
    Key(Id<kinds::Key>),
}

impl Owner {
    /// The noun, for people.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Organisation(_) => "organisation",
            Self::Project(_) => "project",
            Self::User(_) => "user",
            Self::ServiceAccount(_) => "service account",
            Self::Key(_) => "key",
        }
    }

    /// What it is called: paths and names where there are some, the id of a person.
    #[must_use]
    pub fn describe(self, state: &State) -> String {
        let name = match self {
            Self::Organisation(id) => state.organisations.get(&id).map(|o| o.name.to_string()),
            Self::Project(id) => state.projects.get(&id).map(|project| {
                let whole = state.organisations.get(&project.organisation);
                whole.map_or_else(
                    || project.name.to_string(),
                    |o| format!("{}/{}", o.name, project.name),
                )
            }),
            Self::User(id) => Some(id.to_string()),
            Self::ServiceAccount(id) => state.service_accounts.get(&id).map(|a| a.name.to_string()),
            Self::Key(id) => state.keys.get(&id).map(|k| format!("{} ({id})", k.name)),
        };
        format!("{} `{}`", self.kind(), name.unwrap_or_default())
    }
}

/// Owners of budgets that count what somebody uses in a project: it, its organisation, and who
/// caused it, a key together with whose it is.
pub fn owners_over(
    state: &State,
    project: Id<kinds::Project>,
    by: Actor,
) -> impl Iterator<Item = Owner> + use<> {
    let organisation = state.projects.get(&project).map(|p| Owner::Organisation(p.organisation));
    let [who, whose] = causes(state, by);
    [Some(Owner::Project(project)), organisation, who, whose].into_iter().flatten()
}

/// Who caused something, and for a key also whose it is.
#[must_use]
pub fn causes(state: &State, by: Actor) -> [Option<Owner>; 2] {
    match by {
        Actor::Key(id) => {
            let whose = state.keys.get(&id).and_then(|key| key.owner).map(|owner| match owner {
                key::Owner::User(id) => Owner::User(id),
                key::Owner::ServiceAccount(id) => Owner::ServiceAccount(id),
            });
            [Some(Owner::Key(id)), whose]
        }
        Actor::User(id) => [Some(Owner::User(id)), None],
        Actor::ServiceAccount(id) => [Some(Owner::ServiceAccount(id)), None],
        Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => [None, None],
    }
}

/// The part of the platform that a budget belongs to, for who may see and change it; `None` if its
/// owner does not exist.
#[must_use]
pub fn scope_of(state: &State, owner: Owner, within: Option<Id<kinds::Project>>) -> Option<Scope> {
    if let Some(project) = within {
        return Some(Scope::Project(project));
    }
    match owner {
        Owner::Organisation(id) => Some(Scope::Organisation(id)),
        Owner::Project(id) => Some(Scope::Project(id)),
        Owner::User(id) => {
            let home = state.users.get(&id).map(|user| user.home);
            home.map(|home| home.map_or(Scope::Platform, Scope::Organisation))
        }
        Owner::ServiceAccount(id) => state.service_accounts.get(&id).map(|account| account.scope),
        Owner::Key(id) => state.keys.get(&id).map(|key| key.scope),
    }
}
