//! Guardrails: what a project wants of the questions that its endpoints are asked, and of their answers.
//!
//! The platform records what was asked for; the gateway does it. Whether an expression can be read is looked
//! at where it comes in, with the engine that will run it: one that a later version cannot read refuses all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Reject, State, limits};

/// What a guardrail looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What is asked, before it is sent to a model.
    Question,
    /// What a model answers, before it is shown.
    Answer,
    /// Both.
    Both,
}

/// What happens when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The question is refused, or the answer ends.
    Refuse,
    /// What matched is replaced.
    Redact,
    /// It is counted and passes.
    Report,
}

/// Limits of size; at least one is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRule {
    /// Bytes of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// Characters of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters_max: Option<u64>,
    /// Tokens, as the gateway estimates them from the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// Messages of a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u64>,
}

/// What it compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// How much there is.
    Size(SizeRule),
    /// An expression in the syntax of the `regex` crate.
    Pattern {
        /// The expression.
        pattern: String,
        /// Characters of a streamed answer that are held back for it.
        window_chars: u32,
    },
}

/// One guardrail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Unique in the project; refusals name it.
    pub name: Name,
    /// The one endpoint that it is for; all of the project if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// What it looks at.
    pub side: Side,
    /// What happens when it matches.
    pub action: Action,
    /// What it compares.
    pub rule: Rule,
}

/// Whether a project that has those before may have these.
pub(super) fn check(
    state: &State,
    (project, before): (Id<kinds::Project>, &[Guardrail]),
    guardrails: &[Guardrail],
) -> Result<(), Reject> {
    // The last of them is what there must be room for.
    Reject::limit("guardrails", guardrails.len().saturating_sub(1), limits::GUARDRAILS_MAX)?;
    let mut names = BTreeSet::new();
    for one in guardrails {
        if !names.insert(&one.name) {
            let name = one.name.to_string();
            return Err(Reject::NameTaken { kind: "guardrail", name });
        }
        if let Some(id) = one.endpoint {
            let found = state.endpoints.get(&id).filter(|endpoint| endpoint.project == project);
            // One that is named already may stay, though its endpoint did not come along with the project.
            let is_named = |known: &Guardrail| known.endpoint == Some(id);
            if found.is_none() && !before.iter().any(is_named) {
                return Err(Reject::not_found("endpoint", id));
            }
        }
        check_rule(one)?;
    }
    Ok(())
}

fn check_rule(one: &Guardrail) -> Result<(), Reject> {
    let invalid = |field, what: &str| Err(Reject::invalid(field, format!("`{}` {what}", one.name)));
    match &one.rule {
        Rule::Size(size) => {
            let limits = [size.bytes_max, size.characters_max, size.tokens_max, size.messages_max];
            if limits.iter().all(Option::is_none) {
                return invalid(
                    "size",
                    "limits nothing: give a number of bytes, characters, tokens or messages",
                );
            }
            if one.action == Action::Redact {
                return invalid("action", "cannot redact a size: refuse or report it");
            }
        }
        Rule::Pattern { pattern, window_chars } => {
            let bytes_max = limits::GUARDRAIL_PATTERN_BYTES_MAX;
            if pattern.is_empty() || pattern.len() > bytes_max {
                return invalid(
                    "pattern",
                    &format!(
                        "has an expression of {} bytes: write 1 to {bytes_max}",
                        pattern.len()
                    ),
                );
            }
            if *window_chars > limits::GUARDRAIL_WINDOW_CHARS_MAX {
                let max = limits::GUARDRAIL_WINDOW_CHARS_MAX;
                return invalid(
                    "window_chars",
                    &format!("holds back {window_chars} characters: at most {max}"),
                );
            }
        }
    }
    Ok(())
}
