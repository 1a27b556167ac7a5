//! Validates policy commands: a text that does not compile never comes into force.

use policy::{Policies, PolicySource};

use super::{Command, Event, PolicySet, sources};
use crate::{Ctx, Reject, State, access::Scope, limits, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let Command::Set { scope, name, text } = command;
    match scope {
        Scope::Platform => {}
        Scope::Organisation(id) if !state.organisations.contains_key(id) => {
            return Err(Reject::not_found("organisation", id));
        }
        Scope::Organisation(_) => {}
        Scope::Project(id) => project::get(state, *id).map(|_| ())?,
    }
    if text.len() > limits::POLICY_BYTES_MAX {
        let limit = limits::POLICY_BYTES_MAX;
        return Err(Reject::invalid("text", format!("has {} bytes: at most {limit}", text.len())));
    }
    let replaced = existing(state, command);
    if replaced.is_none() {
        let size = state.policy_sets.values().filter(|set| set.scope == *scope).count();
        Reject::limit("policies in this scope", size, limits::POLICIES_PER_SCOPE_MAX)?;
    }
    let id = replaced.map_or_else(|| ctx.id(0), |set| set.id);
    let mut layers: Vec<PolicySource> =
        sources(state, *scope).into_iter().filter(|source| source.id != id.to_string()).collect();
    layers.push(PolicySource { id: id.to_string(), text: text.clone() });
    Policies::compile(&layers)
        .map_err(|error| Reject::invalid("text", limits::cut(&error.to_string())))?;
    let event = Event::Set { id, scope: *scope, name: name.clone(), text: text.clone() };
    Ok(vec![crate::Event::PolicySet(event)])
}

/// The source that a command would replace.
pub(crate) fn existing<'a>(state: &'a State, command: &Command) -> Option<&'a PolicySet> {
    let Command::Set { scope, name, .. } = command;
    state.policy_sets.values().find(|set| set.scope == *scope && set.name == *name)
}
