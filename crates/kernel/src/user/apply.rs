//! Folds user events.

use super::{Event, Status, User};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    if let Event::Created { id, home, commitment } = event {
        let (status, meta) = (Status::Active, Meta::new(stamp));
        let user = User { id: *id, home: *home, status, commitment: *commitment, meta };
        state.users.insert(*id, user);
        return;
    }
    let Some(user) = state.users.get_mut(&event.id()) else { return };
    match event {
        Event::Created { .. } => {}
        Event::Suspended { .. } => user.status = Status::Suspended,
        Event::Resumed { .. } => user.status = Status::Active,
        Event::DataReplaced { commitment, .. } => user.commitment = *commitment,
    }
    user.meta.touch(stamp);
}
