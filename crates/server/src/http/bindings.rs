//! Roles given: give, list, get, take back.

use api::{
    nouns::{
        binding::{Binding, BindingCreate, BindingDelete, BindingGet, BindingList, BindingNew},
        common::Page,
    },
    reference::{PolicyScope, ProjectRef, Ref},
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{self as kernel_access, Role as BuiltIn, Scope},
    binding::{self, Principal, Role},
};
use units::{DurationMicros, Id, Name, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone, groups,
    mount::{Call, as_of},
    page, resolve, service_accounts, unexpected, users,
};

/// `POST /api/v1/bindings`
pub(crate) async fn create(call: Call<BindingCreate>) -> Result<Binding, Fail> {
    let new = &call.body;
    let (scope, role, principal) = call.read(|state| {
        let scope = resolve::policy_scope(state, &call.caller, BuiltIn::Administrator, &new.scope)?;
        let role = role_of(state, scope, &new.role)?;
        Ok::<_, Fail>((scope, role, principal_of(state, &call.caller, scope, new)?))
    })?;
    let lifetime = new.expires_in_seconds.map(DurationMicros::from_secs);
    let expires_at = lifetime.map(|lifetime| call.platform().now().plus(lifetime));
    let command = binding::Command::Create { role, principal, scope, expires_at };
    let accepted = call.submit(Command::Binding(command)).await?;
    let Some(Subject::Binding(id)) = accepted.subject else { return Err(unexpected()) };
    let found = call.read(|s| s.bindings.get(&id).map(|binding| dto(s, binding, accepted.seq)));
    found.ok_or_else(gone)
}

/// A built-in role by name, or a custom one of the scope's organisation by name or id.
fn role_of(state: &State, scope: Scope, text: &str) -> Result<Role, Fail> {
    let unknown = match text.parse().map(Role::BuiltIn) {
        Ok(role) => return Ok(role),
        Err(unknown) => unknown,
    };
    let organisation = kernel_access::organisation_of(state, scope);
    let by_name = |organisation| {
        let name: Option<Name> = text.parse().ok();
        name.and_then(|name| state.role_by_name(organisation, &name))
    };
    let by_id = || text.parse().ok().filter(|id| state.roles.contains_key(id));
    let id = organisation.and_then(|organisation| {
        let id: Id<kinds::Role> = by_id().or_else(|| by_name(organisation))?;
        state.roles.get(&id).filter(|role| role.organisation == organisation).map(|role| role.id)
    });
    id.map(Role::Custom).ok_or_else(|| Fail::field("/role", unknown.to_string()))
}

/// Who is meant, within what the caller administers.
fn principal_of(
    state: &State,
    caller: &Caller,
    scope: Scope,
    new: &BindingNew,
) -> Result<Principal, Fail> {
    match (new.user, &new.group, new.service_account) {
        (Some(id), None, None) => {
            known(state, caller, scope, Principal::User(id)).map(|()| Principal::User(id))
        }
        (None, Some(reference), None) => {
            let home = kernel_access::organisation_of(state, scope);
            let id = match reference {
                Ref::Id(id) => Some(*id),
                Ref::Name(name) => state.group_by_name(home, name),
            };
            let id = id.ok_or_else(|| Fail::not_found("group", reference))?;
            known(state, caller, scope, Principal::Group(id)).map(|()| Principal::Group(id))
        }
        (None, None, Some(id)) => known(state, caller, scope, Principal::ServiceAccount(id))
            .map(|()| Principal::ServiceAccount(id)),
        _ => Err(Fail::field("/user", "give one of `user`, `group` and `service_account`")),
    }
}

/// Somebody of the scope's organisation. An administrator of a project alone may name them by id,
/// which they must have been told, without seeing who they are.
fn known(state: &State, caller: &Caller, scope: Scope, principal: Principal) -> Result<(), Fail> {
    let here = kernel_access::organisation_of(state, scope);
    let (kind, id, is_here) = match principal {
        Principal::User(id) => {
            let home = state.users.get(&id).map(|user| user.home);
            ("user", id.to_string(), home == Some(here))
        }
        Principal::Group(id) => {
            let home = state.groups.get(&id).map(|group| group.home);
            ("group", id.to_string(), home == Some(here))
        }
        Principal::ServiceAccount(id) => {
            let is_here = service_accounts::find(state, caller, id).is_ok();
            ("service account", id.to_string(), is_here)
        }
    };
    if is_here { Ok(()) } else { Err(Fail::not_found(kind, id)) }
}

/// `GET /api/v1/bindings`
pub(crate) async fn list(call: Call<BindingList>) -> Result<Page<Binding>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Binding>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let caller = &call.caller;
        let role = BuiltIn::Administrator;
        let project = query.project.as_ref();
        let project = project.map(|p| resolve::project(state, caller, role, p)).transpose()?;
        let organisation = query.organisation.as_ref();
        let organisation =
            organisation.map(|o| resolve::organisation(state, caller, role, o)).transpose()?;
        if let Some(id) = query.user {
            users::find(state, caller, id)?;
        }
        if let Some(id) = query.group {
            groups::find(state, caller, id)?;
        }
        if let Some(id) = query.service_account {
            service_accounts::find(state, caller, id)?;
        }
        let to = |principal| {
            query.user.is_none_or(|id| principal == Principal::User(id))
                && query.group.is_none_or(|id| principal == Principal::Group(id))
                && query.service_account.is_none_or(|id| principal == Principal::ServiceAccount(id))
        };
        let wished = |binding: &binding::Binding| {
            let of = kernel_access::organisation_of(state, binding.scope);
            to(binding.principal)
                && project.is_none_or(|id| binding.scope == Scope::Project(id))
                && organisation.is_none_or(|id| of == Some(id))
                && access::allows(state, caller, role, binding.scope)
        };
        let all = state.bindings.range(page::after(&wanted)).filter(|(_, b)| wished(b));
        let items = all.map(|(id, binding)| (*id, dto(state, binding, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/bindings/{id}`
pub(crate) async fn get(call: Call<BindingGet>) -> Result<Binding, Fail> {
    call.read(|state| {
        let binding = find(state, &call.caller, call.path.id)?;
        Ok(dto(state, binding, as_of(state)))
    })
}

/// `DELETE /api/v1/bindings/{id}`
pub(crate) async fn delete(call: Call<BindingDelete>) -> Result<Binding, Fail> {
    let id = call.path.id;
    let mut was = call.read(|state| {
        let binding = find(state, &call.caller, id)?;
        Ok::<_, Fail>(dto(state, binding, as_of(state)))
    })?;
    was.seq = call.submit(Command::Binding(binding::Command::Delete { id })).await?.seq;
    Ok(was)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::Binding>,
) -> Result<&'a binding::Binding, Fail> {
    let found = state.bindings.get(&id).map(|binding| (binding, binding.scope));
    access::find_hidden(state, caller, BuiltIn::Administrator, found, ("binding", &id))
}

/// A scope as the API writes it, by id.
pub(crate) const fn scope_dto(scope: Scope) -> PolicyScope {
    match scope {
        Scope::Platform => PolicyScope::Platform,
        Scope::Organisation(id) => PolicyScope::Organisation(Ref::Id(id)),
        Scope::Project(id) => PolicyScope::Project(ProjectRef::Id(id)),
    }
}

fn dto(state: &State, binding: &binding::Binding, seq: u64) -> Binding {
    let (role, role_id) = match binding.role {
        Role::BuiltIn(role) => (role.to_string(), None),
        Role::Custom(id) => {
            let name = state.roles.get(&id).map(|role| role.name.to_string());
            (name.unwrap_or_default(), Some(id))
        }
    };
    let (user, group, service_account) = match binding.principal {
        Principal::User(id) => (Some(id), None, None),
        Principal::Group(id) => (None, Some(id), None),
        Principal::ServiceAccount(id) => (None, None, Some(id)),
    };
    Binding {
        id: binding.id,
        role,
        role_id,
        user,
        group,
        service_account,
        scope: scope_dto(binding.scope),
        expires_at: binding.expires_at.map(Timestamp),
        version: binding.meta.version,
        seq,
        created_at: Timestamp(binding.meta.created_at),
    }
}
