//! The guardrails of endpoints, made ready for the gateway once for each version of their project, and for a
//! gateway apart once for each change.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use api::nouns::guardrail::{Guardrail, GuardrailAction, GuardrailSide};
use gateway::{CheckAction, CheckKind, CheckSpec, Checks, SizeLimits};
use server::Platform;
use units::{Id, kinds};

/// Endpoints whose guardrails are kept ready before all are made anew.
const READY_MAX: usize = 4_096;

type Ready = BTreeMap<Id<kinds::Endpoint>, (u64, Option<Arc<Checks>>)>;

/// What has been made ready.
#[derive(Debug, Default)]
pub(super) struct Guardrails(Mutex<Ready>);

impl Guardrails {
    /// What is checked at an endpoint now; `None` for nothing.
    pub(super) fn of(
        &self,
        platform: &Platform,
        endpoint: Id<kinds::Endpoint>,
    ) -> Option<Arc<Checks>> {
        let version = platform.guardrails_version(endpoint)?;
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, checks)) = ready.get(&endpoint).filter(|(known, _)| *known == version) {
            return checks.clone();
        }
        let (version, rules) = platform.guardrails(endpoint);
        let checks = compile(rules);
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        ready.insert(endpoint, (version, checks.clone()));
        checks
    }
}

/// Makes guardrails ready; `None` for none.
pub(crate) fn compile(rules: Vec<Guardrail>) -> Option<Arc<Checks>> {
    Checks::compile(rules.into_iter().map(spec).collect()).map(Arc::new)
}

fn spec(rule: Guardrail) -> CheckSpec {
    let (on_question, on_answer) = match rule.side {
        GuardrailSide::Question => (true, false),
        GuardrailSide::Answer => (false, true),
        GuardrailSide::Both => (true, true),
    };
    let action = match rule.action {
        GuardrailAction::Refuse => CheckAction::Refuse,
        GuardrailAction::Redact => CheckAction::Redact,
        GuardrailAction::Report => CheckAction::Report,
    };
    let kind = match (rule.size, rule.pattern) {
        (Some(size), _) => CheckKind::Size(SizeLimits {
            bytes_max: size.bytes_max,
            characters_max: size.characters_max,
            tokens_max: size.tokens_max,
            messages_max: size.messages_max,
        }),
        // Neither is nothing that the log holds; an empty expression refuses everything.
        (None, pattern) => CheckKind::Pattern {
            pattern: pattern.unwrap_or_default(),
            window_chars: rule.window_chars.unwrap_or(0),
        },
    };
    CheckSpec { name: rule.name.to_string(), on_question, on_answer, action, kind }
}
