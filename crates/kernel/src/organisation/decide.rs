//! Validates organisation commands.

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits, lineage};

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
        Command::AllowTraining { id, allowed } => {
            let missing = || Reject::not_found("organisation", id);
            let found = state.organisations.get(id).ok_or_else(missing)?;
            if found.training_allowed == *allowed {
                return Ok(Vec::new());
            }
            let event = Event::TrainingAllowed { id: *id, allowed: *allowed };
            let mut events = vec![crate::Event::Organisation(event)];
            if !allowed {
                events.extend(lineage::stop_training(state, *id));
            }
            Ok(events)
        }
    }
}
