//! The events of a stream put together into the answer that the engine would have given whole.
//!
//! What it does not know it keeps: it follows no list of fields but how deltas are made, in which texts go on, parts of
//! a list are told apart by their `index`, and everything else is said once.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// Most parts of one list that are told apart by their `index`: `n` and tool calls have fewer.
const PARTS_MAX: usize = 256;
/// Texts that are said whole, though they may be said with each event.
const SAID_ONCE: [&str; 9] = [
    "id",
    "object",
    "model",
    "role",
    "type",
    "name",
    "finish_reason",
    "system_fingerprint",
    "service_tier",
];

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Fold(Map<String, Value>);

/// A list has more parts than any answer has.
#[derive(Debug)]
pub(super) struct TooMany;

impl Fold {
    /// Adds an event's data; what is not a JSON object is left out.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), TooMany> {
        match serde_json::from_slice(data) {
            Ok(Value::Object(event)) => merge(&mut self.0, event),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The answer; `None` if no event could be read.
    pub(super) fn finish(self) -> Option<Box<RawValue>> {
        let mut answer = self.0;
        if answer.is_empty() {
            return None;
        }
        if answer.get("object").and_then(Value::as_str) == Some("chat.completion.chunk") {
            answer.insert("object".into(), "chat.completion".into());
        }
        let choices = answer.get_mut("choices").and_then(Value::as_array_mut);
        for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(delta) = choice.remove("delta") {
                choice.insert("message".into(), delta);
            }
            let calls = choice.get_mut("message").and_then(|message| message.get_mut("tool_calls"));
            let calls = calls.and_then(Value::as_array_mut).into_iter().flatten();
            for call in calls.filter_map(Value::as_object_mut) {
                // Only events number them.
                call.remove("index");
            }
        }
        to_raw_value(&answer).ok()
    }
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) -> Result<(), TooMany> {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from)?,
            (Some(Value::Array(into)), Value::Array(from)) => append(into, from)?,
            (Some(Value::String(into)), Value::String(from)) => {
                if into.is_empty() || !SAID_ONCE.contains(&name.as_str()) {
                    into.push_str(&from);
                }
            }
            // What was said is not taken back.
            (Some(_), Value::Null) => {}
            (None, Value::Array(from)) => {
                let mut list = Vec::new();
                append(&mut list, from)?;
                into.insert(name, Value::Array(list));
            }
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
    Ok(())
}

/// Parts with an `index` go on where the one of the same `index` is; others come after the last.
fn append(into: &mut Vec<Value>, from: Vec<Value>) -> Result<(), TooMany> {
    for value in from {
        let Some(index) = value.get("index").filter(|index| index.is_u64()).cloned() else {
            into.push(value);
            continue;
        };
        let n_parts = into.len();
        let known = into.iter_mut().find(|part| part.get("index") == Some(&index));
        match (known, value) {
            (Some(Value::Object(known)), Value::Object(part)) => merge(known, part)?,
            (_, part) if n_parts < PARTS_MAX => {
                // Its own lists may have parts as well.
                let mut fresh = Map::new();
                if let Value::Object(part) = part {
                    merge(&mut fresh, part)?;
                }
                into.push(Value::Object(fresh));
            }
            (_, _) => return Err(TooMany),
        }
    }
    Ok(())
}
