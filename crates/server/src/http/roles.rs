//! Custom roles: create, list, get, change, delete.

use api::{
    nouns::{
        common::Page,
        role::{Role, RoleCreate, RoleDelete, RoleGet, RoleList, RoleSet},
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role as Needed, Scope},
    role,
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/roles`
pub(crate) async fn create(call: Call<RoleCreate>) -> Result<Role, Fail> {
    let new = &call.body;
    let organisation = call.read(|state| {
        resolve::organisation(state, &call.caller, Needed::Administrator, &new.organisation)
    })?;
    let (name, permissions) = (new.name.clone(), new.permissions.iter().cloned().collect());
    let command = role::Command::Create { organisation, name, permissions };
    let accepted = call.submit(Command::Role(command)).await?;
    let Some(Subject::Role(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.roles.get(&id).map(|role| dto(role, accepted.seq))).ok_or_else(gone)
}

/// `GET /api/v1/roles`
pub(crate) async fn list(call: Call<RoleList>) -> Result<Page<Role>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Role>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.organisation.as_ref();
        let only = only
            .map(|o| resolve::organisation(state, &call.caller, Needed::Administrator, o))
            .transpose()?;
        let wished = |role: &role::Role| {
            let scope = Scope::Organisation(role.organisation);
            only.is_none_or(|id| id == role.organisation)
                && query.name.as_ref().is_none_or(|name| *name == role.name)
                && access::allows(state, &call.caller, Needed::Administrator, scope)
        };
        let all = state.roles.range(page::after(&wanted)).filter(|(_, role)| wished(role));
        let items = all.map(|(id, role)| (*id, dto(role, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/roles/{id}`
pub(crate) async fn get(call: Call<RoleGet>) -> Result<Role, Fail> {
    call.read(|s| find(s, &call.caller, call.path.id).map(|role| dto(role, as_of(s))))
}

/// `PUT /api/v1/roles/{id}`
pub(crate) async fn set(call: Call<RoleSet>) -> Result<Role, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let permissions = call.body.permissions.iter().cloned().collect();
    let accepted = call.submit(Command::Role(role::Command::Set { id, permissions })).await?;
    call.read(|s| s.roles.get(&id).map(|role| dto(role, accepted.seq))).ok_or_else(gone)
}

/// `DELETE /api/v1/roles/{id}`
pub(crate) async fn delete(call: Call<RoleDelete>) -> Result<Role, Fail> {
    let id = call.path.id;
    let mut was = call.read(|s| find(s, &call.caller, id).map(|role| dto(role, as_of(s))))?;
    was.seq = call.submit(Command::Role(role::Command::Delete { id })).await?.seq;
    Ok(was)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::Role>,
) -> Result<&'a role::Role, Fail> {
    let found = state.roles.get(&id).map(|r| (r, Scope::Organisation(r.organisation)));
    access::find(state, caller, Needed::Administrator, found, ("role", &id))
}

fn dto(role: &role::Role, seq: u64) -> Role {
    Role {
        id: role.id,
        organisation: role.organisation,
        name: role.name.clone(),
        permissions: role.permissions.iter().cloned().collect(),
        version: role.meta.version,
        seq,
        created_at: Timestamp(role.meta.created_at),
    }
}
