//! Folds site events.

use super::{Event, Site};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, name, config } => {
            let site = Site {
                id: *id,
                name: name.clone(),
                config: config.clone(),
                meta: Meta::new(stamp),
            };
            state.sites.insert(*id, site);
        }
        Event::Updated { id, config } => {
            if let Some(site) = state.sites.get_mut(id) {
                site.config = config.clone();
                site.meta.touch(stamp);
            }
            state.decisions.forget(|ask| ask.site == *id);
        }
    }
}
