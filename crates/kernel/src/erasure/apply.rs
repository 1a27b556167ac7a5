//! Folds erasure events.

use units::{Id, kinds};

use super::{Erasure, Event, Phase, Target};
use crate::{Meta, Stamp, State, dataset};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Requested { id, target, switch, due_at } => {
            let erasure = Erasure {
                id: *id,
                target: *target,
                switch: *switch,
                due_at: *due_at,
                phase: Phase::Waiting,
                meta: Meta::new(stamp),
            };
            state.erasures.insert(*id, erasure);
        }
        Event::Cancelled { id } => to(state, *id, Phase::Cancelled { at: stamp.at }, stamp),
        Event::Begun { id, .. } => {
            to(state, *id, Phase::Begun { at: stamp.at }, stamp);
            let target = state.erasures.get(id).map(|erasure| erasure.target);
            match target {
                Some(Target::Dataset(dataset)) => {
                    if let Some(dataset) = state.datasets.get_mut(&dataset) {
                        dataset.erased_at = Some(stamp.at);
                        dataset.meta.touch(stamp);
                    }
                }
                Some(Target::Organisation(organisation)) => {
                    if let Some(organisation) = state.organisations.get_mut(&organisation) {
                        organisation.closed_at = Some(stamp.at);
                        organisation.meta.touch(stamp);
                    }
                }
                Some(Target::Versions { dataset, through }) => {
                    if let Some(dataset) = state.datasets.get_mut(&dataset) {
                        dataset.erased_through = dataset.erased_through.max(through);
                        dataset.meta.touch(stamp);
                    }
                }
                Some(Target::User { .. }) | None => {}
            }
        }
        Event::Done { id, destroyed, list, .. } => {
            let target = state.erasures.get(id).map(|erasure| erasure.target);
            if let Some(Target::Versions { dataset, through }) = target {
                dataset::forget(state, dataset, through);
                // One a day for each project would fill the state; the log keeps them.
                state.erasures.remove(id);
                return;
            }
            let done = Phase::Done { at: stamp.at, destroyed: *destroyed, list: *list };
            to(state, *id, done, stamp);
        }
    }
}

fn to(state: &mut State, id: Id<kinds::Erasure>, phase: Phase, stamp: &Stamp) {
    if let Some(erasure) = state.erasures.get_mut(&id) {
        erasure.phase = phase;
        erasure.meta.touch(stamp);
    }
}
