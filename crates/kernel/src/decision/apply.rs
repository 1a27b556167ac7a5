//! Folds decisions into the table of answers that still hold, and forgets what a change touches.

use policy::{Ask, Decision, Question, Recorded};

use super::Event;
use crate::{Stamp, State, access::Scope, limits};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Made(made) => record(state, stamp.seq, &made.question, &made.decision),
    }
}

/// A refusal is an answer as well: it is not asked again until something changes.
pub(crate) fn refused(state: &mut State, question: &Question, decision: &Decision, seq: u64) {
    record(state, seq, question, decision);
}

fn record(state: &mut State, seq: u64, question: &Question, decision: &Decision) {
    if let Some(ask) = Ask::of(question) {
        let one = Recorded { ask, decision: decision.clone() };
        state.decisions.record(seq, one, limits::DECISIONS_KEPT);
    }
}

/// Forgets the answers that policies of this scope had a part in.
pub(crate) fn forget_scope(state: &mut State, scope: Scope) {
    let projects = &state.projects;
    state.decisions.forget(|ask| match (scope, ask.project) {
        (Scope::Platform, _) => true,
        (Scope::Organisation(_) | Scope::Project(_), None) => false,
        (Scope::Organisation(id), Some(project)) => {
            projects.get(&project).is_none_or(|project| project.organisation == id)
        }
        (Scope::Project(id), Some(project)) => project == id,
    });
}
