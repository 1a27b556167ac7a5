//! Validates project commands.

use super::{Command, Event, guardrail};
use crate::{Ctx, Reject, State, erasure, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { organisation, name } => {
            Reject::limit("projects", state.projects.len(), limits::PROJECTS_MAX)?;
            erasure::require_open(state, *organisation)?;
            if state.index.project_names.contains_key(&(*organisation, name.clone())) {
                return Err(Reject::NameTaken { kind: "project", name: name.to_string() });
            }
            let event =
                Event::Created { id: ctx.id(0), organisation: *organisation, name: name.clone() };
            Ok(vec![crate::Event::Project(event)])
        }
        Command::SetGuardrails { id, guardrails } => {
            let project = super::get(state, *id)?;
            erasure::require_open(state, project.organisation)?;
            guardrail::check(state, (*id, &project.guardrails), guardrails)?;
            if project.guardrails == *guardrails {
                return Ok(Vec::new());
            }
            let guardrails = guardrails.clone();
            let event = Event::GuardrailsSet { id: *id, guardrails };
            Ok(vec![crate::Event::Project(event)])
        }
    }
}
