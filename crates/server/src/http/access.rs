//! The one door to [`kernel::access::authorize`]: every handler passes through here.
//!
//! What a caller must not know of answers exactly as what does not exist.

use std::fmt::Display;

use api::{endpoint::Permission, problem::Code};
use kernel::{
    State,
    access::{self, Denied, Role, Scope},
};

use super::{caller::Caller, fail::Fail};

/// May the caller act in this role on this scope?
///
/// # Errors
/// 401 without a key, 403 without the role; `None` inside `Ok` never occurs.
pub(crate) fn require(
    state: &State,
    caller: &Caller,
    role: Role,
    scope: Scope,
    hidden: impl FnOnce() -> Fail,
) -> Result<(), Fail> {
    caller.principal()?;
    match access::basis(state, caller.grants(), caller.wish(role), scope) {
        Ok(None) => Ok(()),
        // It is recorded before anything is answered.
        Ok(Some(consent)) => {
            caller.note_consent(consent);
            Ok(())
        }
        Err(Denied::NeedsRole(role)) => Err(needs(role)),
        Err(Denied::NeedsConsent) => Err(needs_consent()),
        // That there is a platform is no secret.
        Err(Denied::Hidden) if scope == Scope::Platform => Err(needs(Role::Operator)),
        Err(Denied::Hidden) => Err(hidden()),
    }
}

/// The role that a description asks for; `None` for what anybody may.
pub(crate) const fn role_of(permission: Permission) -> Option<Role> {
    match permission {
        Permission::Public => None,
        Permission::Inference => Some(Role::Inference),
        Permission::Viewer => Some(Role::Viewer),
        Permission::Member => Some(Role::Member),
        Permission::Administrator => Some(Role::Administrator),
        Permission::Operator => Some(Role::Operator),
        Permission::Teacher => Some(Role::Teacher),
    }
}

/// May the caller do this somewhere?
///
/// # Errors
/// 401 without a key, 403 without the role.
pub(crate) fn require_permission(caller: &Caller, permission: Permission) -> Result<(), Fail> {
    let Some(role) = role_of(permission) else { return Ok(()) };
    caller.principal()?;
    // Said of `whoami` alone, which anybody known may ask.
    if permission == Permission::Inference {
        return Ok(());
    }
    match caller.grants().scopes(caller.wish(role)).next() {
        Some(_) => Ok(()),
        None => Err(needs(role)),
    }
}

/// The scopes in which the caller may act in this role, as they were given.
pub(crate) fn scopes(caller: &Caller, role: Role) -> Vec<Scope> {
    let wish = caller.wish(role);
    // What only a consent gives is asked for one by one, and so recorded.
    let own = caller.grants().iter().filter(|grant| grant.consent.is_none());
    own.filter(|grant| wish.is_in(&grant.mask)).map(|grant| grant.scope).collect()
}

/// True if the caller may act in this role on this scope: the filter of lists.
pub(crate) fn allows(state: &State, caller: &Caller, role: Role, scope: Scope) -> bool {
    require(state, caller, role, scope, || needs(role)).is_ok()
}

/// What was asked for, if it exists and the caller may act on it in this role.
///
/// # Errors
/// 404 if it is missing or hidden, in the same words; 403 if the role is missing.
pub(crate) fn find<'a, T>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    found: Option<(&'a T, Scope)>,
    name: (&str, &dyn Display),
) -> Result<&'a T, Fail> {
    let missing = || Fail::not_found(name.0, name.1);
    let (thing, scope) = found.ok_or_else(missing)?;
    require(state, caller, role, scope, missing)?;
    Ok(thing)
}

/// The same for what belongs to the platform as much as to tenants: there too it is hidden, because
/// who runs the platform is nobody else's business.
///
/// # Errors
/// 404 if it is missing or hidden, in the same words; 403 if the role is missing.
pub(crate) fn find_hidden<'a, T>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    found: Option<(&'a T, Scope)>,
    name: (&str, &dyn Display),
) -> Result<&'a T, Fail> {
    let missing = || Fail::not_found(name.0, name.1);
    let (thing, scope) = found.ok_or_else(missing)?;
    match access::authorize(state, caller.grants(), caller.wish(role), scope) {
        Err(Denied::Hidden) => Err(missing()),
        Ok(()) | Err(Denied::NeedsRole(_) | Denied::NeedsConsent) => {
            require(state, caller, role, scope, missing).map(|()| thing)
        }
    }
}

/// True if the caller may see what is a tenant's own on this scope in this role.
pub(crate) fn allows_own(state: &State, caller: &Caller, role: Role, scope: Scope) -> bool {
    let mut wish = caller.wish(role);
    wish.content = true;
    match access::basis(state, caller.grants(), wish, scope) {
        Ok(consent) => {
            consent.into_iter().for_each(|consent| caller.note_consent(consent));
            true
        }
        Err(_) => false,
    }
}

fn needs_consent() -> Fail {
    let detail = "this is the tenant's own: the platform's people need the tenant's consent";
    Fail::new(Code::Forbidden, detail)
        .remedy("ask an administrator of the tenant for one: `cocarde consent grant`")
}

/// The refusal of a caller who lacks a role.
pub(crate) fn needs(role: Role) -> Fail {
    Fail::new(Code::Forbidden, format!("the key lacks the role `{role}` here"))
        .remedy(format!("use a key with the role `{role}`, or ask an administrator for one"))
}

#[cfg(test)]
mod tests;
