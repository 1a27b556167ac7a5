//! Folds events about bindings.

use super::{Binding, Event};
use crate::{Meta, Stamp, State, organisation, state::Index};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, role, principal, scope, expires_at } => {
            let binding = Binding {
                id: *id,
                role: *role,
                principal: *principal,
                scope: *scope,
                expires_at: *expires_at,
                meta: Meta::new(stamp),
            };
            index_into(&mut state.index, &binding);
            if let super::Role::BuiltIn(role) = binding.role {
                organisation::seal(state, (role, binding.scope), stamp);
            }
            state.bindings.insert(*id, binding);
        }
        Event::Deleted { id, .. } => {
            let Some(binding) = state.bindings.remove(id) else { return };
            if let Some(of_principal) = state.index.bindings.get_mut(&binding.principal) {
                of_principal.remove(id);
                if of_principal.is_empty() {
                    state.index.bindings.remove(&binding.principal);
                }
            }
        }
    }
}

pub(crate) fn index_into(index: &mut Index, binding: &Binding) {
    index.bindings.entry(binding.principal).or_default().insert(binding.id);
}
