//! Folds reservation events.

use units::{Id, UnixMicros, kinds};

use super::{Event, Reservation};
use crate::{Meta, Stamp, State, limits};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, name, holder, site, nodes, window } => {
            forget_one(state, stamp.at);
            for node in nodes {
                state.index.reservations.entry(*node).or_default().insert(*id);
            }
            let reservation = Reservation {
                id: *id,
                name: name.clone(),
                holder: *holder,
                site: *site,
                nodes: nodes.clone(),
                window: *window,
                cancelled_at: None,
                meta: Meta::new(stamp),
            };
            state.reservations.insert(*id, reservation);
        }
        Event::Cancelled { id } => {
            unlink(state, *id);
            if let Some(reservation) = state.reservations.get_mut(id) {
                reservation.cancelled_at = Some(stamp.at);
                reservation.meta.touch(stamp);
            }
        }
    }
}

/// Forgets the oldest reservation that is over when too many are kept; it stays in the log.
fn forget_one(state: &mut State, now: UnixMicros) {
    if state.reservations.len() < limits::RESERVATIONS_KEPT {
        return;
    }
    let over = state.reservations.iter().find(|(_, reservation)| !reservation.is_open(now));
    let Some(id) = over.map(|(id, _)| *id) else { return };
    unlink(state, id);
    state.reservations.remove(&id);
}

/// Takes a reservation out of the index of its nodes.
fn unlink(state: &mut State, id: Id<kinds::Reservation>) {
    let Some(reservation) = state.reservations.get(&id) else { return };
    for node in &reservation.nodes {
        if let Some(ids) = state.index.reservations.get_mut(node) {
            ids.remove(&id);
            if ids.is_empty() {
                state.index.reservations.remove(node);
            }
        }
    }
}
