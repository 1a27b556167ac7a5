//! Answers that come whole.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::question::walk;
use super::{Check, CheckAction, Checks, Hits, Looks, Refused, Size};
use crate::json::each_once;

/// The members of an answer that hold what the model wrote.
pub(super) const FIELDS: [&str; 2] = ["choices", "output"];
pub(super) const WHAT: &str = "the answer";

impl Checks {
    /// Looks at an answer; gives it as it may be shown.
    ///
    /// # Errors
    /// [`Refused`] by the first rule that refuses.
    pub(crate) fn answer(&self, body: Vec<u8>) -> Result<(Vec<u8>, Hits), Refused> {
        let mut hits = Hits::default();
        if !self.concern_answers() {
            return Ok((body, hits));
        }
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let mut whole = match each_once(text) {
            Ok(Value::Object(whole)) => whole,
            // Of what has a member twice a client might read the other.
            Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                let first = self.of_answers().next();
                return first.map_or(Ok((Vec::new(), hits)), |first| Err(first.refused(WHAT)));
            }
            // What is no JSON object is refused by who reads it next, whatever it says.
            Ok(_) | Err(_) => return Ok((body, hits)),
        };
        let mut size = Size::default();
        let mut changed = false;
        for name in FIELDS {
            if let Some(value) = whole.get_mut(name) {
                walk(value, &mut |text| size.add(text));
            }
        }
        for check in self.of_answers() {
            match &check.looks {
                Looks::Size(limits) => check.judge_size(limits, size, WHAT, &mut hits)?,
                Looks::Unreadable => return Err(check.refused(WHAT)),
                // Asked afterwards, about what the other rules have left.
                Looks::Checker(_) => {}
                Looks::Pattern { .. } => {
                    for name in FIELDS {
                        let Some(value) = whole.get_mut(name) else { continue };
                        changed |= check.search(value, WHAT, &mut hits)?;
                    }
                }
            }
        }
        if !changed {
            return Ok((body, hits));
        }
        // The tokens would tell what was replaced.
        for choice in whole.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
            hide_tokens(choice);
        }
        Ok((Value::Object(whole).to_string().into_bytes(), hits))
    }
}

/// Takes away the texts of single tokens.
pub(super) fn hide_tokens(choice: &mut Value) {
    if let Some(tokens) = choice.get_mut("logprobs") {
        *tokens = Value::Null;
    }
}

impl Check {
    /// Whether something of an answer must be held back for it.
    pub(super) fn holds_back(&self) -> bool {
        matches!(self.looks, Looks::Pattern { .. } | Looks::Checker(_))
            && self.spec.action != CheckAction::Report
    }
}
