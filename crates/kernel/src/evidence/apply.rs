//! Folds evidence events.

use super::{Event, Evidence};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Recorded { id, claim } => {
            let evidence = Evidence {
                id: *id,
                claim: claim.clone(),
                recorded_by: stamp.actor,
                withdrawn_at: None,
                meta: Meta::new(stamp),
            };
            state.evidence.insert(*id, evidence);
        }
        Event::Withdrawn { id } => {
            if let Some(evidence) = state.evidence.get_mut(id) {
                evidence.withdrawn_at = Some(stamp.at);
                evidence.meta.touch(stamp);
            }
        }
    }
}
