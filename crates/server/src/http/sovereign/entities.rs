//! Legal entities: register, replace, list, get. Every reader may know who stands behind the platform.

use api::{
    nouns::{
        common::Page,
        entity::{
            Entity, EntityCreate, EntityFacts, EntityForm, EntityGet, EntityHolder, EntityList,
            EntityPut, OwnershipVerdict,
        },
    },
    reference::Ref,
    text::Timestamp,
};
use kernel::{Command, State, Subject, entity};
use policy::ownership::{Facts, Finding, Form, Holding, Jurisdiction, Of, Verdict};
use units::{Id, kinds};

use crate::http::{
    fail::Fail,
    mount::{Call, as_of},
    page, require_operator, unexpected,
};

/// `POST /api/v1/entities`
pub(crate) async fn create(call: Call<EntityCreate>) -> Result<Entity, Fail> {
    require_operator(&call)?;
    let name = call.body.name.clone();
    let facts = call.read(|state| facts(state, &call.body.facts))?;
    let command = Command::Entity(entity::Command::Register { name, facts });
    let accepted = call.submit(command).await?;
    let Some(Subject::Entity(id)) = accepted.subject else { return Err(unexpected()) };
    show(&call, id, accepted.seq)
}

/// `PUT /api/v1/entities/{id}`
pub(crate) async fn put(call: Call<EntityPut>) -> Result<Entity, Fail> {
    require_operator(&call)?;
    let id = call.path.id;
    let facts = call.read(|state| facts(state, &call.body))?;
    let command = Command::Entity(entity::Command::Update { id, facts });
    let accepted = call.submit(command).await?;
    show(&call, id, accepted.seq)
}

/// `GET /api/v1/entities`
pub(crate) async fn list(call: Call<EntityList>) -> Result<Page<Entity>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Entity>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let named = |one: &entity::Entity| query.name.as_ref().is_none_or(|n| *n == one.name);
        let all = state.entities.range(page::after(&wanted)).filter(|(_, one)| named(one));
        let items = all.filter_map(|(id, one)| Some((*id, dto(state, one, as_of(state))?)));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/entities/{id}`
pub(crate) async fn get(call: Call<EntityGet>) -> Result<Entity, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.entities.get(&id).and_then(|one| dto(state, one, as_of(state)));
        found.ok_or_else(|| Fail::not_found("entity", id))
    })
}

/// The entity of a reference; entities are known to every reader.
///
/// # Errors
/// 404 if there is none.
pub(crate) fn find(
    state: &State,
    reference: &Ref<kinds::Entity>,
) -> Result<Id<kinds::Entity>, Fail> {
    let id = match reference {
        Ref::Id(id) => state.entities.contains_key(id).then_some(*id),
        Ref::Name(name) => state.entities.values().find(|one| one.name == *name).map(|e| e.id),
    };
    id.ok_or_else(|| {
        Fail::not_found("entity", reference)
            .remedy("register it first: `cocarde entity create NAME --legal-name … --seat …`")
    })
}

fn show<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Entity>,
    seq: u64,
) -> Result<Entity, Fail> {
    let found = call.read(|state| state.entities.get(&id).and_then(|one| dto(state, one, seq)));
    found.ok_or_else(unexpected)
}

fn facts(state: &State, given: &EntityFacts) -> Result<Facts, Fail> {
    let holding = |one: &EntityHolder| {
        Ok(Holding {
            holder: find(state, &one.holder)?,
            capital_bp: one.capital_bp,
            votes_bp: one.votes_bp,
            veto: one.veto,
            board_majority: one.board_majority,
        })
    };
    Ok(Facts {
        legal_name: given.legal_name.clone(),
        seat: given.seat,
        administration: given.administration,
        form: match given.form {
            EntityForm::Company => Form::Company,
            EntityForm::PublicBody => Form::PublicBody,
            EntityForm::Persons => Form::Persons,
        },
        listed: given.listed,
        holders: given.holders.iter().map(holding).collect::<Result<Vec<_>, Fail>>()?,
    })
}

fn dto(state: &State, one: &entity::Entity, seq: u64) -> Option<Entity> {
    let assessment = entity::assessment(state, one.id)?;
    let controller = match assessment.jurisdiction {
        Jurisdiction::Known { controller, .. } => controller,
        Jurisdiction::Unknown => None,
    };
    let holder = |one: &Holding| EntityHolder {
        holder: Ref::Id(one.holder),
        capital_bp: one.capital_bp,
        votes_bp: one.votes_bp,
        veto: one.veto,
        board_majority: one.board_majority,
    };
    let facts = &one.facts;
    Some(Entity {
        id: one.id,
        name: one.name.clone(),
        facts: EntityFacts {
            legal_name: facts.legal_name.clone(),
            seat: facts.seat,
            administration: facts.administration,
            form: match facts.form {
                Form::Company => EntityForm::Company,
                Form::PublicBody => EntityForm::PublicBody,
                Form::Persons => EntityForm::Persons,
            },
            listed: facts.listed,
            holders: facts.holders.iter().map(holder).collect(),
        },
        ownership: match assessment.verdict {
            Verdict::Met => OwnershipVerdict::Met,
            Verdict::NotMet => OwnershipVerdict::NotMet,
            Verdict::Unknown => OwnershipVerdict::Unknown,
        },
        findings: assessment.findings.iter().map(|finding| text(state, finding)).collect(),
        largest_foreign_bp: assessment.largest_foreign_bp,
        foreign_bp: assessment.foreign_bp,
        jurisdiction: assessment.jurisdiction.country(),
        controller,
        version: one.meta.version,
        seq,
        created_at: Timestamp(one.meta.created_at),
    })
}

/// A finding for people.
pub(crate) fn text(state: &State, finding: &Finding) -> String {
    let name = |id: &Id<kinds::Entity>| {
        state.entities.get(id).map_or_else(|| id.to_string(), |one| format!("`{}`", one.name))
    };
    let what = |of: &Of| match of {
        Of::Capital => "the capital",
        Of::Votes => "the votes",
    };
    let percent = |bp: u32| format!("{}.{:02} %", bp / 100, bp % 100);
    match finding {
        Finding::SeatOutside { country } => {
            format!("seat or central administration is in {country}, outside the Union")
        }
        Finding::HolderAbove { holder, of, share_bp } => {
            format!("{} holds {} of {}, more than 24 %", name(holder), percent(*share_bp), what(of))
        }
        Finding::TogetherAbove { of, share_bp } => format!(
            "holders outside the Union have {} of {} together, more than 39 %",
            percent(*share_bp),
            what(of)
        ),
        Finding::Veto { holder, entity } => {
            format!("{} may veto decisions of {}", name(holder), name(entity))
        }
        Finding::BoardMajority { holder, entity } => {
            format!("{} may appoint most of a board of {}", name(holder), name(entity))
        }
        Finding::Undeclared { of, share_bp } => format!(
            "nobody declared whose {} of {} are: name the holders",
            percent(*share_bp),
            what(of)
        ),
        Finding::NotRegistered { holder } => format!("holder {holder} is not registered"),
    }
}
