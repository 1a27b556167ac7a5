//! Validates commands about bindings.

use units::{Id, kinds};

use super::{Command, Event, Principal, Role, get, mask_of};
use crate::{
    Ctx, Reject, State,
    access::{self, Scope},
    group, limits, role, service_account, user,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { role, principal, scope, expires_at } => {
            access::scope_exists(state, *scope)?;
            check_role(state, *role, *scope)?;
            check_principal(state, *principal, *scope)?;
            if expires_at.is_some_and(|end| end <= ctx.now) {
                return Err(Reject::invalid("expires_at", "lies in the past: give a later time"));
            }
            check_room(state, *principal)?;
            let same = |b: &&super::Binding| b.role == *role && b.scope == *scope;
            let mut earlier = state.bindings_of(*principal).filter(same);
            if let Some(earlier) = earlier.find(|b| b.is_in_force(ctx.now)) {
                return Err(Reject::WrongState {
                    kind: "binding",
                    id: earlier.id.to_string(),
                    state: "the same and in force".to_owned(),
                    action: "give the role twice; delete it first to change its end",
                });
            }
            access::require_within(state, ctx, mask_of(state, *role), *scope)?;
            let (role, principal, scope) = (*role, *principal, *scope);
            Event::Created { id: ctx.id(0), role, principal, scope, expires_at: *expires_at }
        }
        Command::Delete { id } => {
            let binding = get(state, *id)?;
            Event::Deleted { id: *id, principal: binding.principal, scope: binding.scope }
        }
    };
    Ok(vec![crate::Event::Binding(event)])
}

fn check_role(state: &State, given: Role, scope: Scope) -> Result<(), Reject> {
    match given {
        Role::BuiltIn(role) => access::check_role(role, scope),
        Role::Custom(id) => {
            let found = role::get(state, id)?;
            if access::organisation_of(state, scope) == Some(found.organisation) {
                return Ok(());
            }
            Err(Reject::not_found("role", id))
        }
    }
}

/// Everybody acts at home: the platform's people on the platform, a tenant's inside the tenant.
fn check_principal(state: &State, principal: Principal, scope: Scope) -> Result<(), Reject> {
    let missing = |kind, id: &dyn std::fmt::Display| Reject::not_found(kind, id);
    let at_home = |home: Option<Id<kinds::Organisation>>| {
        let home = home.map_or(Scope::Platform, Scope::Organisation);
        (home == Scope::Platform) == (scope == Scope::Platform)
            && access::covers(state, home, scope)
    };
    let (is_home, refusal) = match principal {
        Principal::User(id) => (at_home(user::get(state, id)?.home), missing("user", &id)),
        Principal::Group(id) => (at_home(group::get(state, id)?.home), missing("group", &id)),
        Principal::ServiceAccount(id) => {
            let account = service_account::get(state, id)?;
            (access::covers(state, account.scope, scope), missing("service account", &id))
        }
    };
    if is_home { Ok(()) } else { Err(refusal) }
}

fn check_room(state: &State, principal: Principal) -> Result<(), Reject> {
    Reject::limit("bindings", state.bindings.len(), limits::BINDINGS_MAX)?;
    let count = state.bindings_of(principal).count();
    Reject::limit("bindings of this principal", count, limits::BINDINGS_PER_PRINCIPAL_MAX)
}
