//! The guardrails of endpoints, made ready for the gateway once for each version of their project, and for a
//! gateway apart once for each change.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::nouns::guardrail::{
    Guardrail, GuardrailAction, GuardrailChecker, GuardrailSide, GuardrailUnanswered,
};
use gateway::{CheckAction, CheckKind, CheckSpec, CheckerSpec, Checks, SizeLimits, Unanswered};
use server::Platform;
use units::{Id, kinds};

/// Endpoints whose guardrails are kept ready before all are made anew.
const READY_MAX: usize = 4_096;

type Ready = BTreeMap<Id<kinds::Endpoint>, ((u64, u64), Option<Arc<Checks>>)>;

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
        let (version, project, rules) = platform.guardrails(endpoint)?;
        let checks = compile(project, rules);
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        ready.insert(endpoint, (version, checks.clone()));
        checks
    }
}

/// Makes a project's guardrails ready; `None` for none.
pub(crate) fn compile(project: Id<kinds::Project>, rules: Vec<Guardrail>) -> Option<Arc<Checks>> {
    Checks::compile(rules.into_iter().map(|rule| spec(project, rule)).collect()).map(Arc::new)
}

fn spec(project: Id<kinds::Project>, rule: Guardrail) -> CheckSpec {
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
    let kind = match (rule.size, rule.pattern, rule.checker) {
        (_, _, Some(checker)) => CheckKind::Checker(checker_of(project, checker)),
        (Some(size), _, None) => CheckKind::Size(SizeLimits {
            bytes_max: size.bytes_max,
            characters_max: size.characters_max,
            tokens_max: size.tokens_max,
            messages_max: size.messages_max,
        }),
        // Neither is nothing that the log holds; an empty expression refuses everything.
        (None, pattern, None) => CheckKind::Pattern {
            pattern: pattern.unwrap_or_default(),
            window_chars: rule.window_chars.unwrap_or(0),
        },
    };
    CheckSpec { name: rule.name.to_string(), on_question, on_answer, action, kind }
}

/// What is not said is as the platform would have said it.
fn checker_of(project: Id<kinds::Project>, checker: GuardrailChecker) -> CheckerSpec {
    let GuardrailChecker { upstream, timeout_ms, unanswered, window_chars, is_allowed } = checker;
    CheckerSpec {
        project,
        upstream,
        is_allowed: is_allowed == Some(true),
        timeout: Duration::from_millis(timeout_ms.unwrap_or(1_000).into()),
        unanswered: match unanswered {
            None | Some(GuardrailUnanswered::Refuse) => Unanswered::Refuse,
            Some(GuardrailUnanswered::Pass) => Unanswered::Pass,
        },
        window_chars: window_chars.unwrap_or(256),
    }
}
