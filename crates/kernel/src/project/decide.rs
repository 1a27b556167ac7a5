//! Validates project commands.

use super::{Command, Event, capture, guardrail};
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
            let mut events = Vec::new();
            guardrail::require(state, *id, guardrails, &mut events)?;
            // Set again, they open what was not asked of policy yet.
            if project.guardrails == *guardrails && events.is_empty() {
                return Ok(events);
            }
            let guardrails = guardrails.clone();
            let event = Event::GuardrailsSet { id: *id, guardrails };
            events.push(crate::Event::Project(event));
            Ok(events)
        }
        Command::SetCapture { id, capture, keep_days } => {
            capture::set(state, *id, *capture, *keep_days)
        }
        Command::StopCapture { id } => {
            let stopped = super::get(state, *id)?.capture.is_some();
            let event = Event::CaptureSet { id: *id, capture: None };
            Ok(stopped.then_some(crate::Event::Project(event)).into_iter().collect())
        }
    }
}
