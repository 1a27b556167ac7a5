//! Folds project events.

use super::{Event, Project};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, organisation, name } => {
            state.index.project_names.insert((*organisation, name.clone()), *id);
            let project = Project {
                id: *id,
                organisation: *organisation,
                name: name.clone(),
                guardrails: Vec::new(),
                capture: None,
                meta: Meta::new(stamp),
            };
            state.projects.insert(*id, project);
        }
        Event::GuardrailsSet { id, guardrails } => {
            if let Some(project) = state.projects.get_mut(id) {
                project.guardrails.clone_from(guardrails);
                project.meta.touch(stamp);
            }
        }
        Event::CaptureSet { id, capture } => {
            if let Some(project) = state.projects.get_mut(id) {
                project.capture = *capture;
                project.meta.touch(stamp);
            }
        }
    }
}
