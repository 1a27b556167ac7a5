//! Groups: create, list, get, delete, and who is in them.

use api::{
    endpoint::Endpoint,
    nouns::{
        common::Page,
        group::{
            Group, GroupCreate, GroupDelete, GroupGet, GroupList, GroupMemberAdd, GroupMemberRemove,
        },
    },
    text::Timestamp,
};
use kernel::{Command, State, Subject, access::Role, group};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, unexpected, users, visible,
};

/// `POST /api/v1/groups`
pub(crate) async fn create(call: Call<GroupCreate>) -> Result<Group, Fail> {
    let new = &call.body;
    let home = call.read(|s| users::home_of(s, &call.caller, new.organisation.as_ref()))?;
    let command = group::Command::Create { home, name: new.name.clone() };
    let accepted = call.submit(Command::Group(command)).await?;
    let Some(Subject::Group(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.groups.get(&id).map(|g| dto(g, accepted.seq))).ok_or_else(gone)
}

/// `GET /api/v1/groups`
pub(crate) async fn list(call: Call<GroupList>) -> Result<Page<Group>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Group>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.organisation.as_ref();
        let only = only.map(|o| users::home_of(state, &call.caller, Some(o))).transpose()?;
        let wished = |group: &group::Group| {
            let scope = visible::scope_of_home(group.home);
            only.is_none_or(|home| home == group.home)
                && query.name.as_ref().is_none_or(|name| *name == group.name)
                && access::allows(state, &call.caller, Role::Administrator, scope)
        };
        let all = state.groups.range(page::after(&wanted)).filter(|(_, group)| wished(group));
        let items = all.map(|(id, group)| (*id, dto(group, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/groups/{id}`
pub(crate) async fn get(call: Call<GroupGet>) -> Result<Group, Fail> {
    call.read(|state| {
        let group = find(state, &call.caller, call.path.id)?;
        Ok(dto(group, as_of(state)))
    })
}

/// `DELETE /api/v1/groups/{id}`
pub(crate) async fn delete(call: Call<GroupDelete>) -> Result<Group, Fail> {
    let id = call.path.id;
    let mut was = call.read(|s| find(s, &call.caller, id).map(|group| dto(group, as_of(s))))?;
    let accepted = call.submit(Command::Group(group::Command::Delete { id })).await?;
    was.seq = accepted.seq;
    Ok(was)
}

/// `POST /api/v1/groups/{id}/members`
pub(crate) async fn add(call: Call<GroupMemberAdd>) -> Result<Group, Fail> {
    let (id, user) = (call.path.id, call.body.user);
    call.read(|state| {
        find(state, &call.caller, id)?;
        // Somebody whom the caller may not see does not exist.
        users::find(state, &call.caller, user).map(|_| ())
    })?;
    change(&call, id, group::Command::AddMember { id, user }).await
}

/// `DELETE /api/v1/groups/{id}/members/{user}`
pub(crate) async fn remove(call: Call<GroupMemberRemove>) -> Result<Group, Fail> {
    let (id, user) = (call.path.id, call.path.user);
    call.read(|state| {
        find(state, &call.caller, id)?;
        users::find(state, &call.caller, user).map(|_| ())
    })?;
    change(&call, id, group::Command::RemoveMember { id, user }).await
}

async fn change<E: Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Group>,
    command: group::Command,
) -> Result<Group, Fail> {
    let accepted = call.submit(Command::Group(command)).await?;
    call.read(|s| s.groups.get(&id).map(|g| dto(g, accepted.seq))).ok_or_else(gone)
}

/// A group that the caller administers.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::Group>,
) -> Result<&'a group::Group, Fail> {
    let found = state.groups.get(&id).map(|group| (group, visible::scope_of_home(group.home)));
    access::find_hidden(state, caller, Role::Administrator, found, ("group", &id))
}

fn dto(group: &group::Group, seq: u64) -> Group {
    Group {
        id: group.id,
        organisation: group.home,
        name: group.name.clone(),
        members: group.members.iter().copied().collect(),
        version: group.meta.version,
        seq,
        created_at: Timestamp(group.meta.created_at),
    }
}
