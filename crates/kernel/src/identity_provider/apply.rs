//! Folds provider events.

use super::{Event, IdentityProvider};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, home, name, config, secret } => {
            let provider = IdentityProvider {
                id: *id,
                home: *home,
                name: name.clone(),
                config: config.clone(),
                secret: *secret,
                meta: Meta::new(stamp),
            };
            state.identity_providers.insert(*id, provider);
        }
        Event::Replaced { id, config, secret, .. } => {
            if let Some(provider) = state.identity_providers.get_mut(id) {
                provider.config = config.clone();
                provider.secret = *secret;
                provider.meta.touch(stamp);
            }
        }
        Event::Deleted { id, .. } => {
            state.identity_providers.remove(id);
        }
    }
}
