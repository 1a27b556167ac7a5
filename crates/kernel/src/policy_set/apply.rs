//! Folds policy events and keeps the compiled layers.

use std::collections::BTreeMap;

use policy::Policies;

use super::{Event, PolicySet, sources};
use crate::{Meta, Stamp, State, access, access::Scope, decision};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Set { id, scope, name, text } => {
            match state.policy_sets.get_mut(id) {
                Some(set) => {
                    set.text.clone_from(text);
                    set.meta.touch(stamp);
                }
                None => {
                    let set = PolicySet {
                        id: *id,
                        scope: *scope,
                        name: name.clone(),
                        text: text.clone(),
                        residency: None,
                        meta: Meta::new(stamp),
                    };
                    state.policy_sets.insert(*id, set);
                }
            }
            compile_scope(state, *scope);
            decision::forget_scope(state, *scope);
        }
        Event::ResidencySet { id, scope, name, residency, text } => {
            let before = state.policy_sets.get(id).map(|set| set.meta);
            let mut meta = before.unwrap_or(Meta::new(stamp));
            if before.is_some() {
                meta.touch(stamp);
            }
            let set = PolicySet {
                id: *id,
                scope: *scope,
                name: name.clone(),
                text: text.clone(),
                residency: Some(residency.clone()),
                meta,
            };
            state.policy_sets.insert(*id, set);
            compile_scope(state, *scope);
            decision::forget_scope(state, *scope);
        }
        // A refusal changes nothing but that the same question need not be asked again.
        Event::Refused(refused) => {
            if let Some(question) = &refused.question {
                decision::refused(state, question, &refused.decision, stamp.seq);
            }
        }
    }
}

/// Compiles the layers that a change in this scope is part of.
fn compile_scope(state: &mut State, changed: Scope) {
    let within = |scope: &Scope| access::covers(state, changed, *scope);
    let scopes = scopes(state).into_iter().filter(within).collect();
    let compiled = compile(state, scopes);
    state.index.policies.extend(compiled);
}

/// Every scope that has policies of its own, and the platform.
fn scopes(state: &State) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = state.policy_sets.values().map(|set| set.scope).collect();
    scopes.push(Scope::Platform);
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// Compiles the layers of every scope that has policies of its own, and of the platform.
///
/// `decide` has compiled each text before; a text that no longer compiles (after an upgrade of the
/// policy engine) leaves its scope without any permit, because undecided is a no.
pub(crate) fn compile_all(state: &mut State) {
    let compiled = compile(state, scopes(state));
    state.index.policies = compiled;
}

fn compile(state: &State, scopes: Vec<Scope>) -> BTreeMap<Scope, Policies> {
    let layers = |scope: Scope| {
        let compiled = Policies::compile(&sources(state, scope));
        let deny_all = || Policies::compile(&[]);
        compiled.or_else(|_| deny_all()).ok().map(|policies| (scope, policies))
    };
    scopes.into_iter().filter_map(layers).collect()
}
