//! Questions: every text of the fields that reach a model, alone and, within a message, joined.

use serde_json::Value;

use super::{Check, CheckAction, Checks, Hits, Looks, Refused, Size};
use crate::json::Fields;

/// The fields of a request that hold texts for the model.
pub(super) const FIELDS: [&str; 12] = [
    "messages",
    "prompt",
    "input",
    "instructions",
    "suffix",
    "tools",
    "functions",
    "documents",
    "prediction",
    "response_format",
    "chat_template",
    "chat_template_kwargs",
];
/// Fields that may hold what stands for text and is none: tokens by their number.
const TOKENS: [&str; 2] = ["prompt", "input"];
/// A field that stands for text and can never be read.
const OPAQUE: &str = "prompt_embeds";
/// Members that steer the engine and are no text: replacing in them would break the request.
pub(super) const NO_TEXT: [&str; 2] = ["role", "type"];
pub(super) const WHAT: &str = "the question";

impl Checks {
    /// Looks at a question, and replaces in it what must not reach the model.
    ///
    /// # Errors
    /// [`Refused`] by the first rule that refuses.
    pub(crate) fn question(&self, fields: &mut Fields<'_>) -> Result<Hits, Refused> {
        let mut hits = Hits::default();
        let Some(first) = self.of_questions().next() else { return Ok(hits) };
        let mut values = Vec::with_capacity(FIELDS.len());
        for name in FIELDS {
            let Some(raw) = fields.get(name) else { continue };
            // It was read once as JSON; what nests too deep to be walked is not passed unread.
            let value = serde_json::from_str(raw).map_err(|_| first.refused(WHAT))?;
            values.push((name, value, false));
        }
        let is_read = |name: &str, value: &Value| !TOKENS.contains(&name) || !has_numbers(value);
        let is_all_read = values.iter().all(|(name, value, _)| is_read(name, value));
        if !is_all_read || fields.get(OPAQUE).is_some() {
            // What cannot be looked at passes only by those that let everything pass.
            let mut strict =
                self.of_questions().filter(|one| one.spec.action != CheckAction::Report);
            strict.next().map_or(Ok(()), |one| Err(one.refused(WHAT)))?;
        }
        let mut size = Size::default();
        for (name, value, _) in &mut values {
            walk(value, &mut |text| size.add(text));
            if *name == "messages" {
                let n = value.as_array().map_or(0, Vec::len);
                size.messages = u64::try_from(n).unwrap_or(u64::MAX);
            }
        }
        for check in self.of_questions() {
            match &check.looks {
                Looks::Size(limits) => check.judge_size(limits, size, WHAT, &mut hits)?,
                Looks::Unreadable => return Err(check.refused(WHAT)),
                // Asked afterwards, about what the other rules have left.
                Looks::Checker(_) => {}
                Looks::Pattern { .. } => {
                    for (name, value, changed) in &mut values {
                        *changed |= check.search(value, WHAT, &mut hits)?;
                        if *name == "messages" {
                            check.search_joined(value, &mut hits)?;
                        }
                    }
                }
            }
        }
        for (name, value, changed) in values {
            if changed {
                fields.set(name, value.to_string());
            }
        }
        Ok(hits)
    }
}

impl Check {
    /// Searches all texts of a value; tells whether one was changed.
    pub(super) fn search(
        &self,
        value: &mut Value,
        what: &'static str,
        hits: &mut Hits,
    ) -> Result<bool, Refused> {
        let Looks::Pattern { regex, .. } = &self.looks else { return Ok(false) };
        let (mut found, mut changed) = (0_u64, false);
        walk(value, &mut |text| {
            if !regex.is_match(text) {
                return;
            }
            found = found.saturating_add(1);
            if self.spec.action == CheckAction::Redact {
                let replacement = self.replacement();
                let whole = regex.replace_all(text, regex::NoExpand(&replacement)).into_owned();
                *text = whole;
                changed = true;
            }
        });
        match self.spec.action {
            CheckAction::Refuse if found > 0 => return Err(self.refused(what)),
            CheckAction::Refuse => {}
            CheckAction::Redact => hits.redacted = hits.redacted.saturating_add(found),
            CheckAction::Report => hits.reported = hits.reported.saturating_add(found),
        }
        Ok(changed)
    }

    /// A message in parts reaches the model as one text: what matches only there cannot be replaced, and is
    /// refused.
    fn search_joined(&self, messages: &Value, hits: &mut Hits) -> Result<(), Refused> {
        let Looks::Pattern { regex, .. } = &self.looks else { return Ok(()) };
        for message in messages.as_array().into_iter().flatten() {
            let parts = message.get("content").and_then(Value::as_array);
            let texts = parts.into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
            let texts: Vec<&str> = texts.collect();
            if texts.len() < 2 || texts.iter().any(|text| regex.is_match(text)) {
                continue;
            }
            if regex.is_match(&texts.concat()) {
                match self.spec.action {
                    CheckAction::Report => hits.reported = hits.reported.saturating_add(1),
                    CheckAction::Refuse | CheckAction::Redact => return Err(self.refused(WHAT)),
                }
            }
        }
        Ok(())
    }
}

/// Whether an array holds numbers, as lists of tokens do, alone or in lists.
fn has_numbers(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().any(|one| one.is_number() || has_numbers(one)))
}

/// Visits every text of a value but those that are none.
pub(super) fn walk(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        Value::Object(members) => {
            let texts = members.iter_mut().filter(|(name, _)| !NO_TEXT.contains(&name.as_str()));
            texts.for_each(|(_, member)| walk(member, visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
