//! Folds upstream events.

use super::{Event, Upstream};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Registered { id, project, name, site, config, secret } => {
            let upstream = Upstream {
                id: *id,
                project: *project,
                name: name.clone(),
                site: *site,
                config: config.clone(),
                secret: *secret,
                meta: Meta::new(stamp),
            };
            state.upstreams.insert(*id, upstream);
        }
        Event::Replaced { id, config, secret, .. } => {
            if let Some(upstream) = state.upstreams.get_mut(id) {
                upstream.config = config.clone();
                upstream.secret = *secret;
                upstream.meta.touch(stamp);
            }
        }
        Event::Deleted { id, .. } => {
            state.upstreams.remove(id);
        }
    }
}
