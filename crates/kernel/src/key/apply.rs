//! Folds key events.

use super::{Event, Key, Limits};
use crate::{Meta, Stamp, State, organisation, state::Index};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, name, scope, role, secret_hash, expires_at } => {
            let key = Key {
                id: *id,
                name: name.clone(),
                scope: *scope,
                role: *role,
                secret_hash: *secret_hash,
                expires_at: *expires_at,
                revoked_at: None,
                owner: None,
                limits: Limits::default(),
                earlier: None,
                meta: Meta::new(stamp),
            };
            insert(state, key, stamp);
        }
        Event::Issued { id, name, scope, role, secret_hash, expires_at, owner, limits } => {
            let key = Key {
                id: *id,
                name: name.clone(),
                scope: *scope,
                role: *role,
                secret_hash: *secret_hash,
                expires_at: *expires_at,
                revoked_at: None,
                owner: *owner,
                limits: limits.clone(),
                earlier: None,
                meta: Meta::new(stamp),
            };
            insert(state, key, stamp);
        }
        Event::Revoked { id } => {
            if let Some(key) = state.keys.get_mut(id) {
                key.revoked_at = Some(stamp.at);
                key.meta.touch(stamp);
            }
        }
        Event::Rotated { id, secret_hash, earlier_until } => {
            let Some(key) = state.keys.get_mut(id) else { return };
            if let Some((forgotten, _)) = key.earlier {
                state.index.key_hashes.remove(&forgotten);
            }
            key.earlier = Some((key.secret_hash, *earlier_until));
            key.secret_hash = *secret_hash;
            key.meta.touch(stamp);
            index_into(&mut state.index, key);
        }
    }
}

fn insert(state: &mut State, key: Key, stamp: &Stamp) {
    index_into(&mut state.index, &key);
    organisation::seal(state, (key.role, key.scope), stamp);
    state.keys.insert(key.id, key);
}

/// Both secrets find the key; whether they open it is a question of time.
pub(crate) fn index_into(index: &mut Index, key: &Key) {
    index.key_hashes.insert(key.secret_hash, key.id);
    if let Some((earlier, _)) = key.earlier {
        index.key_hashes.insert(earlier, key.id);
    }
}
