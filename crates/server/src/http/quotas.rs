//! Quotas: set, list, get, delete.

use api::{
    nouns::{
        common::Page,
        quota::{Quota, QuotaDelete, QuotaGet, QuotaList, QuotaNew, QuotaSet},
    },
    problem::Code,
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    quota::{self, Class, Milli, Owner, Terms},
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, resolve,
};

/// `POST /api/v1/quotas`
pub(crate) async fn set(call: Call<QuotaSet>) -> Result<Quota, Fail> {
    let new = &call.body;
    let class = class_of("/class", &new.class)?;
    let owner = call.read(|state| {
        let owner = owner_of(state, &call.caller, new)?;
        require_changer(state, &call.caller, owner, &class)?;
        Ok::<_, Fail>(owner)
    })?;
    let terms = Terms {
        nominal: Milli(new.nominal_milli),
        borrowing: new.borrowing_milli.map(Milli),
        lending: new.lending_milli.map(Milli),
        weight: new.weight.unwrap_or(1),
    };
    let command = quota::Command::Set { owner, class: class.clone(), terms };
    let accepted = call.submit(Command::Quota(command)).await?;
    // What was true already is no event and has no subject.
    let found = call.read(|state| {
        let found = match accepted.subject {
            Some(Subject::Quota(id)) => state.quotas.get(&id),
            _ => state.quota(owner, &class),
        };
        found.map(|quota| dto(state, quota, accepted.seq))
    });
    found.ok_or_else(gone)
}

/// `GET /api/v1/quotas`
pub(crate) async fn list(call: Call<QuotaList>) -> Result<Page<Quota>, Fail> {
    let (query, caller) = (&call.query, &call.caller);
    let wanted = page::Wanted::<Id<kinds::Quota>>::of(query.limit, query.page_token.as_deref())?;
    let class = query.class.as_deref().map(str::parse::<Class>).transpose();
    let class =
        class.map_err(|message| Fail::new(Code::InvalidQuery, format!("`class`: {message}")))?;
    call.read(|state| {
        let project = query.project.as_ref();
        let project =
            project.map(|p| resolve::project(state, caller, Role::Viewer, p)).transpose()?;
        let organisation = query.organisation.as_ref();
        let organisation =
            organisation.map(|o| resolve::organisation(state, caller, Role::Viewer, o));
        let organisation = organisation.transpose()?;
        let wished = |quota: &quota::Quota| {
            class.as_ref().is_none_or(|class| *class == quota.class)
                && project.is_none_or(|id| quota.owner == Owner::Project(id))
                && organisation.is_none_or(|id| organisation_of(state, quota.owner) == Some(id))
                && access::allows(state, caller, Role::Viewer, scope_of(quota.owner))
        };
        let all = state.quotas.range(page::after(&wanted)).filter(|(_, quota)| wished(quota));
        let items = all.map(|(id, quota)| (*id, dto(state, quota, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/quotas/{id}`
pub(crate) async fn get(call: Call<QuotaGet>) -> Result<Quota, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = find(state, &call.caller, Role::Viewer, id)?;
        Ok(dto(state, found, as_of(state)))
    })
}

/// `DELETE /api/v1/quotas/{id}`
pub(crate) async fn delete(call: Call<QuotaDelete>) -> Result<Quota, Fail> {
    let id = call.path.id;
    let mut was = call.read(|state| {
        let found = find(state, &call.caller, Role::Administrator, id)?;
        require_changer(state, &call.caller, found.owner, &found.class)?;
        Ok::<_, Fail>(dto(state, found, as_of(state)))
    })?;
    let accepted = call.submit(Command::Quota(quota::Command::Delete { id })).await?;
    was.seq = accepted.seq;
    Ok(was)
}

pub(crate) fn class_of(pointer: &str, text: &str) -> Result<Class, Fail> {
    text.parse().map_err(|message: String| Fail::field(pointer, message))
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Quota>,
) -> Result<&'a quota::Quota, Fail> {
    let found = state.quotas.get(&id).map(|quota| (quota, scope_of(quota.owner)));
    access::find(state, caller, role, found, ("quota", &id))
}

/// Whose quota is meant, if the caller administers that.
fn owner_of(state: &State, caller: &Caller, new: &QuotaNew) -> Result<Owner, Fail> {
    let role = Role::Administrator;
    match (&new.organisation, &new.project) {
        (Some(o), None) => resolve::organisation(state, caller, role, o).map(Owner::Organisation),
        (None, Some(p)) => resolve::project(state, caller, role, p).map(Owner::Project),
        (Some(_), Some(_)) | (None, None) => {
            Err(Fail::field("/organisation", "give either `organisation` or `project`"))
        }
    }
}

/// Nobody promises more to themselves: an organisation's administrator shares what the operator has
/// promised to the organisation, and without such a promise only the operator promises.
fn require_changer(
    state: &State,
    caller: &Caller,
    owner: Owner,
    class: &Class,
) -> Result<(), Fail> {
    let missing = || Fail::not_found("platform", "here");
    let shared = match owner {
        Owner::Organisation(_) => None,
        Owner::Project(_) => organisation_of(state, owner)
            .filter(|id| state.quota(Owner::Organisation(*id), class).is_some()),
    };
    match shared {
        None => access::require(state, caller, Role::Operator, Scope::Platform, missing),
        Some(id) => {
            // A key of the project alone may know of it, and still not give itself a larger share.
            let needs = || access::needs(Role::Administrator);
            let scope = Scope::Organisation(id);
            access::require(state, caller, Role::Administrator, scope, needs)
        }
    }
}

fn organisation_of(state: &State, owner: Owner) -> Option<Id<kinds::Organisation>> {
    match owner {
        Owner::Organisation(id) => Some(id),
        Owner::Project(id) => state.projects.get(&id).map(|project| project.organisation),
    }
}

pub(crate) const fn scope_of(owner: Owner) -> Scope {
    match owner {
        Owner::Organisation(id) => Scope::Organisation(id),
        Owner::Project(id) => Scope::Project(id),
    }
}

fn dto(state: &State, quota: &quota::Quota, seq: u64) -> Quota {
    let organisation = organisation_of(state, quota.owner);
    let (owner, project) = match quota.owner {
        Owner::Organisation(id) => {
            let name = state.organisations.get(&id).map(|found| found.name.to_string());
            (name.unwrap_or_else(|| id.to_string()), None)
        }
        Owner::Project(id) => (resolve::project_path(state, id), Some(id)),
    };
    Quota {
        id: quota.id,
        owner,
        // INVARIANT: a project is in an organisation; `State::check` says so.
        organisation: organisation.unwrap_or(Id::from_bytes([0; 16])),
        project,
        class: quota.class.to_string(),
        nominal_milli: quota.terms.nominal.0,
        borrowing_milli: quota.terms.borrowing.map(|milli| milli.0),
        lending_milli: quota.terms.lending.map(|milli| milli.0),
        weight: quota.terms.weight,
        version: quota.meta.version,
        seq,
        created_at: Timestamp(quota.meta.created_at),
    }
}
