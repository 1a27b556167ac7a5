//! Folds organisation events.

use super::{Event, Organisation};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, name } => {
            state.index.organisation_names.insert(name.clone(), *id);
            let organisation = Organisation {
                id: *id,
                name: name.clone(),
                training_allowed: false,
                closed_at: None,
                sealed_at: None,
                meta: Meta::new(stamp),
            };
            state.organisations.insert(*id, organisation);
        }
        Event::TrainingAllowed { id, allowed } => {
            if let Some(organisation) = state.organisations.get_mut(id) {
                organisation.training_allowed = *allowed;
                organisation.meta.touch(stamp);
            }
        }
    }
}
