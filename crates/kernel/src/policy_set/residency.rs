//! Typed residency: one set of rules for each scope, each of which may only tighten the wider ones.

use policy::{Loosened, Residency};

use super::PolicySet;
use crate::{State, access::Scope};

/// The name that the typed rules of a scope have among its policies; nobody else may take it.
pub const RESIDENCY_NAME: &str = "data-residency";

/// The rules of a scope itself.
#[must_use]
pub fn own(state: &State, scope: Scope) -> Option<&PolicySet> {
    state.policy_sets.values().find(|set| set.scope == scope && set.residency.is_some())
}

/// Scopes that bind this one, widest first, itself included.
pub(super) fn binding(state: &State, scope: Scope) -> Vec<Scope> {
    match scope {
        Scope::Platform => vec![scope],
        Scope::Organisation(_) => vec![Scope::Platform, scope],
        Scope::Project(id) => {
            let organisation = state.projects.get(&id).map(|project| project.organisation);
            let organisation = organisation.map(Scope::Organisation);
            [Some(Scope::Platform), organisation, Some(scope)].into_iter().flatten().collect()
        }
    }
}

/// What the rules of all scopes that bind this one mean together.
#[must_use]
pub fn effective(state: &State, scope: Scope) -> Residency {
    let scopes = binding(state, scope);
    let rules = scopes.into_iter().filter_map(|scope| own(state, scope)?.residency.as_ref());
    Residency { rules: rules.flat_map(|one| one.rules.iter().cloned()).collect() }.normalised()
}

/// What these rules would allow that a wider scope does not.
#[must_use]
pub fn loosened(state: &State, scope: Scope, residency: &Residency) -> Option<(Scope, Loosened)> {
    let mut wider = binding(state, scope);
    wider.retain(|other| *other != scope);
    wider.into_iter().find_map(|other| {
        let rules = own(state, other)?.residency.as_ref()?;
        residency.loosens(rules).map(|loosened| (other, loosened))
    })
}
