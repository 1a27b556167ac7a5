//! A whole chat completion as a response.

use serde_json::{Value, json};

use super::{Request, State, ending, item_id};
use crate::json::Fields;
use crate::translate::Names;

/// The response.
pub(crate) fn whole(
    request: &Request,
    body: &[u8],
    names: &Names,
) -> Result<Vec<u8>, serde_json::Error> {
    let fields = Fields::parse(body)?;
    let choices: Value =
        fields.get("choices").map(serde_json::from_str).transpose()?.unwrap_or_default();
    let (choice, message) = (&choices[0], &choices[0]["message"]);
    let mut output: Vec<Value> = Vec::new();
    if let Some(thought) = thought(message) {
        output.push(reasoning(&item_id("rs", names, output.len()), thought));
    }
    let text = message["content"].as_str().filter(|text| !text.is_empty());
    let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    if text.is_some() || calls.is_empty() {
        let content = match message["refusal"].as_str() {
            Some(refusal) => json!({ "type": "refusal", "refusal": refusal }),
            None => part(text.unwrap_or_default(), &ratings(&choice["logprobs"])),
        };
        let id = item_id("msg", names, output.len());
        output.push(said(&id, "completed", json!([content])));
    }
    for made in calls {
        let id = item_id("fc", names, output.len());
        let function = &made["function"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let called = Called {
            call_id: text(&made["id"]),
            name: text(&function["name"]),
            arguments: text(&function["arguments"]),
        };
        output.push(call(&id, "completed", &called));
    }
    let (status, incomplete) = ending(choice["finish_reason"].as_str());
    let state = State {
        status,
        incomplete,
        created: fields.get("created").unwrap_or("0"),
        output: Value::Array(output).to_string(),
        usage: fields.get("usage").and_then(usage),
    };
    Ok(request.object(names, state).into_bytes())
}

/// What a model thought aloud, by either name that engines have for it.
pub(super) fn thought(message: &Value) -> Option<&str> {
    let told = ["reasoning_content", "reasoning"].iter().find_map(|name| message[*name].as_str());
    told.filter(|text| !text.is_empty())
}

/// A part of text.
pub(super) fn part(text: &str, ratings: &Value) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": ratings })
}

/// The ratings of a choice's tokens; empty without any.
pub(super) fn ratings(logprobs: &Value) -> Value {
    match &logprobs["content"] {
        Value::Array(rated) => Value::Array(rated.clone()),
        _ => json!([]),
    }
}

/// An item that is a message.
pub(super) fn said(id: &str, status: &str, content: Value) -> Value {
    json!({
        "id": id, "type": "message", "status": status, "role": "assistant", "content": content,
    })
}

/// An item that is a thought.
pub(super) fn reasoning(id: &str, text: &str) -> Value {
    let content = json!([{ "type": "reasoning_text", "text": text }]);
    json!({ "id": id, "type": "reasoning", "summary": [], "content": content })
}

/// A call of a function.
#[derive(Debug, Default)]
pub(super) struct Called {
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// An item that is a call of a function.
pub(super) fn call(id: &str, status: &str, called: &Called) -> Value {
    let Called { call_id, name, arguments } = called;
    json!({
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    })
}

/// An engine's usage in a response's words.
pub(super) fn usage(raw: &str) -> Option<String> {
    let told: Value = serde_json::from_str(raw).ok()?;
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let (read, written) = (count(&told["prompt_tokens"]), count(&told["completion_tokens"]));
    // Nothing is charged for what a cache takes in, so none of it is told apart.
    let cached = count(&told["prompt_tokens_details"]["cached_tokens"]);
    let reasoning = count(&told["completion_tokens_details"]["reasoning_tokens"]);
    let usage = json!({
        "input_tokens": read,
        "input_tokens_details": { "cached_tokens": cached, "cache_write_tokens": 0 },
        "output_tokens": written,
        "output_tokens_details": { "reasoning_tokens": reasoning },
        "total_tokens": read.saturating_add(written),
    });
    Some(usage.to_string())
}
