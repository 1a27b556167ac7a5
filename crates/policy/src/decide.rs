//! The answer to a question, with the policies that gave it.
//!
//! Must never say yes unless a policy permits, none forbids, and every one could be evaluated.

use serde::{Deserialize, Serialize};
use units::Digest;

use crate::compile::Policies;
use crate::question::{Intent, Question, SiteFacts};
use crate::stack;
use crate::vocabulary::VOCABULARY;

/// Evaluation errors kept in one decision; the first of them already refuses.
const ERRORS_MAX: usize = 16;

/// An answer that can be recorded and re-checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// True only if a policy permits, none forbids and none failed.
    pub allowed: bool,
    /// Ids of the deciding policies, sorted: the permits of a yes, the forbids of a no; empty
    /// where the question is undecided, which is a no.
    pub determining: Vec<String>,
    /// Evaluation errors, sorted, at most sixteen; any error refuses.
    pub errors: Vec<String>,
    /// Hash of the policy set that decided.
    pub policy_set: Digest,
}

impl Policies {
    /// Answers one question. Total: what cannot be evaluated is refused with its error.
    #[must_use]
    pub fn decide(&self, question: &Question) -> Decision {
        let (request, entities) = match VOCABULARY.put(question, None) {
            Ok(put) => put,
            Err(error) => return self.refused(error),
        };
        let response = stack::for_deciding(self.operators_max(), || {
            self.authorizer().is_authorized(&request, self.set(question.action), &entities)
        });
        let diagnostics = response.diagnostics();
        let mut determining: Vec<String> =
            diagnostics.reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
        determining.sort_unstable();
        let mut errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        errors.sort_unstable();
        errors.truncate(ERRORS_MAX);
        let allowed = response.decision() == cedar_policy::Decision::Allow && errors.is_empty();
        Decision { allowed, determining, errors, policy_set: self.hash() }
    }

    fn refused(&self, error: String) -> Decision {
        Decision {
            allowed: false,
            determining: Vec::new(),
            errors: vec![error],
            policy_set: self.hash(),
        }
    }
}

/// The sites where the intent is allowed: position in `sites` and the decision, in their order.
#[must_use]
pub fn allowed_sites(
    policies: &Policies,
    intent: &Intent,
    sites: &[SiteFacts],
) -> Vec<(usize, Decision)> {
    sites
        .iter()
        .map(|site| policies.decide(&intent.at(site.clone())))
        .enumerate()
        .filter(|(_, decision)| decision.allowed)
        .collect()
}
