//! Who may do what: scopes, what somebody holds, and the one authorising function.
//!
//! Default deny: what is not allowed here is refused. A resource of another tenant does not exist
//! for the caller (404), so that names and ids of tenants stay secret. What a role permits is said
//! by Cedar texts ([`policy::access`]); here is where and until when somebody has it.

mod grants;

pub use grants::{Grant, Grants, Principal, is_active};
pub use policy::access::{Group, Mask, Operation, Role};

use policy::access::Action;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{Actor, Ctx, Reject, State, project};

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

/// What is asked: a role's kind of permission, within an operation of the API or outside of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The role named after what is needed, such as `Member` to run work.
    pub role: Role,
    /// The operation that is under way, if its description asks for the same role: who was given
    /// that operation alone may do it.
    pub operation: Option<Operation>,
    /// True if it shows, uses or changes what is a tenant's own, or who may.
    pub content: bool,
}

impl From<Role> for Wish {
    fn from(role: Role) -> Self {
        Self { role, operation: None, content: is_of_content(role) }
    }
}

/// Work, calls of models, courses and people are a tenant's own, where no operation says otherwise.
#[must_use]
pub const fn is_of_content(role: Role) -> bool {
    match role {
        Role::Inference | Role::Member | Role::Administrator | Role::Teacher | Role::Student => {
            true
        }
        Role::Viewer | Role::Operator | Role::Auditor | Role::Billing => false,
    }
}

impl Wish {
    /// True if a mask permits it.
    #[must_use]
    pub fn is_in(self, mask: &Mask) -> bool {
        let operation = self.operation.map(Action::Operation);
        mask.allows(Action::Group(self.role.group()))
            || operation.is_some_and(|operation| mask.allows(operation))
    }
}

/// Why access is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The caller must not learn whether the resource exists: answer as if it did not.
    Hidden,
    /// The caller may see it but lacks what this role has.
    NeedsRole(Role),
    /// It is the tenant's own: the platform needs the tenant's consent.
    NeedsConsent,
}

/// The one authorising function: do these grants allow this on `target`?
///
/// # Errors
/// [`Denied`] says how to answer.
pub fn authorize(
    state: &State,
    grants: &Grants,
    wish: impl Into<Wish>,
    target: Scope,
) -> Result<(), Denied> {
    basis(state, grants, wish.into(), target).map(|_| ())
}

/// The same, and by which consent if by nothing else: that must be recorded before the answer.
///
/// # Errors
/// As [`authorize`].
pub fn basis(
    state: &State,
    grants: &Grants,
    wish: Wish,
    target: Scope,
) -> Result<Option<Id<kinds::Consent>>, Denied> {
    let mut found = Err(Denied::Hidden);
    for grant in grants.iter().filter(|grant| covers(state, grant.scope, target)) {
        let allowed = wish.is_in(&grant.mask);
        if allowed && wish.content && is_shut(state, grant.scope, target) {
            found = found.or(Err(Denied::NeedsConsent));
        } else if allowed && grant.consent.is_none() {
            return Ok(None);
        } else if allowed {
            found = found.or(Ok(grant.consent));
        } else if found == Err(Denied::Hidden) {
            found = Err(Denied::NeedsRole(wish.role));
        }
    }
    found
}

/// True if what is a tenant's own in `target` is shut to what is held on `scope`: the platform's
/// people have no right to it once the tenant has an administrator of its own.
#[must_use]
pub fn is_shut(state: &State, scope: Scope, target: Scope) -> bool {
    let organisation = organisation_of(state, target).and_then(|id| state.organisations.get(&id));
    scope == Scope::Platform && organisation.is_some_and(|o| o.sealed_at.is_some())
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

/// The organisation that a scope is in; `None` for the platform and for what does not exist.
#[must_use]
pub fn organisation_of(state: &State, scope: Scope) -> Option<Id<kinds::Organisation>> {
    match scope {
        Scope::Platform => None,
        Scope::Organisation(id) => Some(id),
        Scope::Project(id) => state.projects.get(&id).map(|project| project.organisation),
    }
}

/// A scope that is named must exist.
pub(crate) fn scope_exists(state: &State, scope: Scope) -> Result<(), Reject> {
    match scope {
        Scope::Platform => Ok(()),
        Scope::Organisation(id) if !state.organisations.contains_key(&id) => {
            Err(Reject::not_found("organisation", id))
        }
        Scope::Organisation(_) => Ok(()),
        Scope::Project(id) => project::get(state, id).map(|_| ()),
    }
}

/// An organisation or a project, which exists.
pub(crate) fn tenant_scope_exists(state: &State, scope: Scope) -> Result<(), Reject> {
    if scope == Scope::Platform {
        return Err(Reject::invalid("scope", "name an organisation or a project"));
    }
    scope_exists(state, scope)
}

/// Some roles are of the whole platform only, some never.
pub(crate) fn check_role(role: Role, scope: Scope) -> Result<(), Reject> {
    match scope {
        Scope::Platform if !role.is_of_fleet() => Err(Reject::invalid(
            "scope",
            format!("`{role}` is no role on the whole platform: name an organisation or a project"),
        )),
        Scope::Organisation(_) | Scope::Project(_) if !role.is_of_tenant() => Err(Reject::invalid(
            "role",
            format!("`{role}` is a role on the whole platform: leave organisation and project out"),
        )),
        Scope::Platform | Scope::Organisation(_) | Scope::Project(_) => Ok(()),
    }
}

/// Nobody gives more than they have: what the mask permits, whoever asks may do there.
pub(crate) fn require_within(
    state: &State,
    ctx: &Ctx,
    mask: Mask,
    scope: Scope,
) -> Result<(), Reject> {
    let principal = match ctx.actor {
        Actor::Key(id) => Principal::Key(id),
        Actor::User(id) => Principal::User(id),
        Actor::ServiceAccount(id) => Principal::ServiceAccount(id),
        // The platform's own hands: the first start, importers, tests.
        Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => return Ok(()),
    };
    let held = Grants::of(state, principal, ctx.now).on(state, scope);
    let beyond = mask.without(held);
    if beyond.is_nothing() {
        return Ok(());
    }
    let operations = beyond.operations().take(3).collect::<Vec<_>>().join(", ");
    Err(Reject::BeyondOwn { operations })
}
