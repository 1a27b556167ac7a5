//! Checks of what is read from a request and of what reaches a replica.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Completion;

fn upstream(body: &str) -> Value {
    let request = Completion::parse(body.as_bytes(), None).unwrap();
    serde_json::from_slice(&request.into_upstream("internal/m")).unwrap()
}

fn refused(body: &str) -> (u16, Value) {
    let error = Completion::parse(body.as_bytes(), Some(100)).unwrap_err();
    (error.status.as_u16(), error.envelope()["error"]["param"].clone())
}

#[test]
fn only_the_model_changes_without_a_stream() {
    let body = r#"{"seed":123456789012345678901234567890,"model":"a","x":[1.10,{"y":null}]}"#;
    let request = Completion::parse(body.as_bytes(), None).unwrap();
    let sent = request.into_upstream("b");
    assert_eq!(sent, body.replace(r#""model":"a""#, r#""model":"b""#));
}

#[test]
fn streams_always_ask_for_usage_and_keep_other_options() {
    let sent = upstream(r#"{"model":"a","stream":true,"stream_options":{"z":1}}"#);
    assert_eq!(sent["stream_options"], json!({"z": 1, "include_usage": true}));
    let sent = upstream(r#"{"model":"a","stream":true,"stream_options":null}"#);
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
    let sent = upstream(r#"{"model":"a","stream":false}"#);
    assert!(sent.get("stream_options").is_none());
}

#[test]
fn an_escaped_key_is_the_same_key() {
    let sent = upstream(r#"{"mod\u0065l":"a"}"#);
    assert_eq!(sent, json!({"model": "internal/m"}));
}

#[test]
fn faults_name_their_field() {
    for (body, param) in [
        ("", Value::Null),
        ("[]", Value::Null),
        ("{\"model\":\"a\"", Value::Null),
        (r#"{"model":"a","model":"b"}"#, Value::Null),
        ("{}", json!("model")),
        (r#"{"model":7}"#, json!("model")),
        (r#"{"model":""}"#, json!("model")),
        (r#"{"model":"a","stream":"yes"}"#, json!("stream")),
        (r#"{"model":"a","stream_options":1}"#, json!("stream_options")),
        (r#"{"model":"a","max_tokens":-1}"#, json!("max_tokens")),
        (r#"{"model":"a","max_completion_tokens":101}"#, json!("max_completion_tokens")),
    ] {
        assert_eq!(refused(body), (400, param), "{body}");
    }
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let deep = format!(r#"{{"model":"a","x":{}1{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(refused(&deep).0, 400);
    let text = format!(r#"{{"model":"a","x":"{}"}}"#, "[".repeat(1_000));
    assert!(Completion::parse(text.as_bytes(), None).is_ok(), "brackets in strings do not nest");
}

#[test]
fn prompts_are_estimated() {
    let tokens =
        |body: &str| Completion::parse(body.as_bytes(), None).unwrap().prompt_tokens_estimate;
    assert_eq!(tokens(r#"{"model":"a","prompt":[1,2,3]}"#), 3);
    assert_eq!(tokens(r#"{"model":"a","prompt":"123456"}"#), 2);
    assert_eq!(tokens(r#"{"model":"a"}"#), 0);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Completion::parse(&bytes, None);
    }

    #[test]
    fn almost_json_is_read_or_refused(text in r#"\{("model":"a"|[\[\]{}",:0-9a-z\\]){0,40}\}"#) {
        if let Ok(request) = Completion::parse(text.as_bytes(), None) {
            let sent = request.into_upstream("b");
            prop_assert!(serde_json::from_slice::<Value>(&sent).is_ok());
        }
    }
}
