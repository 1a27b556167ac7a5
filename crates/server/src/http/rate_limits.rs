//! Rate limits: set, list, get, delete.
//!
//! Nobody raises what was set for them from above: an organisation's limit is the operator's to change, a
//! project's its organisation's.

use api::{
    nouns::{
        common::Page,
        rate_limit::{
            RateLimit, RateLimitDelete, RateLimitGet, RateLimitList, RateLimitNew, RateLimitSet,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    budget::{self, Owner},
    rate_limit::{self, Terms},
};
use units::{Id, kinds};

use super::{
    access, budgets,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, resolve,
};

/// `POST /api/v1/rate-limits`
pub(crate) async fn set(call: Call<RateLimitSet>) -> Result<RateLimit, Fail> {
    let new = &call.body;
    let owner = call.read(|state| {
        let owner = owner_of(state, &call.caller, new)?;
        require_changer(state, &call.caller, owner)?;
        Ok::<_, Fail>(owner)
    })?;
    let terms = Terms {
        requests_per_minute: new.requests_per_minute,
        tokens_per_minute: new.tokens_per_minute,
        concurrent_max: new.concurrent_max,
        weight: new.weight,
    };
    let command = rate_limit::Command::Set { owner, terms };
    let accepted = call.submit(Command::RateLimit(command)).await?;
    // What was true already is no event and has no subject.
    let found = call.read(|state| {
        let found = match accepted.subject {
            Some(Subject::RateLimit(id)) => state.rate_limits.get(&id),
            _ => state.rate_limit_of(owner),
        };
        found.map(|limit| dto(state, limit, accepted.seq))
    });
    found.ok_or_else(gone)
}

/// `GET /api/v1/rate-limits`
pub(crate) async fn list(call: Call<RateLimitList>) -> Result<Page<RateLimit>, Fail> {
    let (query, caller) = (&call.query, &call.caller);
    let wanted =
        page::Wanted::<Id<kinds::RateLimit>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let project = query.project.as_ref();
        let project =
            project.map(|p| resolve::project(state, caller, Role::Viewer, p)).transpose()?;
        let organisation = query.organisation.as_ref();
        let organisation =
            organisation.map(|o| resolve::organisation(state, caller, Role::Viewer, o));
        let organisation = organisation.transpose()?;
        let wished = |limit: &rate_limit::RateLimit| {
            let scope = budget::scope_of(state, limit.owner, None);
            let own = scope.and_then(|scope| kernel::access::organisation_of(state, scope));
            project.is_none_or(|id| scope == Some(Scope::Project(id)))
                && organisation.is_none_or(|id| own == Some(id))
                && scope.is_some_and(|scope| access::allows(state, caller, Role::Viewer, scope))
        };
        let all = state.rate_limits.range(page::after(&wanted)).filter(|(_, one)| wished(one));
        let items = all.map(|(id, limit)| (*id, dto(state, limit, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/rate-limits/{id}`
pub(crate) async fn get(call: Call<RateLimitGet>) -> Result<RateLimit, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = find(state, &call.caller, Role::Viewer, id)?;
        Ok(dto(state, found, as_of(state)))
    })
}

/// `DELETE /api/v1/rate-limits/{id}`
pub(crate) async fn delete(call: Call<RateLimitDelete>) -> Result<RateLimit, Fail> {
    let id = call.path.id;
    let mut was = call.read(|state| {
        let found = find(state, &call.caller, Role::Administrator, id)?;
        require_changer(state, &call.caller, found.owner)?;
        Ok::<_, Fail>(dto(state, found, as_of(state)))
    })?;
    let accepted = call.submit(Command::RateLimit(rate_limit::Command::Delete { id })).await?;
    was.seq = accepted.seq;
    Ok(was)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::RateLimit>,
) -> Result<&'a rate_limit::RateLimit, Fail> {
    let found = state.rate_limits.get(&id);
    let found = found.and_then(|one| Some((one, budget::scope_of(state, one.owner, None)?)));
    access::find_hidden(state, caller, role, found, ("rate limit", &id))
}

/// Whose limit is meant, if the caller administers that.
fn owner_of(state: &State, caller: &Caller, new: &RateLimitNew) -> Result<Owner, Fail> {
    let role = Role::Administrator;
    let somebody = |owner| budgets::somebody(state, caller, owner, None).map(|(owner, _)| owner);
    match (&new.organisation, &new.project, new.user, new.service_account, new.key) {
        (Some(reference), None, None, None, None) => {
            resolve::organisation(state, caller, role, reference).map(Owner::Organisation)
        }
        (None, Some(reference), None, None, None) => {
            resolve::project(state, caller, role, reference).map(Owner::Project)
        }
        (None, None, Some(id), None, None) => somebody(Owner::User(id)),
        (None, None, None, Some(id), None) => somebody(Owner::ServiceAccount(id)),
        (None, None, None, None, Some(id)) => somebody(Owner::Key(id)),
        _ => {
            let text =
                "name one owner: `organisation`, `project`, `user`, `service_account` or `key`";
            Err(Fail::field("/project", text))
        }
    }
}

/// Whoever administers only what is limited may know of the limit, and not raise it.
fn require_changer(state: &State, caller: &Caller, owner: Owner) -> Result<(), Fail> {
    let (role, scope) = match owner {
        Owner::Organisation(_) => (Role::Operator, Scope::Platform),
        Owner::Project(project) => match state.projects.get(&project) {
            Some(project) => (Role::Administrator, Scope::Organisation(project.organisation)),
            None => return Err(gone()),
        },
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => return Ok(()),
    };
    access::require(state, caller, role, scope, || access::needs(role))
}

fn dto(state: &State, limit: &rate_limit::RateLimit, seq: u64) -> RateLimit {
    let mut dto = RateLimit {
        id: limit.id,
        owner: limit.owner.describe(state),
        organisation: None,
        project: None,
        user: None,
        service_account: None,
        key: None,
        requests_per_minute: limit.terms.requests_per_minute,
        tokens_per_minute: limit.terms.tokens_per_minute,
        concurrent_max: limit.terms.concurrent_max,
        weight: limit.terms.weight,
        version: limit.meta.version,
        seq,
        created_at: Timestamp(limit.meta.created_at),
    };
    match limit.owner {
        Owner::Organisation(id) => dto.organisation = Some(id),
        Owner::Project(id) => dto.project = Some(id),
        Owner::User(id) => dto.user = Some(id),
        Owner::ServiceAccount(id) => dto.service_account = Some(id),
        Owner::Key(id) => dto.key = Some(id),
    }
    dto
}
