//! Service accounts: create, list, get, renew, assign, delete.

use api::{
    endpoint::Endpoint,
    nouns::{
        common::Page,
        service_account::{
            ServiceAccount, ServiceAccountAssign, ServiceAccountCreate, ServiceAccountDelete,
            ServiceAccountGet, ServiceAccountList, ServiceAccountRenew,
        },
    },
    reference::{ProjectRef, Ref},
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    service_account,
};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone,
    keys::place_of,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

const ROLE: Role = Role::Administrator;

/// `POST /api/v1/service-accounts`
pub(crate) async fn create(call: Call<ServiceAccountCreate>) -> Result<ServiceAccount, Fail> {
    let new = &call.body;
    let scope = call.read(|state| {
        tenant_scope(state, &call.caller, new.organisation.as_ref(), new.project.as_ref())
    })?;
    let expires_at = after(&call, new.expires_in_seconds);
    let (name, owner) = (new.name.clone(), new.owner);
    let command = service_account::Command::Create { scope, name, owner, expires_at };
    let accepted = call.submit(Command::ServiceAccount(command)).await?;
    let Some(Subject::ServiceAccount(id)) = accepted.subject else { return Err(unexpected()) };
    shown(&call, id, accepted.seq)
}

/// An organisation or a project, if the caller administers it.
fn tenant_scope(
    state: &State,
    caller: &Caller,
    organisation: Option<&Ref<kinds::Organisation>>,
    project: Option<&ProjectRef>,
) -> Result<Scope, Fail> {
    match (organisation, project) {
        (Some(o), None) => resolve::organisation(state, caller, ROLE, o).map(Scope::Organisation),
        (None, Some(p)) => resolve::project(state, caller, ROLE, p).map(Scope::Project),
        (Some(_), Some(_)) | (None, None) => {
            Err(Fail::field("/organisation", "give either `organisation` or `project`"))
        }
    }
}

fn after<E: Endpoint>(call: &Call<E>, seconds: u64) -> UnixMicros {
    call.platform().now().plus(DurationMicros::from_secs(seconds))
}

/// `GET /api/v1/service-accounts`
pub(crate) async fn list(call: Call<ServiceAccountList>) -> Result<Page<ServiceAccount>, Fail> {
    let query = &call.query;
    let token = query.page_token.as_deref();
    let wanted = page::Wanted::<Id<kinds::ServiceAccount>>::of(query.limit, token)?;
    call.read(|state| {
        let only = query.project.as_ref();
        let only = only.map(|p| resolve::project(state, &call.caller, ROLE, p)).transpose()?;
        let wished = |account: &service_account::ServiceAccount| {
            only.is_none_or(|id| account.scope == Scope::Project(id))
                && query.name.as_ref().is_none_or(|name| *name == account.name)
                && access::allows(state, &call.caller, ROLE, account.scope)
        };
        let all = state.service_accounts.range(page::after(&wanted)).filter(|(_, x)| wished(x));
        let items = all.map(|(id, account)| (*id, dto(state, account, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/service-accounts/{id}`
pub(crate) async fn get(call: Call<ServiceAccountGet>) -> Result<ServiceAccount, Fail> {
    call.read(|state| {
        let account = find(state, &call.caller, call.path.id)?;
        Ok(dto(state, account, as_of(state)))
    })
}

/// `POST /api/v1/service-accounts/{id}/renew`
pub(crate) async fn renew(call: Call<ServiceAccountRenew>) -> Result<ServiceAccount, Fail> {
    let (id, expires_at) = (call.path.id, after(&call, call.body.expires_in_seconds));
    change(&call, id, service_account::Command::Renew { id, expires_at }).await
}

/// `POST /api/v1/service-accounts/{id}/assign`
pub(crate) async fn assign(call: Call<ServiceAccountAssign>) -> Result<ServiceAccount, Fail> {
    let (id, owner) = (call.path.id, call.body.owner);
    change(&call, id, service_account::Command::Assign { id, owner }).await
}

/// `DELETE /api/v1/service-accounts/{id}`
pub(crate) async fn delete(call: Call<ServiceAccountDelete>) -> Result<ServiceAccount, Fail> {
    let id = call.path.id;
    let mut was = call.read(|state| {
        let account = find(state, &call.caller, id)?;
        Ok::<_, Fail>(dto(state, account, as_of(state)))
    })?;
    let command = Command::ServiceAccount(service_account::Command::Delete { id });
    was.seq = call.submit(command).await?.seq;
    Ok(was)
}

async fn change<E: Endpoint>(
    call: &Call<E>,
    id: Id<kinds::ServiceAccount>,
    command: service_account::Command,
) -> Result<ServiceAccount, Fail> {
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let accepted = call.submit(Command::ServiceAccount(command)).await?;
    shown(call, id, accepted.seq)
}

fn shown<E: Endpoint>(
    call: &Call<E>,
    id: Id<kinds::ServiceAccount>,
    seq: u64,
) -> Result<ServiceAccount, Fail> {
    let found = call.read(|s| s.service_accounts.get(&id).map(|account| dto(s, account, seq)));
    found.ok_or_else(gone)
}

/// A service account that the caller administers.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::ServiceAccount>,
) -> Result<&'a service_account::ServiceAccount, Fail> {
    let found = state.service_accounts.get(&id).map(|account| (account, account.scope));
    access::find(state, caller, ROLE, found, ("service account", &id))
}

fn dto(state: &State, account: &service_account::ServiceAccount, seq: u64) -> ServiceAccount {
    let (organisation, project) = place_of(state, account.scope);
    ServiceAccount {
        id: account.id,
        organisation,
        project,
        name: account.name.clone(),
        owner: account.owner,
        expires_at: Timestamp(account.expires_at),
        version: account.meta.version,
        seq,
        created_at: Timestamp(account.meta.created_at),
    }
}
