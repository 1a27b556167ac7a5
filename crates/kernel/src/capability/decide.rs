//! Validates commands about capability tokens.

use super::{Command, Event, Holder};
use crate::{Ctx, Reject, State, limits, user};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    _ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Revoke { holder, block } => {
            match holder {
                Holder::Key(id) if !state.keys.contains_key(id) => {
                    return Err(Reject::not_found("key", id));
                }
                Holder::Key(_) => {}
                Holder::User(id) => user::get(state, *id).map(|_| ())?,
            }
            if state.revoked_capabilities.contains_key(block) {
                return Ok(Vec::new());
            }
            // Those of keys that are revoked themselves are forgotten by `apply`, so this is met only
            // by holders of valid keys; their last way is to revoke the key.
            Reject::limit(
                "revoked capability tokens",
                state.revoked_capabilities.len(),
                limits::REVOKED_CAPABILITIES_MAX,
            )?;
            Event::Revoked { holder: *holder, block: *block }
        }
    };
    Ok(vec![crate::Event::Capability(event)])
}
