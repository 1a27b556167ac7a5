//! Folds events about capability tokens.

use super::{Event, Holder, Revoked};
use crate::{Stamp, State, limits};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Revoked { holder, block } => {
            let revoked = Revoked { holder: *holder, at: stamp.at };
            state.revoked_capabilities.insert(*block, revoked);
        }
    }
    if state.revoked_capabilities.len() >= limits::REVOKED_CAPABILITIES_MAX {
        forget(state, stamp);
    }
}

/// What carried the rights of a key that is revoked or has expired opens nothing anyway.
fn forget(state: &mut State, stamp: &Stamp) {
    let keys = &state.keys;
    state.revoked_capabilities.retain(|_, revoked| match revoked.holder {
        Holder::Key(id) => keys.get(&id).is_some_and(|key| key.is_valid_at(stamp.at)),
        Holder::User(_) => true,
    });
}
