//! Answers that come as a stream: each event goes on at once, with as much of its text as may be shown.
//!
//! Stands between a replica's bytes and the reader of its events, before these become what the client reads, so
//! that a completion, a chat and a response are looked at alike. What is held back comes with the event that
//! ends its choice, or in an event of its own before `[DONE]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::{WHAT, hide_tokens};
use super::channel::Channel;
use super::{Checks, Hits, Looks, Refused, Size};
use crate::sse::{Item, Parser};

/// Most texts of one answer: choices, each with content, reasoning and arguments of tools.
const CHANNELS_MAX: usize = 1_024;

/// Which text of an answer: choice, member, and place of a tool's call.
type Place = (u64, &'static str, u64);

/// The members of a delta that hold text.
const MEMBERS: [&str; 4] = ["content", "reasoning_content", "reasoning", "refusal"];
const ARGUMENTS: &str = "arguments";
const TEXT: &str = "text";
/// Where the arguments are of the one call that older clients know.
const FUNCTION: &str = "function_call";
/// Members of an event that the engine and not the model writes.
const ENGINES: [&str; 9] = [
    "id",
    "object",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
    "usage",
    "finish_reason",
    // Taken away where they would tell what is held back.
    "logprobs",
];

/// One stream under the rules.
#[derive(Debug)]
pub(crate) struct Screen {
    checks: Arc<Checks>,
    parser: Parser,
    channels: BTreeMap<Place, Channel>,
    size: Size,
    hides_tokens: bool,
    /// What matched and passed.
    pub(crate) hits: Hits,
}

impl Screen {
    /// A screen for one answer, whose events have at most so many bytes; `None` if no rule looks at answers.
    pub(crate) fn new(checks: &Arc<Checks>, event_bytes_max: usize) -> Option<Box<Self>> {
        checks.concern_answers().then(|| {
            Box::new(Self {
                checks: Arc::clone(checks),
                parser: Parser::new(event_bytes_max),
                channels: BTreeMap::new(),
                size: Size::default(),
                hides_tokens: checks.of_answers().any(super::Check::holds_back),
                hits: Hits::default(),
            })
        })
    }

    /// Takes a piece of the stream; appends what may go on.
    ///
    /// # Errors
    /// [`Refused`]: the stream must end here.
    pub(crate) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        let mut items = Vec::new();
        let pushed = self.parser.push(bytes, &mut items);
        for item in items {
            match item {
                Item::Event { data, .. } if data.as_slice() == b"[DONE]" => {
                    self.finish(out)?;
                    out.extend_from_slice(b"data: [DONE]\n\n");
                }
                Item::Event { name, data } => {
                    let data = self.event(data)?;
                    Item::Event { name, data }.write(out);
                }
                Item::Comment(_) => item.write(out),
            }
        }
        // An event too long to be read is too long for whoever reads next: it is given what says so.
        if pushed.is_err() {
            return Err(self.unreadable());
        }
        Ok(())
    }

    /// Appends what is still held back: the replica's answer has ended.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let mut choices = Vec::new();
        for (place, rest) in self.flush(None)? {
            let mut choice = json!({"index": place.0, "finish_reason": null});
            put(&mut choice, place, rest);
            choices.push(choice);
        }
        if !choices.is_empty() {
            let data = json!({"choices": choices}).to_string().into_bytes();
            Item::Event { name: Vec::new(), data }.write(out);
        }
        Ok(())
    }

    fn unreadable(&self) -> Refused {
        let rule = self.checks.of_answers().next().map(|check| check.spec.name.clone());
        Refused { rule: rule.unwrap_or_default(), what: WHAT, reason: None }
    }

    /// One event's data as it may be shown.
    fn event(&mut self, data: Vec<u8>) -> Result<Vec<u8>, Refused> {
        // What cannot be read cannot be checked.
        let mut whole: Value = serde_json::from_slice(&data).map_err(|_| self.unreadable())?;
        let Value::Object(members) = &mut whole else { return Err(self.unreadable()) };
        for (name, member) in members.iter_mut() {
            match member {
                Value::Array(choices) if name == "choices" => {
                    choices.iter_mut().try_for_each(|choice| self.choice(choice))?;
                }
                other if !ENGINES.contains(&name.as_str()) => self.other(other)?,
                _ => {}
            }
        }
        for check in self.checks.of_answers() {
            match &check.looks {
                Looks::Size(limits) => {
                    check.judge_size(limits, self.size, WHAT, &mut Hits::default())?
                }
                Looks::Unreadable => return Err(check.refused(WHAT)),
                Looks::Pattern { .. } | Looks::Checker(_) => {}
            }
        }
        Ok(whole.to_string().into_bytes())
    }

    fn choice(&mut self, choice: &mut Value) -> Result<(), Refused> {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        if self.hides_tokens {
            hide_tokens(choice);
        }
        if let Some(text) = choice.get_mut(TEXT) {
            self.text((index, TEXT, 0), text)?;
        }
        let Value::Object(members) = &mut *choice else { return self.other(choice) };
        for (name, member) in members {
            match (name.as_str(), member) {
                ("delta", Value::Object(delta)) => self.delta(index, delta)?,
                (TEXT, _) => {}
                (name, other) if !ENGINES.contains(&name) => self.other(other)?,
                (_, _) => {}
            }
        }
        // Some engines give an empty reason as long as there is none.
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        if reason.is_some_and(|reason| !reason.is_empty()) {
            for (place, rest) in self.flush(Some(index))? {
                put(choice, place, rest);
            }
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: &mut Map<String, Value>) -> Result<(), Refused> {
        for (name, value) in delta {
            let member = MEMBERS.into_iter().find(|member| *member == name.as_str());
            match (name.as_str(), value) {
                ("tool_calls", Value::Array(calls)) => {
                    calls.iter_mut().try_for_each(|call| self.call(index, call))?;
                }
                (FUNCTION, function) => self.function((index, FUNCTION, 0), function)?,
                ("role", _) => {}
                (_, value) => match member {
                    Some(member) => self.text((index, member, 0), value)?,
                    None => self.other(value)?,
                },
            }
        }
        Ok(())
    }

    fn call(&mut self, index: u64, call: &mut Value) -> Result<(), Refused> {
        let number = call.get("index").and_then(Value::as_u64).unwrap_or(0);
        let Value::Object(members) = call else { return self.other(call) };
        for (name, value) in members {
            match name.as_str() {
                "function" => self.function((index, ARGUMENTS, number), value)?,
                "id" | "type" => {}
                _ => self.other(value)?,
            }
        }
        Ok(())
    }

    /// A call of a function: its name, and its arguments as they come.
    fn function(&mut self, place: Place, function: &mut Value) -> Result<(), Refused> {
        let Value::Object(members) = function else { return self.other(function) };
        for (name, value) in members {
            match name.as_str() {
                ARGUMENTS => self.text(place, value)?,
                _ => self.other(value)?,
            }
        }
        Ok(())
    }

    /// What is no running text is looked at for itself.
    fn other(&mut self, value: &mut Value) -> Result<(), Refused> {
        for check in self.checks.of_answers() {
            check.search(value, WHAT, &mut self.hits)?;
        }
        Ok(())
    }

    /// Replaces a text by as much of it as may be shown.
    fn text(&mut self, place: Place, text: &mut Value) -> Result<(), Refused> {
        if text.is_null() {
            return Ok(());
        }
        // A text in parts is put together by the client in ways that are not known here.
        let Some(piece) = text.as_str() else { return Err(self.unreadable()) };
        self.size.add(piece);
        if !self.channels.contains_key(&place) && self.channels.len() >= CHANNELS_MAX {
            return Err(self.unreadable());
        }
        let channel = self.channels.entry(place).or_default();
        let shown = channel.push(&self.checks, piece, false, &mut self.hits)?;
        *text = Value::String(shown);
        Ok(())
    }

    /// What the texts of a choice, or all, still hold back.
    fn flush(&mut self, index: Option<u64>) -> Result<Vec<(Place, String)>, Refused> {
        let mut rests = Vec::new();
        for (place, channel) in &mut self.channels {
            if index.is_none_or(|index| index == place.0) {
                let rest = channel.push(&self.checks, "", true, &mut self.hits)?;
                if !rest.is_empty() {
                    rests.push((*place, rest));
                }
            }
        }
        Ok(rests)
    }
}

/// Adds a text to a choice, after what it says itself.
fn put(choice: &mut Value, (_, member, number): Place, rest: String) {
    if member == TEXT {
        return append(choice, TEXT, &rest);
    }
    let Value::Object(members) = choice else { return };
    let delta = members.entry("delta").or_insert_with(|| json!({}));
    if !delta.is_object() {
        *delta = json!({});
    }
    if member == FUNCTION {
        let Value::Object(members) = delta else { return };
        return append(members.entry(FUNCTION).or_insert_with(|| json!({})), ARGUMENTS, &rest);
    }
    if member != ARGUMENTS {
        return append(delta, member, &rest);
    }
    let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut);
    let own = |call: &&mut Value| call.get("index").and_then(Value::as_u64).unwrap_or(0) == number;
    let call = calls.and_then(|calls| calls.iter_mut().find(own));
    match call.and_then(|call| call.get_mut("function")) {
        Some(function) => append(function, ARGUMENTS, &rest),
        None => {
            let call = json!({"index": number, "function": {"arguments": rest}});
            match delta.get_mut("tool_calls").and_then(Value::as_array_mut) {
                Some(calls) => calls.push(call),
                None => delta["tool_calls"] = json!([call]),
            }
        }
    }
}

fn append(object: &mut Value, member: &str, rest: &str) {
    if let Value::Object(members) = object {
        let before = members.get(member).and_then(Value::as_str).unwrap_or_default();
        let whole = format!("{before}{rest}");
        members.insert(member.to_owned(), Value::String(whole));
    }
}
