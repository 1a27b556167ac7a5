//! Folds policy events and keeps the compiled layers.

use policy::Policies;

use super::{Event, PolicySet, sources};
use crate::{Meta, Stamp, State, access::Scope};

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
                        meta: Meta::new(stamp),
                    };
                    state.policy_sets.insert(*id, set);
                }
            }
            compile_all(state);
        }
        // A refusal changes nothing: it is in the log for whoever audits it.
        Event::Refused(_) => {}
    }
}

/// Compiles the layers of every scope that has policies of its own, and of the platform.
///
/// `decide` has compiled each text before; a text that no longer compiles (after an upgrade of the
/// policy engine) leaves its scope without any permit, because undecided is a no.
pub(crate) fn compile_all(state: &mut State) {
    let mut scopes: Vec<Scope> = state.policy_sets.values().map(|set| set.scope).collect();
    scopes.push(Scope::Platform);
    scopes.sort_unstable();
    scopes.dedup();
    state.index.policies = scopes
        .into_iter()
        .filter_map(|scope| {
            let compiled = Policies::compile(&sources(state, scope));
            let deny_all = || Policies::compile(&[]);
            compiled.or_else(|_| deny_all()).ok().map(|policies| (scope, policies))
        })
        .collect();
}
