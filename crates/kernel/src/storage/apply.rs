//! Folds events about places of storage.

use super::{Event, Storage};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Registered { id, name, purpose, site, operator_entity, owner_entity, decided } => {
            let storage = Storage {
                id: *id,
                name: name.clone(),
                purpose: *purpose,
                site: *site,
                operator_entity: *operator_entity,
                owner_entity: *owner_entity,
                decided: decided.clone(),
                retired_at: None,
                meta: Meta::new(stamp),
            };
            state.storages.insert(*id, storage);
        }
        // What left is in the log; nothing here changes by it.
        Event::Sent { .. } => {}
        Event::Retired { id } => {
            if let Some(storage) = state.storages.get_mut(id) {
                storage.retired_at = Some(stamp.at);
                storage.meta.touch(stamp);
            }
        }
    }
}
