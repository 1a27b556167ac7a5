//! Validates transfer commands.

use units::{Id, kinds};

use super::{Command, Event, Transfer, admit};
use crate::{Ctx, Reject, State, limits, organisation};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Begin { organisation, name, origin, digest } => {
            if origin.is_empty() || origin.len() > limits::TEXT_BYTES_MAX {
                return Err(Reject::invalid("origin", "needs 1 to 1024 bytes"));
            }
            if let Some(known) = state.transfers.get(organisation) {
                // The same once more goes on where it stopped.
                let same = known.digest == *digest && known.finished_at.is_none();
                return if same { Ok(Vec::new()) } else { Err(exists(*organisation)) };
            }
            if state.organisations.contains_key(organisation) {
                return Err(exists(*organisation));
            }
            let create = organisation::Command::Create { name: name.clone() };
            organisation::decide(state, &create, ctx)?;
            let (id, name) = (*organisation, name.clone());
            let begun = Event::Begun { organisation: id, origin: origin.clone(), digest: *digest };
            let created = organisation::Event::Created { id, name };
            Ok(vec![crate::Event::Transfer(begun), crate::Event::Organisation(created)])
        }
        Command::Admit { organisation, item } => {
            if get(state, *organisation)?.finished_at.is_some() {
                return Err(finished(*organisation, "take more in"));
            }
            admit::admit(state, *organisation, item, ctx)
        }
        Command::Finish { organisation } => {
            if get(state, *organisation)?.finished_at.is_some() {
                return Ok(Vec::new());
            }
            Ok(vec![crate::Event::Transfer(Event::Finished { organisation: *organisation })])
        }
    }
}

fn get(state: &State, id: Id<kinds::Organisation>) -> Result<&Transfer, Reject> {
    state.transfers.get(&id).ok_or_else(|| Reject::not_found("transfer", id))
}

fn exists(id: Id<kinds::Organisation>) -> Reject {
    Reject::NameTaken { kind: "organisation", name: id.to_string() }
}

fn finished(id: Id<kinds::Organisation>, action: &'static str) -> Reject {
    let state = "finished".to_owned();
    Reject::WrongState { kind: "transfer", id: id.to_string(), state, action }
}
