//! Folds events about service accounts.

use super::{Event, ServiceAccount};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, scope, name, owner, expires_at } => {
            state.index.service_account_names.insert((*scope, name.clone()), *id);
            let account = ServiceAccount {
                id: *id,
                scope: *scope,
                name: name.clone(),
                owner: *owner,
                expires_at: *expires_at,
                meta: Meta::new(stamp),
            };
            state.service_accounts.insert(*id, account);
        }
        Event::Renewed { id, expires_at } => {
            if let Some(account) = state.service_accounts.get_mut(id) {
                account.expires_at = *expires_at;
                account.meta.touch(stamp);
            }
        }
        Event::Assigned { id, owner } => {
            if let Some(account) = state.service_accounts.get_mut(id) {
                account.owner = *owner;
                account.meta.touch(stamp);
            }
        }
        Event::Deleted { id, .. } => {
            if let Some(account) = state.service_accounts.remove(id) {
                state.index.service_account_names.remove(&(account.scope, account.name));
            }
        }
    }
}
