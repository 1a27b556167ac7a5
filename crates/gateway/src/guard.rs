//! Guardrails: what a project or an endpoint wants of questions before they are sent, and of answers before
//! they are shown.
//!
//! INVARIANT: a refusal names the rule and never what it matched; nothing here keeps or logs a text. What
//! cannot be checked is refused, never passed on. Without rules nothing of this runs.

mod answer;
mod channel;
mod checker;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gate;
mod question;
mod screen;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::error::ApiError;
use http::StatusCode;

pub use checker::{CheckerSpec, Unanswered};
pub(crate) use checker::{Context, Stopped};
pub(crate) use gate::Gate;
pub(crate) use screen::Screen;

/// Longest expression, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// Largest compiled expression, in bytes; the engine is linear in the text whatever the expression.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Most characters of an answer that a rule may hold back.
pub const WINDOW_CHARS_MAX: u32 = 1_024;

/// What happens when a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckAction {
    /// The question is refused, or the answer ends.
    Refuse,
    /// What matched is replaced.
    Redact,
    /// It is counted, and passes.
    Report,
}

/// Limits of size; those that are absent are not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SizeLimits {
    /// Bytes of all texts.
    pub bytes_max: Option<u64>,
    /// Characters of all texts.
    pub characters_max: Option<u64>,
    /// Tokens, as the gateway estimates them: a quarter of the bytes.
    pub tokens_max: Option<u64>,
    /// Messages of a question.
    pub messages_max: Option<u64>,
}

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// How much there is.
    Size(SizeLimits),
    /// An expression in the syntax of the `regex` crate, and how many characters of a streamed answer are held
    /// back for it: a match of at most that many is never shown.
    Pattern {
        /// The expression.
        pattern: String,
        /// Characters.
        window_chars: u32,
    },
    /// A service that is asked.
    Checker(CheckerSpec),
}

/// One rule, as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// Its name, which refusals name.
    pub name: String,
    /// Whether it looks at questions.
    pub on_question: bool,
    /// Whether it looks at answers.
    pub on_answer: bool,
    /// What it does.
    pub action: CheckAction,
    /// What it looks at.
    pub kind: CheckKind,
}

/// Rules, ready to be used.
#[derive(Debug)]
pub struct Checks(Vec<Arc<Check>>);

#[derive(Debug)]
struct Check {
    spec: CheckSpec,
    looks: Looks,
}

#[derive(Debug)]
enum Looks {
    Size(SizeLimits),
    Pattern {
        regex: Regex,
        window_chars: usize,
    },
    Checker(CheckerSpec),
    /// An expression that this version cannot read: everything is refused.
    Unreadable,
}

/// A rule has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    rule: String,
    what: &'static str,
    /// A service's code for why.
    reason: Option<String>,
}

/// How often rules matched that let something pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    /// Texts in which something was replaced.
    pub(crate) redacted: u64,
    /// Matches that were only counted.
    pub(crate) reported: u64,
}

/// What is known of the size of some texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    bytes: u64,
    characters: u64,
    messages: u64,
}

/// Compiles an expression within the limits.
///
/// # Errors
/// What is wrong with it, for the person who wrote it.
pub fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("has {} bytes: write at most {PATTERN_BYTES_MAX}", pattern.len()));
    }
    let compiled = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    let regex = compiled.map_err(|error| error.to_string())?;
    if regex.is_match("") {
        return Err(
            "matches an empty text, and so everything: ask for at least one character".into()
        );
    }
    Ok(regex)
}

impl Checks {
    /// Prepares rules; `None` if there are none.
    #[must_use]
    pub fn compile(specs: Vec<CheckSpec>) -> Option<Self> {
        let checks: Vec<_> = specs.into_iter().map(|spec| Arc::new(Check::compile(spec))).collect();
        (!checks.is_empty()).then_some(Self(checks))
    }

    /// All of them, in this order, each rule once: a question that several endpoints may answer is looked at as
    /// each of them wants it.
    #[must_use]
    pub fn together(all: Vec<Arc<Self>>) -> Option<Arc<Self>> {
        let mut all = all.into_iter();
        let mut together = all.next()?;
        for more in all {
            let known = |one: &Arc<Check>| together.0.iter().any(|have| have.spec == one.spec);
            let fresh: Vec<_> = more.0.iter().filter(|one| !known(one)).cloned().collect();
            if !fresh.is_empty() {
                together = Arc::new(Self(together.0.iter().cloned().chain(fresh).collect()));
            }
        }
        Some(together)
    }

    fn of_questions(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().map(AsRef::as_ref).filter(|check| check.spec.on_question)
    }

    fn of_answers(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().map(AsRef::as_ref).filter(|check| check.spec.on_answer)
    }

    /// Whether answers must be looked at.
    pub(crate) fn concern_answers(&self) -> bool {
        self.of_answers().next().is_some()
    }
}

impl Check {
    fn compile(spec: CheckSpec) -> Self {
        let looks = match &spec.kind {
            CheckKind::Size(limits) => Looks::Size(*limits),
            CheckKind::Checker(asked) => Looks::Checker(*asked),
            CheckKind::Pattern { pattern, window_chars } => match compile_pattern(pattern) {
                Ok(regex) => {
                    let window_chars = (*window_chars).min(WINDOW_CHARS_MAX);
                    let window_chars = usize::try_from(window_chars).unwrap_or(0);
                    Looks::Pattern { regex, window_chars }
                }
                Err(error) => {
                    tracing::warn!(
                        rule = spec.name,
                        error,
                        "a guardrail cannot be read: it refuses all"
                    );
                    Looks::Unreadable
                }
            },
        };
        Self { spec, looks }
    }

    fn refused(&self, what: &'static str) -> Refused {
        Refused { rule: self.spec.name.clone(), what, reason: None }
    }

    /// What stands in place of what matched.
    fn replacement(&self) -> String {
        format!("[redacted: {}]", self.spec.name)
    }

    /// Judges a size: refuses it, or counts it.
    fn judge_size(
        &self,
        limits: &SizeLimits,
        size: Size,
        what: &'static str,
        hits: &mut Hits,
    ) -> Result<(), Refused> {
        let above = |limit: Option<u64>, n: u64| limit.is_some_and(|limit| n > limit);
        let is_above = above(limits.bytes_max, size.bytes)
            || above(limits.characters_max, size.characters)
            || above(limits.tokens_max, size.bytes.div_ceil(4))
            || above(limits.messages_max, size.messages);
        match (is_above, self.spec.action) {
            (false, _) => Ok(()),
            (true, CheckAction::Report) => {
                hits.reported = hits.reported.saturating_add(1);
                Ok(())
            }
            // A size cannot be redacted.
            (true, CheckAction::Refuse | CheckAction::Redact) => Err(self.refused(what)),
        }
    }
}

impl Size {
    fn add(&mut self, text: &str) {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count(text.len()));
        self.characters = self.characters.saturating_add(count(text.chars().count()));
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let Refused { rule, what, reason } = refused;
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        let message =
            format!("{what} was refused by the guardrail `{rule}` of this model's project{reason}");
        let status = StatusCode::BAD_REQUEST;
        Self::new(status, "invalid_request_error", "content_filter", message)
    }
}
