//! Folds entity events and keeps what follows from the register.

use std::collections::BTreeMap;

use policy::ownership::{self, Assessment};
use units::{Id, kinds};

use super::{Entity, Event, Register};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Registered { id, name, facts } => {
            let entity = Entity {
                id: *id,
                name: name.clone(),
                facts: facts.clone(),
                meta: Meta::new(stamp),
            };
            state.entities.insert(*id, entity);
        }
        Event::Updated { id, facts } => {
            if let Some(entity) = state.entities.get_mut(id) {
                entity.facts = facts.clone();
                entity.meta.touch(stamp);
            }
            // Anyone may be above anyone: every answer that knew of an entity is asked anew.
            state.decisions.forget(|_| true);
        }
    }
    state.index.assessments = assessments(&state.entities);
}

/// What follows from the register, for every entity: shares reach through all of it.
pub(crate) fn assessments(
    entities: &BTreeMap<Id<kinds::Entity>, Entity>,
) -> BTreeMap<Id<kinds::Entity>, Assessment> {
    let register = Register(entities);
    let all = entities.keys();
    all.filter_map(|id| Some((*id, ownership::assess(&register, *id)?))).collect()
}
