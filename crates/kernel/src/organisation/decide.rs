//! Validates organisation commands.

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { name } => {
            Reject::limit("organisations", state.organisations.len(), limits::ORGANISATIONS_MAX)?;
            if state.organisation_by_name(name).is_some() {
                return Err(Reject::NameTaken { kind: "organisation", name: name.to_string() });
            }
            let event = Event::Created { id: ctx.id(0), name: name.clone() };
            Ok(vec![crate::Event::Organisation(event)])
        }
    }
}
