//! Organisations: create, list, get.

use api::{
    nouns::{
        common::Page,
        organisation::{
            Currency, Organisation, OrganisationCreate, OrganisationGet, OrganisationList,
            OrganisationTraining,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, Subject,
    access::{Role, Scope},
    organisation,
};
use units::{Id, kinds};

use super::{
    access,
    fail::Fail,
    mount::{Call, as_of},
    page, unexpected,
};

/// `POST /api/v1/organisations`
pub(crate) async fn create(call: Call<OrganisationCreate>) -> Result<Organisation, Fail> {
    call.read(|state| {
        access::require(state, &call.caller, Role::Operator, Scope::Platform, || {
            Fail::not_found("platform", "here")
        })
    })?;
    let name = call.body.name.clone();
    let command = Command::Organisation(organisation::Command::Create { name });
    let accepted = call.submit(command).await?;
    let Some(Subject::Organisation(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.organisations.get(&id).map(|o| dto(o, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/organisations`
pub(crate) async fn list(call: Call<OrganisationList>) -> Result<Page<Organisation>, Fail> {
    let query = &call.query;
    let wanted =
        page::Wanted::<Id<kinds::Organisation>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let seq = as_of(state);
        let named =
            |o: &organisation::Organisation| query.name.as_ref().is_none_or(|n| *n == o.name);
        let visible =
            |id| access::allows(state, &call.caller, Role::Viewer, Scope::Organisation(id));
        let all = state.organisations.range(page::after(&wanted));
        let items =
            all.filter(|(id, o)| named(o) && visible(**id)).map(|(id, o)| (*id, dto(o, seq)));
        Ok(page::cut(items, wanted.limit, seq))
    })
}

/// `GET /api/v1/organisations/{id}`
pub(crate) async fn get(call: Call<OrganisationGet>) -> Result<Organisation, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.organisations.get(&id).map(|o| (o, Scope::Organisation(id)));
        let found = access::find(state, &call.caller, Role::Viewer, found, ("organisation", &id))?;
        Ok(dto(found, as_of(state)))
    })
}

/// `POST /api/v1/organisations/{id}/training`
pub(crate) async fn training(call: Call<OrganisationTraining>) -> Result<Organisation, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.organisations.get(&id).map(|o| (o, Scope::Organisation(id)));
        let name = ("organisation", &id as &dyn std::fmt::Display);
        access::find(state, &call.caller, Role::Administrator, found, name).map(|_| ())
    })?;
    let allowed = call.body.allowed;
    let command = organisation::Command::AllowTraining { id, allowed };
    let accepted = call.submit(Command::Organisation(command)).await?;
    call.read(|s| s.organisations.get(&id).map(|o| dto(o, accepted.seq))).ok_or_else(unexpected)
}

fn dto(organisation: &organisation::Organisation, seq: u64) -> Organisation {
    Organisation {
        id: organisation.id,
        name: organisation.name.clone(),
        currency: Currency::Eur,
        training_allowed: organisation.training_allowed,
        closed_at: organisation.closed_at.map(Timestamp),
        version: organisation.meta.version,
        seq,
        created_at: Timestamp(organisation.meta.created_at),
    }
}
