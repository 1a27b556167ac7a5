//! Folds key events.

use super::{Event, Key};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, name, scope, role, secret_hash, expires_at } => {
            state.index.key_hashes.insert(*secret_hash, *id);
            let key = Key {
                id: *id,
                name: name.clone(),
                scope: *scope,
                role: *role,
                secret_hash: *secret_hash,
                expires_at: *expires_at,
                revoked_at: None,
                meta: Meta::new(stamp),
            };
            state.keys.insert(*id, key);
        }
        Event::Revoked { id } => {
            if let Some(key) = state.keys.get_mut(id) {
                key.revoked_at = Some(stamp.at);
                key.meta.touch(stamp);
            }
        }
    }
}
