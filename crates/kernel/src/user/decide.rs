//! Validates user commands.

use units::{Id, kinds};

use super::{Command, Event, Status, get};
use crate::{Ctx, Reject, State, erasure, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    _ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { id, home, commitment } => {
            home_exists(state, *home)?;
            home.map_or(Ok(()), |organisation| erasure::require_open(state, organisation))?;
            Reject::limit("users", state.users.len(), limits::USERS_MAX)?;
            if state.users.contains_key(id) {
                return Err(Reject::NameTaken { kind: "user", name: id.to_string() });
            }
            Event::Created { id: *id, home: *home, commitment: *commitment }
        }
        Command::Suspend { id } => match get(state, *id)?.status {
            Status::Active => Event::Suspended { id: *id },
            Status::Suspended => return Ok(Vec::new()),
        },
        Command::Resume { id } => match get(state, *id)?.status {
            Status::Suspended => Event::Resumed { id: *id },
            Status::Active => return Ok(Vec::new()),
        },
        Command::ReplaceData { id, commitment } => {
            if get(state, *id)?.commitment == *commitment {
                return Ok(Vec::new());
            }
            Event::DataReplaced { id: *id, commitment: *commitment }
        }
    };
    Ok(vec![crate::Event::User(event)])
}

/// Where users and groups belong must exist.
pub(crate) fn home_exists(
    state: &State,
    home: Option<Id<kinds::Organisation>>,
) -> Result<(), Reject> {
    match home {
        Some(id) if !state.organisations.contains_key(&id) => {
            Err(Reject::not_found("organisation", id))
        }
        Some(_) | None => Ok(()),
    }
}
