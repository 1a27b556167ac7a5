//! Places where data is kept: register, list, get, retire.

use api::{
    nouns::{
        common::Page,
        storage::{Storage, StorageCreate, StorageGet, StorageList, StoragePurpose, StorageRetire},
    },
    problem::Code,
    text::Timestamp,
};
use kernel::{
    Command, State, Subject, inventory,
    storage::{self, Purpose},
};
use units::{Id, kinds};

use super::entities;
use crate::http::{
    fail::Fail,
    mount::{Call, as_of},
    page, require_operator, resolve, unexpected,
};

/// `POST /api/v1/storages`
pub(crate) async fn create(call: Call<StorageCreate>) -> Result<Storage, Fail> {
    require_operator(&call)?;
    let new = &call.body;
    let command = call.read(|state| {
        let site = resolve::site(state, &new.site)?;
        let entity = |given: &Option<_>| {
            given.as_ref().map(|one| entities::find(state, one)).transpose()
        };
        let operator_entity = entity(&new.operator_entity)?;
        let owner_entity = entity(&new.owner_entity)?;
        let of_site = state.sites.get(&site).map(|site| &site.config);
        let operator = operator_entity.or(of_site.and_then(|config| config.operator_entity));
        let owner = owner_entity.or(of_site.and_then(|config| config.owner_entity));
        if operator.is_none() || owner.is_none() {
            let detail = "the site names no operator or no owner, and neither does this place";
            return Err(Fail::new(Code::InvalidField, detail).remedy(
                "say who runs and owns the site: `cocarde site entities SITE --operator … --owner …`",
            ));
        }
        let (name, purpose) = (new.name.clone(), purpose(new.purpose));
        let register =
            storage::Command::Register { name, purpose, site, operator_entity, owner_entity };
        Ok(Command::Storage(register))
    })?;
    let accepted = call.submit(command).await?;
    let Some(Subject::Storage(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.storages.get(&id).and_then(|one| dto(s, one, accepted.seq)))
        .ok_or_else(unexpected)
}

/// `GET /api/v1/storages`
pub(crate) async fn list(call: Call<StorageList>) -> Result<Page<Storage>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Storage>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let named = |one: &storage::Storage| query.name.as_ref().is_none_or(|n| *n == one.name);
        let all = state.storages.range(page::after(&wanted)).filter(|(_, one)| named(one));
        let items = all.filter_map(|(id, one)| Some((*id, dto(state, one, as_of(state))?)));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/storages/{id}`
pub(crate) async fn get(call: Call<StorageGet>) -> Result<Storage, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.storages.get(&id).and_then(|one| dto(state, one, as_of(state)));
        found.ok_or_else(|| Fail::not_found("storage", id))
    })
}

/// `DELETE /api/v1/storages/{id}`
pub(crate) async fn retire(call: Call<StorageRetire>) -> Result<Storage, Fail> {
    require_operator(&call)?;
    let id = call.path.id;
    let accepted = call.submit(Command::Storage(storage::Command::Retire { id })).await?;
    call.read(|s| s.storages.get(&id).and_then(|one| dto(s, one, accepted.seq)))
        .ok_or_else(unexpected)
}

const fn purpose(given: StoragePurpose) -> Purpose {
    match given {
        StoragePurpose::Artefacts => Purpose::Artefacts,
        StoragePurpose::Volume => Purpose::Volume,
        StoragePurpose::Log => Purpose::Log,
        StoragePurpose::Replica => Purpose::Replica,
        StoragePurpose::Witness => Purpose::Witness,
        StoragePurpose::Backup => Purpose::Backup,
        StoragePurpose::Accounts => Purpose::Accounts,
        StoragePurpose::Keys => Purpose::Keys,
        StoragePurpose::Exports => Purpose::Exports,
    }
}

fn dto(state: &State, one: &storage::Storage, seq: u64) -> Option<Storage> {
    let attributes = inventory::of_storage(state, one.id)?;
    Some(Storage {
        id: one.id,
        name: one.name.clone(),
        purpose: match one.purpose {
            Purpose::Artefacts => StoragePurpose::Artefacts,
            Purpose::Volume => StoragePurpose::Volume,
            Purpose::Log => StoragePurpose::Log,
            Purpose::Replica => StoragePurpose::Replica,
            Purpose::Witness => StoragePurpose::Witness,
            Purpose::Backup => StoragePurpose::Backup,
            Purpose::Accounts => StoragePurpose::Accounts,
            Purpose::Keys => StoragePurpose::Keys,
            Purpose::Exports => StoragePurpose::Exports,
        },
        site: one.site,
        country: attributes.country?,
        operator_entity: attributes.operator,
        jurisdiction: attributes.jurisdiction,
        owner_entity: attributes.owner,
        // Entries count from 1 outside.
        decided: one.decided.iter().map(|seq| seq.saturating_add(1)).collect(),
        retired_at: one.retired_at.map(Timestamp),
        version: one.meta.version,
        seq,
        created_at: Timestamp(one.meta.created_at),
    })
}
