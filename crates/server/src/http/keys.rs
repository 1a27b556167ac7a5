//! Keys: create (the secret is shown once), list, revoke, and who the caller is.

use api::{
    nouns::{
        common::Page,
        key::{
            Held, Key, KeyCreate, KeyCreated, KeyList, KeyNew, KeyRevoke, KeyRotate,
            Role as RoleDto, WhoAmI, Whoami,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{self as kernel_access, Role, Scope},
    key::{self, Owner},
};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::{
    access, bindings,
    caller::{Caller, Who},
    fail::Fail,
    mount::{Call, as_of},
    page, people, resolve, service_accounts, unexpected,
};
use crate::platform::token;

/// `POST /api/v1/keys`
pub(crate) async fn create(call: Call<KeyCreate>) -> Result<KeyCreated, Fail> {
    let new = &call.body;
    let (scope, owner) = call.read(|state| {
        let scope = scope_of(state, &call.caller, new)?;
        Ok::<_, Fail>((scope, owner_of(state, &call.caller, scope, new)?))
    })?;
    let secret = token::fresh().map_err(|e| Fail::internal("no randomness for a key", &e))?;
    let lifetime = new.expires_in_seconds.map(DurationMicros::from_secs);
    let issue = key::Issue {
        name: new.name.clone(),
        scope,
        role: role_of(new.role),
        secret_hash: token::hash(&secret),
        expires_at: lifetime.map(|lifetime| call.platform().now().plus(lifetime)),
        owner,
        limits: key::Limits { models: new.models.clone(), countries: new.countries.clone() },
    };
    let accepted = call.submit(Command::Key(key::Command::Issue(Box::new(issue)))).await?;
    let Some(Subject::Key(id)) = accepted.subject else { return Err(unexpected()) };
    let key = call.read(|s| s.keys.get(&id).map(|key| dto(s, key, accepted.seq)));
    Ok(KeyCreated { key: key.ok_or_else(unexpected)?, secret })
}

/// Whose a new key is: who is named, or else the caller where the caller is at home.
fn owner_of(
    state: &State,
    caller: &Caller,
    scope: Scope,
    new: &KeyNew,
) -> Result<Option<Owner>, Fail> {
    match (new.user, new.service_account) {
        (Some(_), Some(_)) => {
            Err(Fail::field("/user", "give either `user` or `service_account`, not both"))
        }
        (Some(id), None) => {
            let home = state.users.get(&id).map(|user| user.home);
            let is_here = home == Some(kernel_access::organisation_of(state, scope));
            if is_here { Ok(Some(Owner::User(id))) } else { Err(Fail::not_found("user", id)) }
        }
        (None, Some(id)) => {
            service_accounts::find(state, caller, id)?;
            Ok(Some(Owner::ServiceAccount(id)))
        }
        (None, None) => {
            let own = own_of(caller);
            Ok(own.filter(|own| key::is_at_home(state, *own, scope)))
        }
    }
}

/// Whom a caller's new keys belong to.
fn own_of(caller: &Caller) -> Option<Owner> {
    match caller.who() {
        Who::Anonymous => None,
        Who::Key(key) => key.owner,
        Who::User(id) => Some(Owner::User(*id)),
        Who::ServiceAccount(id) => Some(Owner::ServiceAccount(*id)),
    }
}

/// `POST /api/v1/keys/{id}/rotate`
pub(crate) async fn rotate(call: Call<KeyRotate>) -> Result<KeyCreated, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let secret = token::fresh().map_err(|e| Fail::internal("no randomness for a key", &e))?;
    let overlap = DurationMicros::from_secs(call.body.overlap_seconds.unwrap_or(0));
    let command = key::Command::Rotate { id, secret_hash: token::hash(&secret), overlap };
    let accepted = call.submit(Command::Key(command)).await?;
    let key = call.read(|s| s.keys.get(&id).map(|key| dto(s, key, accepted.seq)));
    Ok(KeyCreated { key: key.ok_or_else(unexpected)?, secret })
}

fn find<'a>(state: &'a State, caller: &Caller, id: Id<kinds::Key>) -> Result<&'a key::Key, Fail> {
    let found = state.keys.get(&id).map(|key| (key, key.scope));
    access::find(state, caller, Role::Administrator, found, ("key", &id))
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
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let accepted = call.submit(Command::Key(key::Command::Revoke { id })).await?;
    call.read(|s| s.keys.get(&id).map(|key| dto(s, key, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/whoami`
pub(crate) async fn whoami(call: Call<Whoami>) -> Result<WhoAmI, Fail> {
    let mut me = call.read(|state| who_am_i(state, &call.caller))?;
    if me.name.is_none()
        && let Some(id) = me.user
    {
        // Without the vault's key somebody is still who they are.
        let known = people::open(&call.app, vec![(me.organisation, id)]).await.unwrap_or_default();
        me.name = known.into_iter().flatten().next().map(|person| person.name);
    }
    Ok(me)
}

fn who_am_i(state: &State, caller: &Caller) -> Result<WhoAmI, Fail> {
    caller.principal()?;
    let held = caller.grants().iter().map(|grant| Held {
        scope: bindings::scope_dto(grant.scope),
        operations: grant.mask.operations().map(str::to_owned).collect(),
    });
    let owner = own_of(caller);
    let mut me = WhoAmI {
        key: caller.key().map(|key| key.id),
        user: None,
        service_account: None,
        name: caller.key().map(|key| key.name.to_string()),
        role: caller.key().map(|key| role_dto(key.role)),
        organisation: None,
        project: None,
        expires_at: caller.key().and_then(|key| key.expires_at).map(Timestamp),
        held: held.collect(),
        as_of: as_of(state),
    };
    if let Some(Owner::User(id)) = owner {
        me.user = Some(id);
        me.organisation = state.users.get(&id).and_then(|user| user.home);
    }
    if let Some(Owner::ServiceAccount(id)) = owner {
        me.service_account = Some(id);
        if let Some(account) = state.service_accounts.get(&id) {
            (me.organisation, me.project) = place_of(state, account.scope);
            me.name.get_or_insert_with(|| account.name.to_string());
            me.expires_at.get_or_insert(Timestamp(account.expires_at));
        }
    }
    if let Some(key) = caller.key() {
        (me.organisation, me.project) = place_of(state, key.scope);
    }
    Ok(me)
}

pub(crate) type Place = (Option<Id<kinds::Organisation>>, Option<Id<kinds::Project>>);

/// The organisation and project of a scope.
pub(crate) fn place_of(state: &State, scope: Scope) -> Place {
    match scope {
        Scope::Platform => (None, None),
        Scope::Organisation(id) => (Some(id), None),
        Scope::Project(id) => (state.projects.get(&id).map(|p| p.organisation), Some(id)),
    }
}

fn dto(state: &State, key: &key::Key, seq: u64) -> Key {
    let (organisation, project) = place_of(state, key.scope);
    let (user, service_account) = match key.owner {
        None => (None, None),
        Some(Owner::User(id)) => (Some(id), None),
        Some(Owner::ServiceAccount(id)) => (None, Some(id)),
    };
    Key {
        id: key.id,
        name: key.name.clone(),
        role: role_dto(key.role),
        organisation,
        project,
        expires_at: key.expires_at.map(Timestamp),
        user,
        service_account,
        models: key.limits.models.clone(),
        countries: key.limits.countries.clone(),
        earlier_until: key.earlier.map(|(_, until)| Timestamp(until)),
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
