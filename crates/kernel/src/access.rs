//! Who may do what: scopes, roles, and the one authorising function.
//!
//! Default deny: what is not allowed here is refused. A resource of another tenant does not exist
//! for the caller (404), so that names and ids of tenants stay secret.

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{State, key::Key};

/// A part of the platform, from wide to narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Platform,
    /// One organisation with its projects.
    Organisation(Id<kinds::Organisation>),
    /// One project.
    Project(Id<kinds::Project>),
}

/// What a key may do within its scope; each role includes those before it, except `Inference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Calls models through the gateway and nothing else.
    Inference,
    /// Reads.
    Viewer,
    /// Reads, runs workloads, registers artefacts, calls models.
    Member,
    /// Also manages projects, keys, budgets and policies of its scope.
    Administrator,
    /// Runs the platform: sites, nodes, prices, everything. Only in scope `Platform`.
    Operator,
}

/// Why access is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The caller must not learn whether the resource exists: answer as if it did not.
    Hidden,
    /// The caller may see it but lacks this role.
    NeedsRole(Role),
}

/// The one authorising function: may this key act in `role` on `target`?
///
/// # Errors
/// [`Denied`] says how to answer.
pub fn authorize(state: &State, key: &Key, role: Role, target: Scope) -> Result<(), Denied> {
    if !covers(state, key.scope, target) {
        return Err(Denied::Hidden);
    }
    let allowed = match role {
        Role::Inference => matches!(key.role, Role::Inference) || key.role >= Role::Member,
        Role::Viewer | Role::Member | Role::Administrator | Role::Operator => key.role >= role,
    };
    if allowed { Ok(()) } else { Err(Denied::NeedsRole(role)) }
}

/// True if everything in `target` lies in `scope`.
#[must_use]
pub fn covers(state: &State, scope: Scope, target: Scope) -> bool {
    match (scope, target) {
        (Scope::Platform, _) => true,
        (_, Scope::Platform) => false,
        (Scope::Organisation(mine), Scope::Organisation(theirs)) => mine == theirs,
        (Scope::Organisation(mine), Scope::Project(project)) => {
            state.projects.get(&project).is_some_and(|p| p.organisation == mine)
        }
        (Scope::Project(mine), Scope::Project(theirs)) => mine == theirs,
        (Scope::Project(_), Scope::Organisation(_)) => false,
    }
}
