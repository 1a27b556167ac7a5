//! Folds group events.

use std::collections::BTreeSet;

use super::{Event, Group};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, home, name } => {
            state.index.group_names.insert((*home, name.clone()), *id);
            let (name, members, meta) = (name.clone(), BTreeSet::new(), Meta::new(stamp));
            state.groups.insert(*id, Group { id: *id, home: *home, name, members, meta });
        }
        Event::MemberAdded { id, user } => {
            if let Some(group) = state.groups.get_mut(id) {
                group.members.insert(*user);
                group.meta.touch(stamp);
                state.index.memberships.entry(*user).or_default().insert(*id);
            }
        }
        Event::MemberRemoved { id, user } => {
            if let Some(group) = state.groups.get_mut(id) {
                group.members.remove(user);
                group.meta.touch(stamp);
                state.index.leaves_group(*user, *id);
            }
        }
        Event::Deleted { id, .. } => {
            if let Some(group) = state.groups.remove(id) {
                state.index.group_names.remove(&(group.home, group.name));
                for user in group.members {
                    state.index.leaves_group(user, *id);
                }
            }
        }
    }
}
