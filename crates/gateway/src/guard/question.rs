//! Questions: every text of the fields that reach a model, alone and, within a message, joined.

use serde_json::Value;

use super::{Check, CheckAction, Checks, Hits, Looks, Refused, Size};
use crate::json::{Fields, each_once};

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
/// Members that steer the engine, as long as they say one of [`WORDS`]: whatever else stands there is a text.
pub(super) const NO_TEXT: [&str; 2] = ["role", "type"];
/// What engines know of roles and types: no texts, in which replacing would break the request.
const WORDS: [&str; 33] = [
    "array",
    "assistant",
    "audio_url",
    "boolean",
    "content",
    "custom",
    "developer",
    "document",
    "file",
    "function",
    "function_call",
    "function_call_output",
    "image_url",
    "input_audio",
    "input_file",
    "input_image",
    "input_text",
    "integer",
    "json_object",
    "json_schema",
    "message",
    "null",
    "number",
    "object",
    "output_text",
    "reasoning",
    "refusal",
    "string",
    "system",
    "text",
    "tool",
    "user",
    "video_url",
];
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
            // It was read once as JSON. What nests too deep to be walked is not passed unread, nor what has a
            // member twice, of which an engine might read the other.
            let value = each_once(raw).map_err(|_| first.refused(WHAT))?;
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
                        check.search_names(value, &mut hits)?;
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

    /// Names of members reach the model with the tools they describe: what matches in one cannot be replaced, and
    /// is refused. Names of letters only are taken for what they are called.
    fn search_names(&self, value: &Value, hits: &mut Hits) -> Result<(), Refused> {
        let Looks::Pattern { regex, .. } = &self.looks else { return Ok(()) };
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.search_names(item, hits)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                let is_plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
                if !name.bytes().all(is_plain) && regex.is_match(name) {
                    match self.spec.action {
                        CheckAction::Report => hits.reported = hits.reported.saturating_add(1),
                        CheckAction::Refuse | CheckAction::Redact => return Err(self.refused(WHAT)),
                    }
                }
                self.search_names(member, hits)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
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

/// Whether a member is a role or a type that engines know.
pub(super) fn is_word(name: &str, value: &Value) -> bool {
    NO_TEXT.contains(&name) && value.as_str().is_some_and(|word| WORDS.contains(&word))
}

/// Visits every text of a value but those that are none.
pub(super) fn walk(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        Value::Object(members) => {
            let texts = members.iter_mut().filter(|(name, value)| !is_word(name, value));
            texts.for_each(|(_, member)| walk(member, visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
