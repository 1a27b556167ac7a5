//! What the mock answers beyond plain text, so that clients can be tried on their own paths: calls of functions,
//! JSON of a schema, vectors, ratings, several answers. It computes nothing and is the same each time.
//!
//! It must never be taken for a model: its texts say `mock`, its figures are constants.

mod schema;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::upstream::MODEL;

/// Numbers in a vector when the request does not say.
const DIMENSIONS: u64 = 8;
/// Most of what one request may make.
const DIMENSIONS_MAX: u64 = 4_096;
/// Most answers to one request.
const ANSWERS_MAX: u64 = 16;
/// How likely each token is said to be.
const LOGPROB: f64 = -0.5;

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// One JSON object.
    Whole(Value),
    /// The data of each event.
    Events(Vec<Value>),
}

/// What is said.
#[derive(Debug)]
enum Said {
    Text(String),
    /// A function's name and its arguments as JSON.
    Call(String, String),
}

/// Answers a request to a path; `None` for a path that the mock does not have.
pub(super) fn answer(path: &str, asked: &Value) -> Option<Reply> {
    match path {
        "/v1/chat/completions" => Some(chat(asked)),
        "/v1/completions" => Some(text(asked)),
        "/v1/embeddings" => Some(Reply::Whole(vectors(asked))),
        _ => None,
    }
}

fn count(asked: &Value, name: &str, otherwise: u64, most: u64) -> u64 {
    asked[name].as_u64().unwrap_or(otherwise).clamp(1, most)
}

fn usage(asked: &Value, written: u64) -> Value {
    let read = u64::try_from(asked.to_string().len()).unwrap_or(u64::MAX).div_ceil(4);
    json!({
        "prompt_tokens": read, "completion_tokens": written,
        "total_tokens": read.saturating_add(written),
    })
}

/// What a chat is answered: the result of a function if one was just called, else a call, a form or a text.
fn said(asked: &Value) -> Said {
    let last = asked["messages"].as_array().and_then(|messages| messages.last());
    if last.is_some_and(|last| last["role"] == "tool") {
        let result = last.map(|last| last["content"].clone()).unwrap_or_default();
        let result = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
        return Said::Text(format!("mock: {result}"));
    }
    let wanted = asked["tool_choice"]["function"]["name"].as_str();
    let tools = asked["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tool = tools
        .iter()
        .map(|tool| &tool["function"])
        .find(|function| wanted.is_none_or(|wanted| function["name"] == wanted));
    if let Some(function) = tool.filter(|_| asked["tool_choice"] != "none") {
        let name = function["name"].as_str().unwrap_or_default().to_owned();
        return Said::Call(name, schema::instance(&function["parameters"]).to_string());
    }
    match asked["response_format"]["type"].as_str() {
        Some("json_schema") => {
            let schema = &asked["response_format"]["json_schema"]["schema"];
            Said::Text(schema::instance(schema).to_string())
        }
        Some("json_object") => Said::Text(json!({ "mock": true }).to_string()),
        Some(_) | None => Said::Text("a mock says this".to_owned()),
    }
}

/// A text cut where its words end.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

fn rating(token: &str) -> Value {
    json!({ "token": token, "logprob": LOGPROB, "bytes": token.as_bytes() })
}

fn rated(text: &str) -> Value {
    let content = words(text).into_iter().map(|word| {
        let mut one = rating(word);
        one["top_logprobs"] = json!([rating(word)]);
        one
    });
    json!({ "content": content.collect::<Value>(), "refusal": null })
}

fn chat(asked: &Value) -> Reply {
    let said = said(asked);
    let answers = count(asked, "n", 1, ANSWERS_MAX);
    let written = match &said {
        Said::Text(text) | Said::Call(_, text) => {
            u64::try_from(words(text).len()).unwrap_or(u64::MAX).saturating_mul(answers)
        }
    };
    let head = |object: &str, choices: Value| {
        json!({
            "id": "chatcmpl-mock", "object": object, "created": 0, "model": MODEL, "choices": choices,
        })
    };
    if asked["stream"] == true {
        let chunk = |choices| head("chat.completion.chunk", choices);
        let mut events: Vec<Value> =
            (0..answers).flat_map(|index| deltas(asked, &said, index)).map(chunk).collect();
        let mut last = chunk(json!([]));
        last["usage"] = usage(asked, written);
        events.push(last);
        return Reply::Events(events);
    }
    let choices = (0..answers).map(|index| {
        let (message, reason) = match &said {
            Said::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
            Said::Call(name, arguments) => {
                let function = json!({ "name": name, "arguments": arguments });
                let call = json!({ "id": "callmock1", "type": "function", "function": function });
                let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
                (message, "tool_calls")
            }
        };
        let logprobs = match &said {
            Said::Text(text) if asked["logprobs"] == true => rated(text),
            Said::Text(_) | Said::Call(..) => Value::Null,
        };
        json!({ "index": index, "message": message, "logprobs": logprobs, "finish_reason": reason })
    });
    let mut whole = head("chat.completion", choices.collect());
    whole["usage"] = usage(asked, written);
    Reply::Whole(whole)
}

/// The choices of each chunk of one answer.
fn deltas(asked: &Value, said: &Said, index: u64) -> Vec<Value> {
    let choice = |delta: Value, reason: Value| json!([{ "index": index, "delta": delta, "finish_reason": reason }]);
    let mut chunks = vec![choice(json!({ "role": "assistant", "content": "" }), Value::Null)];
    let reason = match said {
        Said::Text(text) => {
            for word in words(text) {
                let mut one = choice(json!({ "content": word }), Value::Null);
                if asked["logprobs"] == true {
                    one[0]["logprobs"] = rated(word);
                }
                chunks.push(one);
            }
            "stop"
        }
        Said::Call(name, arguments) => {
            let half = arguments.len() / 2;
            let half = (half..=arguments.len()).find(|at| arguments.is_char_boundary(*at));
            let (first, rest) = arguments.split_at(half.unwrap_or(0));
            let function = json!({ "name": name, "arguments": "" });
            let begin =
                json!({ "index": 0, "id": "callmock1", "type": "function", "function": function });
            chunks.push(choice(json!({ "tool_calls": [begin] }), Value::Null));
            for piece in [first, rest] {
                let more = json!([{ "index": 0, "function": { "arguments": piece } }]);
                chunks.push(choice(json!({ "tool_calls": more }), Value::Null));
            }
            "tool_calls"
        }
    };
    chunks.push(choice(json!({}), json!(reason)));
    chunks
}

fn text(asked: &Value) -> Reply {
    let prompts = match &asked["prompt"] {
        Value::Array(prompts) if prompts.iter().all(|one| !one.is_number()) => prompts.clone(),
        one => vec![one.clone()],
    };
    let said = if asked["suffix"].is_string() { "mock middle" } else { "a mock says this" };
    let count = u64::try_from(prompts.len()).unwrap_or(u64::MAX);
    let written = count.saturating_mul(u64::try_from(words(said).len()).unwrap_or(u64::MAX));
    let head = |choices: Value| {
        json!({
            "id": "cmpl-mock", "object": "text_completion", "created": 0, "model": MODEL,
            "choices": choices,
        })
    };
    let choice = |index: usize, text: &str, reason: Value| json!({ "index": index, "text": text, "logprobs": null, "finish_reason": reason });
    if asked["stream"] == true {
        let mut events = Vec::new();
        for (index, _) in prompts.iter().enumerate() {
            let words = words(said).into_iter();
            events.extend(words.map(|word| head(json!([choice(index, word, Value::Null)]))));
            events.push(head(json!([choice(index, "", json!("stop"))])));
        }
        let mut last = head(json!([]));
        last["usage"] = usage(asked, written);
        events.push(last);
        return Reply::Events(events);
    }
    let choices = prompts.iter().enumerate().map(|(index, _)| choice(index, said, json!("stop")));
    let mut whole = head(choices.collect());
    whole["usage"] = usage(asked, written);
    Reply::Whole(whole)
}

/// Vectors that are equal for equal texts and tell nothing else about them.
fn vectors(asked: &Value) -> Value {
    let texts = match &asked["input"] {
        Value::Array(texts) if texts.iter().all(|one| !one.is_number()) => texts.clone(),
        one => vec![one.clone()],
    };
    let dimensions = count(asked, "dimensions", DIMENSIONS, DIMENSIONS_MAX);
    let data = texts.iter().enumerate().map(|(index, text)| {
        let text = text.to_string();
        let numbers = (0..dimensions).map(|place| {
            let mixed = text.bytes().fold(place.wrapping_add(1), |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(byte))
            });
            // Eighths are the same in every width and every notation.
            f32::from(u8::try_from(mixed % 16).unwrap_or(0)) / 8.0 - 1.0
        });
        let numbers: Vec<f32> = numbers.collect();
        let vector = if asked["encoding_format"] == "base64" {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(numbers)
        };
        json!({ "object": "embedding", "index": index, "embedding": vector })
    });
    let mut usage = usage(asked, 0);
    if let Some(usage) = usage.as_object_mut() {
        usage.remove("completion_tokens");
    }
    json!({ "object": "list", "model": MODEL, "data": data.collect::<Value>(), "usage": usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(path: &str, asked: Value) -> Value {
        match answer(path, &asked).unwrap() {
            Reply::Whole(told) => told,
            Reply::Events(events) => panic!("{events:?}"),
        }
    }

    #[test]
    fn a_function_is_called_once_and_its_result_repeated() {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
        let mut asked = json!({"messages": [{"role": "user", "content": "a"}], "tools": [tool]});
        let told = whole("/v1/chat/completions", asked.clone());
        let call = &told["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(
            (&call["name"], &call["arguments"]),
            (&json!("f"), &json!("{\"city\":\"mock\"}"))
        );
        asked["stream"] = true.into();
        let Some(Reply::Events(events)) = answer("/v1/chat/completions", &asked) else { panic!() };
        let streamed: String = events
            .iter()
            .filter_map(|event| {
                let call = &event["choices"][0]["delta"]["tool_calls"][0];
                call["function"]["arguments"].as_str()
            })
            .collect();
        assert_eq!(streamed, call["arguments"].as_str().unwrap());
        asked["stream"] = false.into();
        asked["messages"] = json!([{"role": "tool", "tool_call_id": "x", "content": "21"}]);
        let told = whole("/v1/chat/completions", asked);
        assert_eq!(told["choices"][0]["message"]["content"], "mock: 21");
    }

    #[test]
    fn equal_texts_have_equal_vectors_in_both_forms() {
        let told = whole("/v1/embeddings", json!({"input": ["a", "b", "a"], "dimensions": 3}));
        let vector = |index: usize| &told["data"][index]["embedding"];
        assert_eq!((vector(0), vector(0).as_array().unwrap().len()), (vector(2), 3));
        assert_ne!(vector(0), vector(1));
        let text = whole("/v1/embeddings", json!({"input": "a", "encoding_format": "base64"}));
        assert_eq!(text["data"][0]["embedding"].as_str().unwrap().len(), 44);
    }
}
