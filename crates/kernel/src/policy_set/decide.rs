//! Validates policy commands: a text that does not compile never comes into force.

use policy::{Policies, PolicySource};

use units::{Id, Name, kinds};

use super::{Command, Event, PolicySet, RESIDENCY_NAME, residency, sources};
use crate::{Ctx, Reject, State, access::Scope, limits, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Set { scope, name, text } => {
            if name.as_str() == RESIDENCY_NAME {
                let message =
                    "is kept for typed rules: use `cocarde policy residency`, or another name";
                return Err(Reject::invalid("name", message));
            }
            let id = admit(state, (*scope, name), text, ctx)?;
            Event::Set { id, scope: *scope, name: name.clone(), text: text.clone() }
        }
        Command::SetResidency { scope, residency } => {
            if residency.rules.len() > RULES_MAX
                || residency.rules.iter().any(|rule| rule.countries.len() > COUNTRIES_MAX)
            {
                let message = "at most 64 rules of at most 250 countries";
                return Err(Reject::invalid("rules", message));
            }
            let residency = residency.normalised();
            if let Some((wider, loosened)) = residency::loosened(state, *scope, &residency) {
                return Err(Reject::invalid("rules", too_wide(wider, loosened)));
            }
            let name: Name = RESIDENCY_NAME.parse().map_err(|error: units::ParseNameError| {
                Reject::invalid("name", error.to_string())
            })?;
            let text = residency.to_cedar();
            let id = admit(state, (*scope, &name), &text, ctx)?;
            let set = state.policy_sets.get(&id);
            if set.is_some_and(|set| set.residency.as_ref() == Some(&residency) && set.text == text)
            {
                return Ok(Vec::new());
            }
            Event::ResidencySet { id, scope: *scope, name, residency, text }
        }
    };
    Ok(vec![crate::Event::PolicySet(event)])
}

/// Rules of one scope: more than there are categories and operations.
const RULES_MAX: usize = 64;
/// Countries of one rule.
const COUNTRIES_MAX: usize = 250;

fn too_wide(wider: Scope, loosened: policy::Loosened) -> String {
    let of = match wider {
        Scope::Platform => "the platform",
        Scope::Organisation(_) | Scope::Project(_) => "the organisation",
    };
    let (category, operation, country) = (loosened.category, loosened.operation, loosened.country);
    format!(
        "`{country}` to {operation} {category} data is more than {of} allows: leave it out, or ask \
         for it there first"
    )
}

/// The id under which a text comes into force, if it may.
fn admit(
    state: &State,
    (scope, name): (Scope, &Name),
    text: &str,
    ctx: &Ctx,
) -> Result<Id<kinds::Policy>, Reject> {
    match scope {
        Scope::Platform => {}
        Scope::Organisation(id) if !state.organisations.contains_key(&id) => {
            return Err(Reject::not_found("organisation", id));
        }
        Scope::Organisation(_) => {}
        Scope::Project(id) => project::get(state, id).map(|_| ())?,
    }
    if text.len() > limits::POLICY_BYTES_MAX {
        let limit = limits::POLICY_BYTES_MAX;
        return Err(Reject::invalid("text", format!("has {} bytes: at most {limit}", text.len())));
    }
    let replaced = named(state, scope, name);
    if replaced.is_none() {
        let size = state.policy_sets.values().filter(|set| set.scope == scope).count();
        Reject::limit("policies in this scope", size, limits::POLICIES_PER_SCOPE_MAX)?;
    }
    let id = replaced.map_or_else(|| ctx.id(0), |set| set.id);
    let mut layers: Vec<PolicySource> =
        sources(state, scope).into_iter().filter(|source| source.id != id.to_string()).collect();
    layers.push(PolicySource { id: id.to_string(), text: text.to_owned() });
    Policies::compile(&layers)
        .map_err(|error| Reject::invalid("text", limits::cut(&error.to_string())))?;
    Ok(id)
}

fn named<'a>(state: &'a State, scope: Scope, name: &Name) -> Option<&'a PolicySet> {
    state.policy_sets.values().find(|set| set.scope == scope && set.name == *name)
}

/// The source that a command would replace.
pub(crate) fn existing<'a>(state: &'a State, command: &Command) -> Option<&'a PolicySet> {
    match command {
        Command::Set { scope, name, .. } => named(state, *scope, name),
        Command::SetResidency { scope, .. } => residency::own(state, *scope),
    }
}
