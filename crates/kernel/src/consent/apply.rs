//! Folds events about consents.

use super::{Consent, Event};
use crate::{Meta, Stamp, State, state::Index};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Granted { id, scope, users, level, until } => {
            let consent = Consent {
                id: *id,
                scope: *scope,
                users: users.clone(),
                level: *level,
                until: *until,
                granted_by: stamp.actor,
                revoked_at: None,
                n_used: 0,
                meta: Meta::new(stamp),
            };
            index_into(&mut state.index, &consent);
            state.consents.insert(*id, consent);
        }
        Event::Revoked { id, .. } => {
            if let Some(consent) = state.consents.get_mut(id) {
                consent.revoked_at = Some(stamp.at);
                consent.meta.touch(stamp);
            }
        }
        Event::Used { id, .. } => {
            if let Some(consent) = state.consents.get_mut(id) {
                consent.n_used = consent.n_used.saturating_add(1);
                consent.meta.touch(stamp);
            }
        }
    }
}

pub(crate) fn index_into(index: &mut Index, consent: &Consent) {
    for user in &consent.users {
        index.consents.entry(*user).or_default().insert(consent.id);
    }
}
