//! Requests put into an engine's words, and its whole answers back: JSON on both sides, and no text lost.
//!
//! The first byte chooses the kind of call; a byte 255 stands between the request and the answer.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;

use super::choice;
use super::json::raw;
use crate::call::Call;
use crate::request::Completion;
use crate::surface::Shape;
use crate::translate::Names;

pub(super) fn run(bytes: &[u8]) {
    let (chosen, rest) = choice(bytes);
    let call = Call::ALL[usize::from(chosen) % Call::ALL.len()];
    let mut parts = rest.splitn(2, |byte| *byte == 0xff);
    let (request, answer) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(shape) = asked(call, request) else { return };
    let names = Names { model_json: "\"our/model\"".into(), id_json: "\"resp_1\"".into() };
    let Ok(told) = shape.whole(answer, &names) else { return };
    match shape {
        Shape::Named | Shape::Bare => assert_eq!(told, answer),
        Shape::Fim | Shape::Responses(_) => {
            let fields = raw(&told).expect("an object, each name once");
            let text = |name: &str| fields.get(name).map(|value| value.get());
            assert_eq!(text("model"), Some("\"our/model\""));
            assert_eq!(text("id"), Some("\"resp_1\""));
            let is_chat = matches!(shape, Shape::Responses(_));
            assert_eq!(first_text(answer, is_chat), said(&told), "the text is another");
        }
    }
}

/// The text of the first choice of an engine's answer, if it is one.
fn first_text(answer: &[u8], is_chat: bool) -> String {
    let whole: Value = serde_json::from_slice(answer).unwrap_or_default();
    let choice = &whole["choices"][0];
    if !is_chat {
        return choice["text"].as_str().unwrap_or_default().to_owned();
    }
    let refusal = choice["message"]["refusal"].as_str();
    refusal.or(choice["message"]["content"].as_str()).unwrap_or_default().to_owned()
}

/// The same of what the client is told.
fn said(told: &[u8]) -> String {
    let whole: Value = serde_json::from_slice(told).unwrap_or_default();
    if let Some(choices) = whole.get("choices") {
        return choices[0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    }
    let output = whole["output"].as_array().cloned().unwrap_or_default();
    let message = output.into_iter().find(|item| item["type"] == "message");
    let message = message.unwrap_or_default();
    let part = &message["content"][0];
    let text = part["refusal"].as_str().or(part["text"].as_str());
    text.unwrap_or_default().to_owned()
}

/// Puts a request into an engine's words; `None` if it is refused.
fn asked(call: Call, request: &[u8]) -> Option<Shape> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.headers.insert("x-cocarde-model", HeaderValue::from_static("a\"b"));
    let body = Bytes::copy_from_slice(request);
    let translated = crate::surface::request(call, &head, body, Vec::new).ok()?;
    let mut asked = Completion::parse(&translated.body, None).ok()?;
    asked.speak(call).ok()?;
    let sent = asked.into_upstream("engine");
    let fields = raw(&sent).expect("an object");
    let n_names = crate::json::Fields::parse(&sent).expect("each name once").iter().count();
    assert_eq!(n_names, fields.len());
    assert_eq!(fields["model"].get(), "\"engine\"");
    if matches!(call, Call::Responses) {
        let before: Value = serde_json::from_slice(request).unwrap_or_default();
        let after: Value = serde_json::from_slice(&sent).unwrap_or_default();
        let (mut given, mut kept) = (Vec::new(), Vec::new());
        texts(&before["instructions"], &mut given);
        texts_of_input(&before["input"], &mut given);
        texts(&after["messages"], &mut kept);
        for text in given {
            let place = kept.iter().position(|one| *one == text);
            kept.swap_remove(place.unwrap_or_else(|| panic!("a text is lost: {text}")));
        }
    }
    Some(translated.shape)
}

/// What of the input is for the model to read.
fn texts_of_input(input: &Value, texts_found: &mut Vec<String>) {
    let Some(items) = input.as_array() else { return texts(input, texts_found) };
    for item in items {
        match item["type"].as_str().unwrap_or("message") {
            "message" => said_in(&item["content"], texts_found),
            "function_call_output" => said_in(&item["output"], texts_found),
            "function_call" => texts(&item["arguments"], texts_found),
            _ => {}
        }
    }
}

fn said_in(content: &Value, found: &mut Vec<String>) {
    let Some(parts) = content.as_array() else { return texts(content, found) };
    for part in parts {
        // Whatever an image says beside its address is not for the model.
        if part["type"] == "input_image" {
            continue;
        }
        match part["text"].as_str() {
            Some(text) => found.push(text.to_owned()),
            None => texts(&part["refusal"], found),
        }
    }
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
