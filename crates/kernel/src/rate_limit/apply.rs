//! Folds events of rate limits.

use super::{Event, RateLimit};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Set { id, owner, terms } => {
            if let Some(limit) = state.rate_limits.get_mut(id) {
                limit.terms = *terms;
                limit.meta.touch(stamp);
                return;
            }
            state.index.rate_limits.insert(*owner, *id);
            let (id, owner, terms) = (*id, *owner, *terms);
            state.rate_limits.insert(id, RateLimit { id, owner, terms, meta: Meta::new(stamp) });
        }
        Event::Deleted { id, owner } => {
            state.rate_limits.remove(id);
            state.index.rate_limits.remove(owner);
        }
    }
}
