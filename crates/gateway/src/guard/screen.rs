//! Answers that come as a stream: each event goes on at once, with as much of its text as may be shown.
//!
//! Stands between a replica's bytes and the reader of its events. What is held back comes with the event that
//! ends its choice, or in an event of its own before `[DONE]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

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
        let rule = self.checks.of_answers().next().map(|check| check.name.clone());
        Refused { rule: rule.unwrap_or_default(), what: WHAT }
    }

    /// One event's data as it may be shown.
    fn event(&mut self, data: Vec<u8>) -> Result<Vec<u8>, Refused> {
        // What cannot be read cannot be checked.
        let mut whole: Value = serde_json::from_slice(&data).map_err(|_| self.unreadable())?;
        let Some(choices) = whole.get_mut("choices").and_then(Value::as_array_mut) else {
            return Ok(data);
        };
        for choice in choices {
            self.choice(choice)?;
        }
        for check in self.checks.of_answers() {
            match &check.looks {
                Looks::Size(limits) => {
                    check.judge_size(limits, self.size, WHAT, &mut Hits::default())?
                }
                Looks::Unreadable => return Err(check.refused(WHAT)),
                Looks::Pattern { .. } => {}
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
        for member in MEMBERS {
            if let Some(text) = choice.get_mut("delta").and_then(|delta| delta.get_mut(member)) {
                self.text((index, member, 0), text)?;
            }
        }
        let calls = choice.get_mut("delta").and_then(|delta| delta.get_mut("tool_calls"));
        for call in calls.and_then(Value::as_array_mut).into_iter().flatten() {
            let number = call.get("index").and_then(Value::as_u64).unwrap_or(0);
            let function = call.get_mut("function").and_then(|one| one.get_mut(ARGUMENTS));
            if let Some(text) = function {
                self.text((index, ARGUMENTS, number), text)?;
            }
        }
        if choice.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
            for (place, rest) in self.flush(Some(index))? {
                put(choice, place, rest);
            }
        }
        Ok(())
    }

    /// Replaces a text by as much of it as may be shown.
    fn text(&mut self, place: Place, text: &mut Value) -> Result<(), Refused> {
        let Some(piece) = text.as_str() else { return Ok(()) };
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
