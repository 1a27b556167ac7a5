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
    let key = caller.key()?;
    match access::authorize(state, key, role, scope) {
        Ok(()) => Ok(()),
        Err(Denied::NeedsRole(role)) => Err(needs(role)),
        // That there is a platform is no secret.
        Err(Denied::Hidden) if scope == Scope::Platform => Err(needs(Role::Operator)),
        Err(Denied::Hidden) => Err(hidden()),
    }
}

/// May the caller act in this role somewhere, that is in the key's own scope?
///
/// # Errors
/// 401 without a key, 403 without the role.
pub(crate) fn require_permission(
    state: &State,
    caller: &Caller,
    permission: Permission,
) -> Result<(), Fail> {
    let role = match permission {
        Permission::Public => return Ok(()),
        // Said of `whoami` alone, which any valid key may ask.
        Permission::Inference => return caller.key().map(|_| ()),
        Permission::Viewer => Role::Viewer,
        Permission::Member => Role::Member,
        Permission::Administrator => Role::Administrator,
        Permission::Operator => Role::Operator,
    };
    let scope = caller.key()?.scope;
    require(state, caller, role, scope, || needs(role))
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

/// The refusal of a caller who lacks a role.
pub(crate) fn needs(role: Role) -> Fail {
    let name = role_text(role);
    Fail::new(Code::Forbidden, format!("the key lacks the role `{name}` here"))
        .remedy(format!("use a key with the role `{name}`, or ask an administrator for one"))
}

/// A role as the API writes it.
pub(crate) const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Inference => "inference",
        Role::Viewer => "viewer",
        Role::Member => "member",
        Role::Administrator => "administrator",
        Role::Operator => "operator",
    }
}
