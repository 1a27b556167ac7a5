//! Folds events about custom roles.

use super::{Event, Role};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, organisation, name, permissions } => {
            state.index.role_names.insert((*organisation, name.clone()), *id);
            let role = Role {
                id: *id,
                organisation: *organisation,
                name: name.clone(),
                permissions: permissions.clone(),
                meta: Meta::new(stamp),
            };
            state.index.role_masks.insert(*id, role.mask());
            state.roles.insert(*id, role);
        }
        Event::Changed { id, permissions } => {
            if let Some(role) = state.roles.get_mut(id) {
                role.permissions.clone_from(permissions);
                role.meta.touch(stamp);
                state.index.role_masks.insert(*id, role.mask());
            }
        }
        Event::Deleted { id, .. } => {
            state.index.role_masks.remove(id);
            if let Some(role) = state.roles.remove(id) {
                state.index.role_names.remove(&(role.organisation, role.name));
            }
        }
    }
}
