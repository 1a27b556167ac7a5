//! Responses as chats and back.

use serde_json::{Value, json};

use super::{Stream, to_chat, whole};
use crate::json::Fields;
use crate::translate::Names;

fn names() -> Names {
    Names { model_json: "\"pub/m\"".into(), id_json: "\"resp_1\"".into() }
}

fn chat(body: &Value) -> Value {
    serde_json::from_slice(&to_chat(body.to_string().as_bytes()).unwrap().0).unwrap()
}

/// The events that these chunks of a chat become.
fn events(chunks: &[Value]) -> Vec<Value> {
    let (_, request) = to_chat(br#"{"model":"m","input":"a","stream":true}"#).unwrap();
    let (mut stream, mut out) = (Stream::new(request, 1 << 10), Vec::new());
    for chunk in chunks {
        let text = chunk.to_string();
        stream.event(&Fields::parse(text.as_bytes()).unwrap(), &names(), &mut out).unwrap();
    }
    stream.end(&names(), &mut out);
    let text = String::from_utf8(out).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"]);
        data
    });
    events.collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn a_conversation_with_functions_becomes_a_chat() {
    let asked = chat(&json!({
        "model": "m",
        "instructions": "be brief",
        "input": [
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "what is this"},
                {"type": "input_image", "image_url": "http://i"},
            ]},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "1"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"b": 1, "a": 2}}},
        "max_output_tokens": 9, "reasoning": {"effort": "low"}, "store": false, "seed": 3,
        "metadata": {"k": "v"}, "include": ["message.output_text.logprobs"], "top_logprobs": 2,
    }));
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let image = json!({"type": "image_url", "image_url": {"url": "http://i", "detail": "auto"}});
    let function = json!({"name": "f", "parameters": {"type": "object"}, "strict": true});
    let schema = json!({"name": "n", "schema": {"b": 1, "a": 2}});
    assert_eq!(
        asked,
        json!({
            "model": "m", "max_tokens": 9, "reasoning_effort": "low", "seed": 3,
            "logprobs": true, "top_logprobs": 2,
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "system", "content": "d"},
                {"role": "user", "content": [text("what is this")[0], image]},
                {"role": "assistant", "content": null, "tool_calls": [call("c1", "f"), call("c2", "g")]},
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
                {"role": "assistant", "content": text("one")},
            ],
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_schema", "json_schema": schema},
        })
    );
}

#[test]
fn what_is_said_in_both_ways_is_asked_in_its_own() {
    let asked = chat(&json!({"model": "m", "input": "a", "max_output_tokens": 9, "max_tokens": 1}));
    let messages = json!([{"role": "user", "content": "a"}]);
    assert_eq!(asked, json!({"model": "m", "max_tokens": 9, "messages": messages}));
}

#[test]
fn the_order_of_a_schema_is_kept() {
    let body = br#"{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"n","schema":{"z":1,"a":1.10}}}}"#;
    let sent = String::from_utf8(to_chat(body).unwrap().0.to_vec()).unwrap();
    assert!(sent.contains(r#""schema":{"z":1,"a":1.10}"#), "{sent}");
}

#[test]
fn what_needs_a_memory_or_another_service_is_refused_by_name() {
    for (more, param) in [
        (json!({"store": true}), "store"),
        (json!({"background": true}), "background"),
        (json!({"previous_response_id": "resp_0"}), "previous_response_id"),
        (json!({"conversation": "c"}), "conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"messages": [{"role": "user", "content": "b"}]}), "messages"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"tools": 1}), "tools"),
        (json!({"tool_choice": {"type": "file_search"}}), "tool_choice"),
        (json!({"include": ["file_search_call.results"]}), "include"),
        (json!({"text": {"format": {"type": "grammar"}}}), "text.format.type"),
        (json!({"input": 7}), "input"),
        (json!({"input": null}), "input"),
        (json!({"input": [{"type": "item_reference", "id": "i"}]}), "input[0].type"),
        (json!({"input": [{"role": "robot", "content": "a"}]}), "input[0].role"),
        (json!({"input": [{"role": "user"}]}), "input[0].content"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}),
            "input[0].content",
        ),
    ] {
        let mut body = json!({"model": "m", "input": "a"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        let refused = to_chat(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.param.as_deref()),
            (400, Some(param)),
            "{body}"
        );
    }
}

#[test]
fn a_whole_chat_is_told_as_a_response() {
    let (_, request) = to_chat(br#"{"model":"m","input":"a","metadata":{"k":"v"}}"#).unwrap();
    let body = json!({"id": "x", "created": 5, "choices": [{"index": 0, "finish_reason": "length",
        "message": {"role": "assistant", "content": "hello", "reasoning_content": "hm", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6,
            "prompt_tokens_details": {"cached_tokens": 3}}});
    let told = whole(&request, body.to_string().as_bytes(), &names()).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!((&told["id"], &told["model"]), (&json!("resp_1"), &json!("pub/m")));
    assert_eq!((&told["object"], &told["created_at"]), (&json!("response"), &json!(5)));
    assert_eq!((&told["status"], &told["store"]), (&json!("incomplete"), &json!(false)));
    assert_eq!(told["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(told["metadata"], json!({"k": "v"}));
    let kinds: Vec<&str> =
        told["output"].as_array().unwrap().iter().map(|i| i["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(told["output"][1]["content"][0]["text"], "hello");
    assert_eq!(told["output"][2]["arguments"], "{\"a\":1}");
    assert_eq!(told["usage"]["input_tokens_details"]["cached_tokens"], 3);
    assert_eq!(told["usage"]["total_tokens"], 6);
}

#[test]
fn a_text_is_streamed_with_every_event_that_clients_wait_for() {
    let chunk = |delta: Value, reason: Value| json!({"created": 5, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let told = events(&[
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(json!({"content": "he"}), Value::Null),
        chunk(json!({"content": "llo"}), json!("stop")),
        usage,
    ]);
    assert_eq!(
        kinds(&told),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (place, event) in told.iter().enumerate() {
        assert_eq!(event["sequence_number"], place);
    }
    assert_eq!(
        told[3]["part"],
        json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []})
    );
    assert_eq!(told[6]["text"], "hello");
    let last = &told[9]["response"];
    assert_eq!(
        (&last["status"], &last["output"][0]["content"][0]["text"]),
        (&json!("completed"), &json!("hello"))
    );
    assert_eq!((&last["usage"]["total_tokens"], &last["created_at"]), (&json!(3), &json!(5)));
    assert_eq!(told[2]["item"]["id"], last["output"][0]["id"]);
}

#[test]
fn calls_of_functions_are_streamed_one_after_the_other() {
    let chunk = |calls: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
    let told = events(&[
        chunk(json!([{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}])),
        chunk(json!([{"index": 0, "function": {"arguments": "{\"a\""}}])),
        chunk(json!([{"index": 0, "function": {"arguments": ":1}"}}])),
        chunk(json!([{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{}"}}])),
    ]);
    assert_eq!(
        kinds(&told)[2..],
        [
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let output = &told[11]["response"]["output"];
    assert_eq!(
        (&output[0]["arguments"], &output[1]["call_id"]),
        (&json!("{\"a\":1}"), &json!("c2"))
    );
    assert_eq!(told[7]["output_index"], 1);
}

#[test]
fn an_answer_without_a_word_and_one_that_is_too_long() {
    assert_eq!(events(&[]).last().unwrap()["response"]["output"][0]["content"][0]["text"], "");
    let (_, request) = to_chat(br#"{"model":"m","input":"a"}"#).unwrap();
    let mut stream = Stream::new(request, 10);
    let chunk = r#"{"choices":[{"delta":{"content":"0123456"}}]}"#;
    let fields = Fields::parse(chunk.as_bytes()).unwrap();
    assert!(stream.event(&fields, &names(), &mut Vec::new()).is_ok());
    assert!(stream.event(&fields, &names(), &mut Vec::new()).is_err());
}
