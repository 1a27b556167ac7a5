//! Keys: create (the secret is shown once), list, revoke, and who the caller is.

use api::{
    nouns::{
        common::Page,
        key::{
            Key, KeyCreate, KeyCreated, KeyList, KeyNew, KeyRevoke, Role as RoleDto, WhoAmI, Whoami,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    key,
};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};
use crate::platform::token;

/// `POST /api/v1/keys`
pub(crate) async fn create(call: Call<KeyCreate>) -> Result<KeyCreated, Fail> {
    let scope = call.read(|state| scope_of(state, &call.caller, &call.body))?;
    let secret = token::fresh().map_err(|e| Fail::internal("no randomness for a key", &e))?;
    let lifetime = call.body.expires_in_seconds.map(DurationMicros::from_secs);
    let command = key::Command::Create {
        name: call.body.name.clone(),
        scope,
        role: role_of(call.body.role),
        secret_hash: token::hash(&secret),
        expires_at: lifetime.map(|lifetime| call.platform().now().plus(lifetime)),
    };
    let accepted = call.submit(Command::Key(command)).await?;
    let Some(Subject::Key(id)) = accepted.subject else { return Err(unexpected()) };
    let key = call.read(|s| s.keys.get(&id).map(|key| dto(s, key, accepted.seq)));
    Ok(KeyCreated { key: key.ok_or_else(unexpected)?, secret })
}

/// Where a new key is valid, if the caller administers that.
fn scope_of(state: &State, caller: &Caller, new: &KeyNew) -> Result<Scope, Fail> {
    let role = Role::Administrator;
    match (&new.organisation, &new.project) {
        (Some(_), Some(_)) => {
            Err(Fail::field("/organisation", "give either `organisation` or `project`, not both"))
        }
        (Some(o), None) => resolve::organisation(state, caller, role, o).map(Scope::Organisation),
        (None, Some(p)) => resolve::project(state, caller, role, p).map(Scope::Project),
        (None, None) => {
            let hidden = || Fail::not_found("scope", "platform");
            access::require(state, caller, Role::Operator, Scope::Platform, hidden)?;
            Ok(Scope::Platform)
        }
    }
}

/// `GET /api/v1/keys`
pub(crate) async fn list(call: Call<KeyList>) -> Result<Page<Key>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Key>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.project.as_ref();
        let only = only
            .map(|p| resolve::project(state, &call.caller, Role::Administrator, p))
            .transpose()?;
        let visible = |key: &key::Key| {
            access::allows(state, &call.caller, Role::Administrator, key.scope)
                && query.name.as_ref().is_none_or(|name| *name == key.name)
                && only.is_none_or(|id| key.scope == Scope::Project(id))
        };
        let all = state.keys.range(page::after(&wanted)).filter(|(_, key)| visible(key));
        let items = all.map(|(id, key)| (*id, dto(state, key, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `DELETE /api/v1/keys/{id}`
pub(crate) async fn revoke(call: Call<KeyRevoke>) -> Result<Key, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.keys.get(&id).map(|key| (key, key.scope));
        access::find(state, &call.caller, Role::Administrator, found, ("key", &id)).map(|_| ())
    })?;
    let accepted = call.submit(Command::Key(key::Command::Revoke { id })).await?;
    call.read(|s| s.keys.get(&id).map(|key| dto(s, key, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/whoami`
pub(crate) async fn whoami(call: Call<Whoami>) -> Result<WhoAmI, Fail> {
    let key = call.caller.key().ok_or_else(unexpected)?;
    call.read(|state| {
        let (organisation, project) = place_of(state, key.scope);
        Ok(WhoAmI {
            key: key.id,
            name: key.name.clone(),
            role: role_dto(key.role),
            organisation,
            project,
            expires_at: key.expires_at.map(Timestamp),
            as_of: as_of(state),
        })
    })
}

type Place = (Option<Id<kinds::Organisation>>, Option<Id<kinds::Project>>);

/// The organisation and project of a scope.
fn place_of(state: &State, scope: Scope) -> Place {
    match scope {
        Scope::Platform => (None, None),
        Scope::Organisation(id) => (Some(id), None),
        Scope::Project(id) => (state.projects.get(&id).map(|p| p.organisation), Some(id)),
    }
}

fn dto(state: &State, key: &key::Key, seq: u64) -> Key {
    let (organisation, project) = place_of(state, key.scope);
    Key {
        id: key.id,
        name: key.name.clone(),
        role: role_dto(key.role),
        organisation,
        project,
        expires_at: key.expires_at.map(Timestamp),
        revoked_at: key.revoked_at.map(|at: UnixMicros| Timestamp(at)),
        version: key.meta.version,
        seq,
        created_at: Timestamp(key.meta.created_at),
    }
}

const fn role_of(role: RoleDto) -> Role {
    match role {
        RoleDto::Inference => Role::Inference,
        RoleDto::Viewer => Role::Viewer,
        RoleDto::Member => Role::Member,
        RoleDto::Administrator => Role::Administrator,
        RoleDto::Operator => Role::Operator,
        RoleDto::Auditor => Role::Auditor,
        RoleDto::Billing => Role::Billing,
        RoleDto::Teacher => Role::Teacher,
        RoleDto::Student => Role::Student,
    }
}

const fn role_dto(role: Role) -> RoleDto {
    match role {
        Role::Inference => RoleDto::Inference,
        Role::Viewer => RoleDto::Viewer,
        Role::Member => RoleDto::Member,
        Role::Administrator => RoleDto::Administrator,
        Role::Operator => RoleDto::Operator,
        Role::Auditor => RoleDto::Auditor,
        Role::Billing => RoleDto::Billing,
        Role::Teacher => RoleDto::Teacher,
        Role::Student => RoleDto::Student,
    }
}
