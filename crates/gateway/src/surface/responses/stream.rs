//! The chunks of a chat completion as the events of a response.
//!
//! The last events repeat what was said, so an answer's text is held here as nowhere else in the gateway; what
//! may be held is limited, and a stream that would hold more is ended with an error.

use serde_json::{Value, json};

use super::answer::{self, Called};
use super::{Request, State, ending, item_id};
use crate::json::Fields;
use crate::sse::Item;
use crate::surface::TooMuch;
use crate::translate::Names;

/// An item that is being said.
#[derive(Debug)]
enum Open {
    Thought { id: String, text: String },
    Text { id: String, text: String, ratings: Vec<Value> },
    Call { id: String, index: u64, called: Called },
}

/// One response as its events go out.
#[derive(Debug)]
pub(crate) struct Stream {
    request: Request,
    /// The number of the next event.
    sequence: u64,
    created: Option<String>,
    open: Option<Open>,
    /// Finished items.
    output: Vec<Value>,
    reason: Option<String>,
    usage: Option<String>,
    held_bytes: usize,
    held_bytes_max: usize,
}

impl Stream {
    pub(crate) fn new(request: Request, held_bytes_max: usize) -> Self {
        Self {
            request,
            sequence: 0,
            created: None,
            open: None,
            output: Vec::new(),
            reason: None,
            usage: None,
            held_bytes: 0,
            held_bytes_max,
        }
    }

    /// Takes one chunk of the chat.
    pub(crate) fn event(
        &mut self,
        fields: &Fields<'_>,
        names: &Names,
        out: &mut Vec<u8>,
    ) -> Result<(), TooMuch> {
        self.begin(fields.get("created").unwrap_or("0"), names, out);
        if let Some(usage) = fields.get("usage").and_then(answer::usage) {
            self.usage = Some(usage);
        }
        let choices = fields.get("choices").map(serde_json::from_str::<Value>);
        let Some(Ok(choices)) = choices else { return Ok(()) };
        let (choice, delta) = (&choices[0], &choices[0]["delta"]);
        if let Some(thought) = answer::thought(delta) {
            self.think(thought, names, out)?;
        }
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.say(text, &answer::ratings(&choice["logprobs"]), names, out)?;
        }
        for made in delta["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default() {
            self.call(made, names, out)?;
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.reason = Some(reason.to_owned());
        }
        Ok(())
    }

    /// Says the end, with all that was said.
    pub(crate) fn end(&mut self, names: &Names, out: &mut Vec<u8>) {
        self.begin("0", names, out);
        self.close(out);
        if self.output.is_empty() {
            // An answer without a word is still an answer.
            let id = item_id("msg", names, 0);
            self.open_text(&id, out);
            self.open = Some(Open::Text { id, text: String::new(), ratings: Vec::new() });
            self.close(out);
        }
        let (status, incomplete) = ending(self.reason.as_deref());
        let response = self.object(names, status, incomplete);
        let kind = if incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        self.emit(kind, &format!("\"response\":{response}"), out);
    }

    fn object(
        &self,
        names: &Names,
        status: &'static str,
        incomplete: Option<&'static str>,
    ) -> String {
        let state = State {
            status,
            incomplete,
            created: self.created.as_deref().unwrap_or("0"),
            output: Value::from(self.output.clone()).to_string(),
            usage: self.usage.clone(),
        };
        self.request.object(names, state)
    }

    fn begin(&mut self, created: &str, names: &Names, out: &mut Vec<u8>) {
        if self.created.is_some() {
            return;
        }
        self.created = Some(created.to_owned());
        let response = format!("\"response\":{}", self.object(names, "in_progress", None));
        self.emit("response.created", &response, out);
        self.emit("response.in_progress", &response, out);
    }

    /// Writes an event; `members` are those it has beside its type and number.
    fn emit(&mut self, kind: &str, members: &str, out: &mut Vec<u8>) {
        let number = self.sequence;
        self.sequence = self.sequence.saturating_add(1);
        let data = format!("{{\"type\":\"{kind}\",\"sequence_number\":{number},{members}}}");
        Item::Event { name: kind.into(), data: data.into_bytes() }.write(out);
    }

    fn emit_value(&mut self, kind: &str, members: &Value, out: &mut Vec<u8>) {
        let text = members.to_string();
        let inside = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        self.emit(kind, inside.unwrap_or_default(), out);
    }

    fn hold(&mut self, text: &str) -> Result<(), TooMuch> {
        self.held_bytes = self.held_bytes.saturating_add(text.len());
        if self.held_bytes > self.held_bytes_max { Err(TooMuch) } else { Ok(()) }
    }

    fn think(&mut self, more: &str, names: &Names, out: &mut Vec<u8>) -> Result<(), TooMuch> {
        self.hold(more)?;
        if !matches!(self.open, Some(Open::Thought { .. })) {
            self.close(out);
            let (id, place) = (item_id("rs", names, self.output.len()), self.output.len());
            let item = json!({ "id": id, "type": "reasoning", "summary": [], "content": [] });
            let added = json!({ "output_index": place, "item": item });
            self.emit_value("response.output_item.added", &added, out);
            let part = json!({ "type": "reasoning_text", "text": "" });
            self.emit_part("response.content_part.added", &id, &part, out);
            self.open = Some(Open::Thought { id, text: String::new() });
        }
        let place = self.output.len();
        if let Some(Open::Thought { id, text }) = &mut self.open {
            text.push_str(more);
            let delta = json!({
                "item_id": id, "output_index": place, "content_index": 0, "delta": more,
            });
            self.emit_value("response.reasoning_text.delta", &delta, out);
        }
        Ok(())
    }

    fn say(
        &mut self,
        more: &str,
        rated: &Value,
        names: &Names,
        out: &mut Vec<u8>,
    ) -> Result<(), TooMuch> {
        self.hold(more)?;
        if rated.as_array().is_some_and(|rated| !rated.is_empty()) {
            self.hold(&rated.to_string())?;
        }
        if !matches!(self.open, Some(Open::Text { .. })) {
            self.close(out);
            let id = item_id("msg", names, self.output.len());
            self.open_text(&id, out);
            self.open = Some(Open::Text { id, text: String::new(), ratings: Vec::new() });
        }
        let place = self.output.len();
        if let Some(Open::Text { id, text, ratings }) = &mut self.open {
            text.push_str(more);
            ratings.extend(rated.as_array().cloned().unwrap_or_default());
            let delta = json!({
                "item_id": id, "output_index": place, "content_index": 0, "delta": more,
                "logprobs": rated,
            });
            self.emit_value("response.output_text.delta", &delta, out);
        }
        Ok(())
    }

    fn open_text(&mut self, id: &str, out: &mut Vec<u8>) {
        let item = answer::said(id, "in_progress", json!([]));
        let added = json!({ "output_index": self.output.len(), "item": item });
        self.emit_value("response.output_item.added", &added, out);
        let part = answer::part("", &json!([]));
        self.emit_part("response.content_part.added", id, &part, out);
    }

    fn emit_part(&mut self, kind: &str, id: &str, part: &Value, out: &mut Vec<u8>) {
        let place = self.output.len();
        let members =
            json!({ "item_id": id, "output_index": place, "content_index": 0, "part": part });
        self.emit_value(kind, &members, out);
    }

    fn call(&mut self, made: &Value, names: &Names, out: &mut Vec<u8>) -> Result<(), TooMuch> {
        let asked = made["index"].as_u64().unwrap_or(0);
        let function = &made["function"];
        let more = function["arguments"].as_str().unwrap_or_default();
        self.hold(more)?;
        let is_same = matches!(&self.open, Some(Open::Call { index, .. }) if *index == asked);
        if !is_same {
            self.close(out);
            let id = item_id("fc", names, self.output.len());
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (call_id, name) = (text(&made["id"]), text(&function["name"]));
            let called = Called { call_id, name, arguments: String::new() };
            let item = answer::call(&id, "in_progress", &called);
            let added = json!({ "output_index": self.output.len(), "item": item });
            self.emit_value("response.output_item.added", &added, out);
            self.open = Some(Open::Call { id, index: asked, called });
        }
        let place = self.output.len();
        if let Some(Open::Call { id, called, .. }) = &mut self.open
            && !more.is_empty()
        {
            called.arguments.push_str(more);
            let delta = json!({ "item_id": id, "output_index": place, "delta": more });
            self.emit_value("response.function_call_arguments.delta", &delta, out);
        }
        Ok(())
    }

    /// Ends the item that is being said, if any.
    fn close(&mut self, out: &mut Vec<u8>) {
        let place = self.output.len();
        let item = match self.open.take() {
            None => return,
            Some(Open::Thought { id, text }) => {
                let done = json!({
                    "item_id": id, "output_index": place, "content_index": 0, "text": text,
                });
                self.emit_value("response.reasoning_text.done", &done, out);
                let part = json!({ "type": "reasoning_text", "text": text });
                self.emit_part("response.content_part.done", &id, &part, out);
                answer::reasoning(&id, &text)
            }
            Some(Open::Text { id, text, ratings }) => {
                let done = json!({
                    "item_id": id, "output_index": place, "content_index": 0, "text": text,
                    "logprobs": ratings,
                });
                self.emit_value("response.output_text.done", &done, out);
                let part = answer::part(&text, &Value::Array(ratings));
                self.emit_part("response.content_part.done", &id, &part, out);
                answer::said(&id, "completed", json!([part]))
            }
            Some(Open::Call { id, called, .. }) => {
                let done = json!({
                    "item_id": id, "output_index": place, "name": called.name,
                    "arguments": called.arguments,
                });
                self.emit_value("response.function_call_arguments.done", &done, out);
                answer::call(&id, "completed", &called)
            }
        };
        let done = json!({ "output_index": place, "item": item });
        self.emit_value("response.output_item.done", &done, out);
        self.output.push(item);
    }
}
