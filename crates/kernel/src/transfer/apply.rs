//! Folds transfer events.

use super::{Event, Transfer};
use crate::{Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Begun { organisation, origin, digest } => {
            let transfer = Transfer {
                origin: origin.clone(),
                digest: *digest,
                begun_at: stamp.at,
                finished_at: None,
            };
            state.transfers.insert(*organisation, transfer);
        }
        Event::Finished { organisation } => {
            if let Some(transfer) = state.transfers.get_mut(organisation) {
                transfer.finished_at = Some(stamp.at);
            }
        }
    }
}
