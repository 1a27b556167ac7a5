//! Folds quota events.

use super::{Event, Quota};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Set { id, owner, class, terms } => {
            if let Some(quota) = state.quotas.get_mut(id) {
                quota.terms = *terms;
                quota.meta.touch(stamp);
                return;
            }
            state.index.quotas.entry(*owner).or_default().insert(class.clone(), *id);
            let quota = Quota {
                id: *id,
                owner: *owner,
                class: class.clone(),
                terms: *terms,
                meta: Meta::new(stamp),
            };
            state.quotas.insert(*id, quota);
        }
        Event::Deleted { id, owner, class } => {
            state.quotas.remove(id);
            if let Some(own) = state.index.quotas.get_mut(owner) {
                own.remove(class);
                // An owner without quotas is not in a rebuilt index either.
                if own.is_empty() {
                    state.index.quotas.remove(owner);
                }
            }
        }
    }
}
