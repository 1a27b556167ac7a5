//! Records as they are handed on: their form, what they leave out, and the room that they may take.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use units::{Id, UnixMicros};

use super::{About, Capture, Draft, Facts, Recorder, is_chosen};

fn about(id: &str) -> About {
    let (id, model) = (id.to_owned(), "pub/plain".to_owned());
    About { project: Id::from_bytes([9; 16]), id, model, path: "/v1/chat/completions" }
}

fn facts() -> Facts {
    Facts {
        key: Id::from_bytes([1; 16]),
        endpoint: Id::from_bytes([8; 16]),
        at: UnixMicros(1_764_151_392_123_456),
        complete: true,
        tokens: (3, 2),
    }
}

fn begin(recorder: &Arc<Recorder>, request: &'static str) -> Option<Box<Draft>> {
    let dataset = Id::from_bytes([5; 16]);
    let capture = Capture { dataset, permille: 1_000, recorder: Arc::clone(recorder) };
    Draft::begin(capture, about("chatcmpl-1"), &Bytes::from_static(request.as_bytes()))
}

/// The line of a record that has heard these events.
fn line_of(events: &[&str]) -> Value {
    let (recorder, mut records) = Recorder::new(1 << 20);
    let mut draft = begin(&recorder, r#"{"model":"m"}"#);
    for event in events {
        draft = draft.and_then(|draft| draft.event(event.as_bytes()));
    }
    draft.unwrap().finish(facts());
    serde_json::from_slice(&records.try_recv().unwrap().line).unwrap()
}

#[test]
fn a_record_is_one_line_with_both_texts_as_they_were() {
    let (recorder, mut records) = Recorder::new(1 << 20);
    let request = "{\"model\":\"m\",\n \"seed\":12345678901234567890123,\"messages\":[]}";
    let draft = begin(&recorder, request).unwrap();
    draft.whole(b"{\"choices\":[],\r\n\"x\":\"a\\nb\"}").unwrap().finish(facts());
    let record = records.try_recv().unwrap();
    let text = String::from_utf8(record.line.clone()).unwrap();
    assert_eq!(text.find('\n'), Some(text.len() - 1), "{text}");
    assert!(text.contains("12345678901234567890123"), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["at"], "2025-11-26T10:03:12.123456Z");
    assert_eq!((&line["id"], &line["model"]), (&json!("chatcmpl-1"), &json!("pub/plain")));
    assert_eq!(line["path"], "/v1/chat/completions");
    assert_eq!((&line["complete"], &line["tokens_in"]), (&json!(true), &json!(3)));
    assert_eq!(line["response"], json!({"choices": [], "x": "a\nb"}));
    assert_eq!(record.project, Id::from_bytes([9; 16]));
    assert_eq!(record.dataset, Id::from_bytes([5; 16]));
}

#[test]
fn a_stream_becomes_the_answer_that_it_would_have_been() {
    let line = line_of(&[
        r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":1,"delta":{"content":"B"},"logprobs":{"content":[{"token":"B"}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Bon"},"finish_reason":null}]}"#,
        "not JSON",
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"jour"},"finish_reason":null},{"index":1,"delta":{"content":"!"},"logprobs":{"content":[{"token":"!"}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    ]);
    let expected = json!({
        "id": "c", "object": "chat.completion", "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Bonjour"}},
            {"index": 1, "message": {"content": "B!"}, "logprobs": {"content": [{"token": "B"}, {"token": "!"}]}},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    });
    assert_eq!(line["response"], expected);
}

#[test]
fn tool_calls_of_a_stream_are_put_together() {
    let line = line_of(&[
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t0","type":"function","function":{"name":"add","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"t1","type":"function","function":{"name":"add","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"add","arguments":"1}"}}]},"finish_reason":"tool_calls"}]}"#,
    ]);
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": arguments}});
    let choice = &line["response"]["choices"][0];
    assert_eq!(choice["message"]["tool_calls"], json!([call("t0", "{\"a\":1}"), call("t1", "{}")]));
    assert_eq!(choice["finish_reason"], "tool_calls");
}

#[test]
fn texts_go_on_in_plain_completions_too() {
    let line = line_of(&[
        r#"{"object":"text_completion","choices":[{"index":0,"text":"Bon","finish_reason":null}]}"#,
        r#"{"object":"text_completion","choices":[{"index":0,"text":"jour","finish_reason":"length"}]}"#,
    ]);
    assert_eq!(
        line["response"],
        json!({"object": "text_completion", "choices": [{"index": 0, "text": "Bonjour", "finish_reason": "length"}]})
    );
    assert_eq!(line_of(&[])["response"], Value::Null);
}

#[test]
fn what_finds_no_room_is_counted_and_room_comes_back() {
    let (recorder, mut records) = Recorder::new(2_600);
    let project = Id::from_bytes([9; 16]);
    let first = begin(&recorder, "{}").unwrap();
    let second = begin(&recorder, "{}").unwrap();
    assert!(begin(&recorder, "{}").is_none());
    assert_eq!(recorder.dropped(project), 1);
    assert!(first.whole(&[b' '; 600]).is_none());
    assert_eq!((recorder.dropped(project), recorder.dropped(Id::from_bytes([1; 16]))), (2, 0));
    // The queue holds its room until the record has been written.
    second.whole(b"{}").unwrap().finish(facts());
    let third = begin(&recorder, "{}").unwrap();
    assert!(begin(&recorder, "{}").is_none());
    drop((third, records.try_recv().unwrap()));
    assert!(begin(&recorder, "{}").is_some());
    assert!(begin(&recorder, "{}").is_some());
}

#[test]
fn an_answer_in_more_parts_than_there_are_is_given_up() {
    let (recorder, _records) = Recorder::new(1 << 20);
    let mut draft = begin(&recorder, "{}");
    for index in 0..300 {
        let event = json!({"choices": [{"index": index, "delta": {"content": "x"}}]}).to_string();
        draft = draft.and_then(|draft| draft.event(event.as_bytes()));
    }
    assert!(draft.is_none());
    assert_eq!(recorder.dropped(Id::from_bytes([9; 16])), 1);
}

#[test]
fn the_share_is_that_asked_for_and_follows_from_the_id() {
    let chosen =
        |permille| (0..10_000).filter(|n| is_chosen(&format!("chatcmpl-{n}"), permille)).count();
    assert_eq!((chosen(0), chosen(1_000)), (0, 10_000));
    let tenth = chosen(100);
    assert!((900..1_100).contains(&tenth), "{tenth}");
    let few = (0..10_000).filter(|n| is_chosen(&format!("chatcmpl-{n}"), 100));
    assert!(few.clone().all(|n| is_chosen(&format!("chatcmpl-{n}"), 200)));
}
