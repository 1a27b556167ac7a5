//! Services that are asked about texts: one call each, with what is said and what is understood.
//!
//! INVARIANT: what a service gives is never said to a client but for a short code and the texts that it puts in
//! place of others. Whatever is no answer of the contract is none, and then the rule says what happens.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::{Id, kinds};

use super::answer::{self, hide_tokens};
use super::texts::{self, ENGINES};
use super::{Check, CheckAction, Checks, Hits, Looks, Refused, question};
use crate::answer::collect;
use crate::backend::Remote;
use crate::client::Order;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::json::Fields;
use crate::metrics::Metrics;
use crate::observe::micros;

/// Where a service is asked, under its base address.
const PATH: &str = "/v1/check";
/// The version of what is said.
const VERSION: u32 = 1;
/// What an answer may have beyond twice the bytes of what was asked.
const ANSWER_BYTES_MORE: usize = 64 << 10;
/// Longest code of a refusal.
const REASON_BYTES_MAX: usize = 64;

/// What happens to texts about which a service gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// They are refused.
    Refuse,
    /// They pass, and are counted.
    Pass,
}

/// A service that is asked, as it was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckerSpec {
    /// The project whose rule this is.
    pub project: Id<kinds::Project>,
    /// How the service is spoken to: [`Directory::checker`] knows.
    pub upstream: Id<kinds::Upstream>,
    /// Whether policy allows texts to be sent there; if not, it gives no answer.
    pub is_allowed: bool,
    /// Longest time for an answer.
    pub timeout: Duration,
    /// What happens without one.
    pub unanswered: Unanswered,
    /// Characters of a stream that are gathered before it is asked.
    pub window_chars: u32,
}

/// What is said of a call besides its texts.
pub(crate) struct Context {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_id: HeaderValue,
    pub(crate) endpoint: Id<kinds::Endpoint>,
    pub(crate) model: String,
}

/// Why a question or an answer goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// A rule refuses it.
    Refused(Refused),
    /// A rule could not be followed; its name.
    Unavailable(String),
}

/// A text and where it stands.
#[derive(Debug, Default, Serialize)]
pub(super) struct Text {
    /// JSON pointer into the question or the answer.
    pub(super) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    pub(super) text: String,
    /// What was shown of the same text before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) before: String,
}

/// Texts that are asked about together.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Question,
    Answer,
}

/// Where a part of a stream stands in it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Window {
    pub(super) number: u32,
    pub(super) is_last: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    version: u32,
    direction: Direction,
    rule: &'a str,
    project: Id<kinds::Project>,
    endpoint: Id<kinds::Endpoint>,
    model: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    texts: &'a [Text],
}

#[derive(Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Told {
    Allow {},
    Refuse {
        #[serde(default)]
        reason: Option<String>,
    },
    Redact {
        texts: Vec<Option<String>>,
    },
}

impl Checks {
    /// Whether a service is asked about questions.
    pub(crate) fn ask_about_questions(&self) -> bool {
        self.of_questions().any(|check| matches!(check.looks, Looks::Checker(_)))
    }

    /// Whether a service is asked about answers.
    pub(crate) fn ask_about_answers(&self) -> bool {
        self.of_answers().any(|check| matches!(check.looks, Looks::Checker(_)))
    }

    /// Asks about a whole question, and replaces in it what must not reach the model.
    ///
    /// # Errors
    /// [`Stopped`] by the first rule that refuses.
    pub(crate) async fn ask_question(
        &self,
        fields: &mut Fields<'_>,
        context: &Context,
    ) -> Result<Hits, Stopped> {
        let mut values: Vec<(&str, Value)> = Vec::new();
        for name in question::FIELDS {
            let Some(raw) = fields.get(name) else { continue };
            // The other rules have read it before.
            let value = serde_json::from_str(raw).unwrap_or(Value::Null);
            values.push((name, value));
        }
        let mut texts = Vec::new();
        for (name, value) in &mut values {
            note(value, name, &question::NO_TEXT, &mut texts);
        }
        let (hits, changed) = self.ask(Direction::Question, None, &mut texts, context).await?;
        let mut rest = texts.into_iter();
        for (name, mut value) in values.into_iter().filter(|_| changed) {
            put(&mut value, name, &question::NO_TEXT, &mut rest);
            fields.set(name, value.to_string());
        }
        Ok(hits)
    }

    /// Asks about a whole answer; gives it as it may be shown.
    ///
    /// # Errors
    /// [`Stopped`] by the first rule that refuses.
    pub(crate) async fn ask_answer(
        &self,
        body: Vec<u8>,
        context: &Context,
    ) -> Result<(Vec<u8>, Hits), Stopped> {
        // What is no JSON is refused by who reads it next, whatever it says.
        let Ok(Value::Object(mut whole)) = serde_json::from_slice::<Value>(&body) else {
            return Ok((body, Hits::default()));
        };
        let mut texts = Vec::new();
        for name in answer::FIELDS {
            if let Some(value) = whole.get_mut(name) {
                note(value, name, &ENGINES, &mut texts);
            }
        }
        let (hits, changed) = self.ask(Direction::Answer, None, &mut texts, context).await?;
        if !changed {
            return Ok((body, hits));
        }
        let mut rest = texts.into_iter();
        for name in answer::FIELDS {
            if let Some(value) = whole.get_mut(name) {
                put(value, name, &ENGINES, &mut rest);
            }
        }
        for choice in whole.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
            hide_tokens(choice);
        }
        Ok((Value::Object(whole).to_string().into_bytes(), hits))
    }

    /// Asks each service in turn, the next about what the one before has left; tells whether a text is
    /// another now.
    pub(super) async fn ask(
        &self,
        direction: Direction,
        window: Option<Window>,
        texts: &mut [Text],
        context: &Context,
    ) -> Result<(Hits, bool), Stopped> {
        let (mut hits, mut changed) = (Hits::default(), false);
        let (is_question, what) = match direction {
            Direction::Question => (true, question::WHAT),
            Direction::Answer => (false, answer::WHAT),
        };
        let concerned = |check: &&Arc<Check>| match is_question {
            true => check.spec.on_question,
            false => check.spec.on_answer,
        };
        for check in self.0.iter().filter(concerned) {
            let Looks::Checker(asked) = &check.looks else { continue };
            if texts.iter().all(|one| one.text.is_empty()) {
                break;
            }
            let said = Said {
                version: VERSION,
                direction,
                rule: &check.spec.name,
                project: asked.project,
                endpoint: context.endpoint,
                model: &context.model,
                request_id: context.request_id.to_str().unwrap_or_default(),
                window,
                texts,
            };
            let told = context.call(asked, &said).await;
            changed |= check.take(told, texts, &mut hits, (what, context))?;
        }
        Ok((hits, changed))
    }
}

impl Check {
    /// Does what a service says.
    fn take(
        &self,
        told: Option<Told>,
        texts: &mut [Text],
        hits: &mut Hits,
        (what, context): (&'static str, &Context),
    ) -> Result<bool, Stopped> {
        let figures = &context.metrics.figures.checkers;
        let passes = self.spec.action == CheckAction::Report;
        match told {
            Some(Told::Allow {}) => Ok(false),
            Some(Told::Refuse { .. } | Told::Redact { .. }) if passes => {
                hits.reported = hits.reported.saturating_add(1);
                Ok(false)
            }
            Some(Told::Refuse { reason }) => {
                figures.refusals.add(1);
                let reason = reason.filter(|reason| is_code(reason));
                Err(Stopped::Refused(Refused { reason, ..self.refused(what) }))
            }
            Some(Told::Redact { texts: fresh }) => {
                let mut changed = 0_u64;
                for (one, fresh) in texts.iter_mut().zip(fresh) {
                    let Some(fresh) = fresh.filter(|fresh| *fresh != one.text) else { continue };
                    one.text = fresh;
                    changed = changed.saturating_add(1);
                }
                hits.redacted = hits.redacted.saturating_add(changed);
                Ok(changed > 0)
            }
            None => {
                let Looks::Checker(CheckerSpec { unanswered, .. }) = &self.looks else {
                    return Ok(false);
                };
                if passes || *unanswered == Unanswered::Pass {
                    figures.unchecked.add(1);
                    return Ok(false);
                }
                Err(Stopped::Unavailable(self.spec.name.clone()))
            }
        }
    }
}

impl Context {
    /// One question to a service, within its time; `None` if no answer of the contract comes.
    async fn call(&self, asked: &CheckerSpec, said: &Said<'_>) -> Option<Told> {
        let figures = &self.metrics.figures.checkers;
        figures.calls.add(1);
        let begun = Instant::now();
        let told = tokio::time::timeout(asked.timeout, self.exchange(asked, said)).await;
        figures.duration.note(micros(begun.elapsed()));
        let told = told.unwrap_or(Err("it took too long"));
        if let Err(why) = &told {
            figures.failures.add(1);
            let upstream = asked.upstream;
            tracing::debug!(upstream.id = %upstream, why, "checker {upstream} gave no answer");
        }
        told.ok()
    }

    async fn exchange(&self, asked: &CheckerSpec, said: &Said<'_>) -> Result<Told, &'static str> {
        if !asked.is_allowed {
            return Err("policy does not allow it");
        }
        let remote: Arc<Remote> =
            self.directory.checker(asked.upstream).ok_or("it cannot be spoken to")?;
        // More at once than it takes wait here, within their time.
        let _place = remote.places().acquire().await.map_err(|_| "it is gone")?;
        let body = serde_json::to_vec(said).map_err(|_| "the texts cannot be written")?;
        let bytes_max = body.len().saturating_mul(2).saturating_add(ANSWER_BYTES_MORE);
        let order = Order {
            method: &Method::POST,
            path: PATH,
            body: Bytes::from(body),
            request_id: Some(&self.request_id),
            trace: None,
            timeout: asked.timeout,
            model: "",
        };
        let answer = remote.send(&order).await.map_err(|_| "it did not answer")?;
        let (head, body) = answer.into_parts();
        if head.status != StatusCode::OK {
            return Err("its status is not 200");
        }
        let body = collect(body, bytes_max, asked.timeout).await;
        let body = body.map_err(|_| "it broke off or answered too much")?;
        let told = serde_json::from_slice(&body).map_err(|_| "its answer is none")?;
        match &told {
            Told::Redact { texts } if texts.len() != said.texts.len() => {
                Err("it replaces other texts than it was asked about")
            }
            Told::Allow {} | Told::Refuse { .. } | Told::Redact { .. } => Ok(told),
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// Appends the texts of a member.
fn note(value: &mut Value, name: &str, none: &[&str], texts: &mut Vec<Text>) {
    texts::each(value, &mut format!("/{name}"), none, &mut |at, text| {
        let (role, at) = (at.role.map(ToOwned::to_owned), at.pointer.to_owned());
        texts.push(Text { at, role, text: text.clone(), before: String::new() });
    });
}

/// Puts texts back, in the order in which they were noted.
fn put(value: &mut Value, name: &str, none: &[&str], rest: &mut impl Iterator<Item = Text>) {
    texts::each(value, &mut format!("/{name}"), none, &mut |_, text| {
        if let Some(one) = rest.next() {
            *text = one.text;
        }
    });
}

/// Whether a reason is a code and no text that could repeat what was asked about.
fn is_code(reason: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !reason.is_empty() && reason.len() <= REASON_BYTES_MAX && reason.bytes().all(is_plain)
}

impl From<Stopped> for ApiError {
    fn from(stopped: Stopped) -> Self {
        let rule = match stopped {
            Stopped::Refused(refused) => return refused.into(),
            Stopped::Unavailable(rule) => rule,
        };
        let message = format!(
            "the guardrail `{rule}` of this model's project cannot be asked, and nothing passes unchecked: retry shortly"
        );
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error = Self::new(status, "server_error", "guardrail_unavailable", message);
        error.retry_after_s = Some(1);
        error
    }
}
