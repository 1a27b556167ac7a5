//! Validates commands about places of storage; asks the policy of the platform first.

use policy::{Action, Ask, Category};
use units::{DataClass, Id, kinds};

use super::{Command, Event, Purpose, sending};
use crate::{
    Ctx, Reject, State, Subject,
    decision::{self, No},
    limits,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Register { name, purpose, site, operator_entity, owner_entity } => {
            Reject::limit("places of storage", state.storages.len(), limits::STORAGES_MAX)?;
            if state.storages.values().any(|one| one.name == *name) {
                return Err(Reject::NameTaken { kind: "storage", name: name.to_string() });
            }
            if !state.sites.contains_key(site) {
                return Err(Reject::not_found("site", site));
            }
            for entity in [operator_entity, owner_entity].into_iter().flatten() {
                if !state.entities.contains_key(entity) {
                    return Err(Reject::not_found("entity", entity));
                }
            }
            let id: Id<kinds::Storage> = ctx.id(0);
            let mut events = Vec::new();
            let mut decided = Vec::new();
            for ask in asks(*purpose, *site) {
                let made = decision::require(state, &mut events, &ask, id.into());
                let (seq, _) = made.map_err(|no| no.refuse(name.to_string()))?;
                decided.push(seq);
            }
            events.push(crate::Event::Storage(Event::Registered {
                id,
                name: name.clone(),
                purpose: *purpose,
                site: *site,
                operator_entity: *operator_entity,
                owner_entity: *owner_entity,
                decided,
            }));
            Ok(events)
        }
        Command::Send { id, what } => sending::decide(state, *id, *what),
        Command::Retire { id } => {
            let found = state.storages.get(id).ok_or_else(|| Reject::not_found("storage", id))?;
            if found.retired_at.is_some() {
                return Ok(Vec::new());
            }
            Ok(vec![crate::Event::Storage(Event::Retired { id: *id })])
        }
    }
}

/// What must be allowed before data of a purpose comes to a site. The platform asks for itself, and
/// as for confidential data: restricted data of a tenant needs that tenant's own permit.
pub(crate) fn asks(purpose: Purpose, site: Id<kinds::Site>) -> impl Iterator<Item = Ask> {
    purpose.categories().iter().map(move |category| Ask {
        project: None,
        action: Action::Move,
        class: DataClass::Confidential,
        category: *category,
        residency: None,
        site,
    })
}

/// The question about a tenant's artefact of this class where artefacts are kept; nothing while no
/// such place is registered.
pub(crate) fn artefact_ask(
    state: &State,
    (project, class): (Id<kinds::Project>, DataClass),
) -> Option<Ask> {
    let site = super::in_use(state, Purpose::Artefacts)?.site;
    let (action, category) = (Action::Move, Category::Customer);
    Some(Ask { project: Some(project), action, class, category, residency: None, site })
}

/// The positions of the decisions that allow an artefact to be kept.
pub(crate) fn require_artefact(
    state: &State,
    events: &mut Vec<crate::Event>,
    moved: (Id<kinds::Project>, DataClass),
    about: Subject,
) -> Result<Vec<u64>, No> {
    let Some(ask) = artefact_ask(state, moved) else { return Ok(Vec::new()) };
    decision::require(state, events, &ask, about).map(|(seq, _)| vec![seq])
}
