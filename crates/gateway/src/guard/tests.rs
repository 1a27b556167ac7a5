//! Rules on questions, on whole answers, and on streams however they are cut.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json::Fields;

fn pattern(action: CheckAction, pattern: &str, window_chars: u32) -> CheckSpec {
    let kind = CheckKind::Pattern { pattern: pattern.into(), window_chars };
    CheckSpec { name: "rule".into(), on_question: true, on_answer: true, action, kind }
}

fn checks(spec: CheckSpec) -> Arc<Checks> {
    Arc::new(Checks::compile(vec![spec]).unwrap())
}

fn ask(checks: &Checks, body: &Value) -> Result<(Value, Hits), Refused> {
    let text = body.to_string();
    let mut fields = Fields::parse(text.as_bytes()).unwrap();
    let hits = checks.question(&mut fields)?;
    Ok((serde_json::from_str(&fields.to_json()).unwrap(), hits))
}

#[test]
fn questions_are_refused_redacted_or_only_counted() {
    let body = json!({"messages": [{"role": "user", "content": "card 4111 please"}], "n": 1});
    let refuse = checks(pattern(CheckAction::Refuse, r"\d{4}", 0));
    let error = ApiError::from(ask(&refuse, &body).unwrap_err());
    assert_eq!((error.status.as_u16(), &error.code), (400, &json!("content_filter")));
    assert!(error.message.contains("`rule`") && !error.message.contains("4111"));
    let redact = checks(pattern(CheckAction::Redact, r"\d{4}", 0));
    let (shown, hits) = ask(&redact, &body).unwrap();
    assert_eq!(shown["messages"][0]["content"], "card [redacted: rule] please");
    assert_eq!((hits.redacted, shown["n"].clone()), (1, json!(1)));
    let report = checks(pattern(CheckAction::Report, r"\d{4}", 0));
    let (shown, hits) = ask(&report, &body).unwrap();
    assert_eq!((shown, hits.reported), (body, 1));
}

#[test]
fn every_text_that_reaches_a_model_is_looked_at() {
    let refuse = checks(pattern(CheckAction::Refuse, "forbidden", 0));
    for body in [
        json!({"prompt": "a forbidden thing"}),
        json!({"prompt": ["fine", "forbidden"]}),
        json!({"input": "forbidden"}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "forbidden"}]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "forbidden"}}]}]}),
        json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "forb"}, {"type": "text", "text": "idden"}]}]}),
        json!({"messages": [], "tools": [{"function": {"description": "forbidden"}}]}),
        // A tool may have an argument that is called `type`, and templates write down any role.
        json!({"tools": [{"function": {"parameters": {"properties": {"type": {"description": "forbidden"}}}}}]}),
        json!({"messages": [{"role": "forbidden", "content": "fine"}]}),
        json!({"tools": [{"function": {"parameters": {"properties": {"a forbidden": {}}}}}]}),
    ] {
        assert!(ask(&refuse, &body).is_err(), "{body}");
    }
    assert!(ask(&refuse, &json!({"prompt": "allowed", "user": "forbidden"})).is_ok());
}

#[test]
fn what_may_be_read_in_two_ways_passes_no_rule() {
    let redact = checks(pattern(CheckAction::Redact, "forbidden", 0));
    let question =
        br#"{"messages": [{"role": "user", "content": "forbidden", "content": "fine"}]}"#;
    assert!(redact.question(&mut Fields::parse(question).unwrap()).is_err());
    let answer = br#"{"choices": [{"text": "forbidden", "text": "fine"}]}"#;
    assert!(redact.answer(answer.to_vec()).is_err());
    let steers =
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "fine"}]}]});
    let words = checks(pattern(CheckAction::Redact, "user|text", 0));
    assert_eq!(ask(&words, &steers).unwrap().0, steers, "roles and types are no texts");
}

#[test]
fn what_stands_for_a_text_and_is_none_passes_no_strict_rule() {
    let refuse = checks(pattern(CheckAction::Refuse, "forbidden", 0));
    let report = checks(pattern(CheckAction::Report, "forbidden", 0));
    for body in [
        json!({"prompt": [1, 2]}),
        json!({"prompt": ["fine", [1, 2]]}),
        json!({"input": [[1, 2]]}),
        json!({"prompt": "fine", "prompt_embeds": "AAAA"}),
    ] {
        assert!(ask(&refuse, &body).is_err(), "{body}");
        assert!(ask(&report, &body).is_ok(), "{body}");
    }
}

#[test]
fn rules_of_several_endpoints_are_asked_together_and_each_once() {
    let named = |name: &str| {
        let spec = pattern(CheckAction::Report, "x", 0);
        checks(CheckSpec { name: name.into(), ..spec })
    };
    let together = Checks::together(vec![named("a"), named("b"), named("a")]).unwrap();
    let (_, hits) = ask(&together, &json!({"prompt": "x"})).unwrap();
    assert_eq!(hits.reported, 2);
    assert!(Checks::together(Vec::new()).is_none());
    let alone = named("a");
    assert!(Arc::ptr_eq(&alone, &Checks::together(vec![alone.clone(), named("a")]).unwrap()));
}

#[test]
fn whatever_a_stream_brings_is_looked_at() {
    let refuse = checks(pattern(CheckAction::Refuse, "forbidden", 16));
    for event in [
        json!({"output": [{"text": "forbidden"}]}),
        json!({"error": {"message": "forbidden"}}),
        json!({"choices": [{"message": {"content": "forbidden"}}]}),
        json!({"choices": [{"delta": {"audio": {"transcript": "forbidden"}}}]}),
        json!({"choices": [{"delta": {"tool_calls": [{"function": {"name": "forbidden"}}]}}]}),
        json!({"choices": [{"delta": {"tool_calls": [{"custom": {"input": "forbidden"}}]}}]}),
        json!({"choices": [{"delta": {"function_call": {"arguments": "forbidden"}}}]}),
        json!({"choices": ["forbidden"]}),
        // In parts: nobody knows how they are put together.
        json!({"choices": [{"delta": {"content": [{"type": "text", "text": "fine"}]}}]}),
        json!(["forbidden"]),
    ] {
        let mut screen = Screen::new(&refuse, 1 << 16).unwrap();
        let sent = format!("data: {event}\n\n");
        assert!(screen.pass(sent.as_bytes(), &mut Vec::new()).is_err(), "{event}");
    }
    let fine = json!({"id": "forbidden", "model": "forbidden", "choices": [], "usage": {"prompt_tokens": 1}});
    let mut screen = Screen::new(&refuse, 1 << 16).unwrap();
    screen.pass(format!("data: {fine}\n\n").as_bytes(), &mut Vec::new()).unwrap();
}

#[test]
fn old_calls_of_functions_are_held_back_as_any_text() {
    let redact = checks(pattern(CheckAction::Redact, "secret", 8));
    let mut screen = Screen::new(&redact, 1 << 16).unwrap();
    let mut out = Vec::new();
    for piece in ["a sec", "ret b"] {
        let event = json!({"choices": [{"delta": {"function_call": {"arguments": piece}}}]});
        screen.pass(format!("data: {event}\n\n").as_bytes(), &mut out).unwrap();
    }
    screen.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let parts = text.split(r#""arguments":""#).skip(1);
    let shown: String = parts.map(|part| part.split('"').next().unwrap()).collect();
    assert_eq!(shown, "a [redacted: rule] b");
}

#[test]
fn sizes_are_of_all_texts_together() {
    let size = |limits: SizeLimits| CheckSpec {
        kind: CheckKind::Size(limits),
        ..pattern(CheckAction::Refuse, "x", 0)
    };
    let body =
        json!({"messages": [{"role": "user", "content": "éé"}, {"role": "user", "content": "ab"}]});
    let at = |limits| ask(&checks(size(limits)), &body).is_ok();
    for (n, fits) in [(6, true), (5, false)] {
        assert_eq!(at(SizeLimits { bytes_max: Some(n), ..SizeLimits::default() }), fits);
    }
    for (n, fits) in [(4, true), (3, false)] {
        assert_eq!(at(SizeLimits { characters_max: Some(n), ..SizeLimits::default() }), fits);
    }
    for (n, fits) in [(2, true), (1, false)] {
        assert_eq!(at(SizeLimits { tokens_max: Some(n), ..SizeLimits::default() }), fits);
        assert_eq!(at(SizeLimits { messages_max: Some(n), ..SizeLimits::default() }), fits);
    }
}

#[test]
fn what_cannot_be_read_refuses_everything() {
    let broken = checks(pattern(CheckAction::Report, "(", 0));
    assert!(ask(&broken, &json!({"prompt": "x"})).is_err());
    assert!(broken.answer(br#"{"choices":[]}"#.to_vec()).is_err());
    for bad in ["(", "", "a*", &"a".repeat(1_025), r"(\w{100}){100}{100}"] {
        assert!(compile_pattern(bad).is_err(), "{bad}");
    }
}

#[test]
fn whole_answers_lose_the_tokens_that_would_tell() {
    let redact = checks(pattern(CheckAction::Redact, "secret", 0));
    let body = json!({"id": "x", "choices": [{"message": {"content": "a secret"}, "logprobs": {"content": [{"token": "secret"}]}}]});
    let (shown, hits) = redact.answer(body.to_string().into_bytes()).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains("secret") && shown.contains("a [redacted: rule]"), "{shown}");
    assert_eq!(hits.redacted, 2, "the text and its token");
}

/// Sends a text in pieces and gives what is shown after each, and all of it.
fn stream(checks: &Arc<Checks>, pieces: &[String]) -> Result<Vec<String>, Refused> {
    let mut screen = Screen::new(checks, 1 << 16).unwrap();
    let mut shown = Vec::new();
    let mut send = |event: Value| {
        let mut out = Vec::new();
        screen.pass(format!("data: {event}\n\n").as_bytes(), &mut out)?;
        let text = String::from_utf8(out).unwrap();
        let data = text.strip_prefix("data: ").unwrap();
        let event: Value = serde_json::from_str(data.trim()).unwrap();
        let content = event["choices"][0]["delta"]["content"].as_str().unwrap_or("");
        shown.push(content.to_owned());
        Ok::<_, Refused>(())
    };
    for piece in pieces {
        send(
            json!({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": null}]}),
        )?;
    }
    send(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))?;
    Ok(shown)
}

#[test]
fn a_stream_lags_by_the_window_and_no_more() {
    let redact = checks(pattern(CheckAction::Redact, "secret", 8));
    let pieces: Vec<String> = "abcdefghijklmnop".chars().map(String::from).collect();
    let shown = stream(&redact, &pieces).unwrap();
    assert!(shown[..8].iter().all(String::is_empty), "{shown:?}");
    assert_eq!(shown[8..16].concat(), "abcdefgh");
    assert_eq!(shown.concat(), "abcdefghijklmnop");
    let report = checks(pattern(CheckAction::Report, "secret", 8));
    assert_eq!(stream(&report, &pieces).unwrap()[0], "a", "what only counts holds nothing back");
}

#[test]
fn what_stands_in_place_is_not_looked_at_again() {
    let redact = checks(pattern(CheckAction::Redact, "[a-z]", 4));
    let shown = stream(&redact, &["1a".into(), "2".into(), "b34567".into()]).unwrap().concat();
    assert_eq!(shown, "1[redacted: rule]2[redacted: rule]34567");
}

#[test]
fn choices_and_tools_are_apart_and_the_rest_comes_before_done() {
    let redact = checks(pattern(CheckAction::Redact, "ab", 4));
    let mut screen = Screen::new(&redact, 1 << 16).unwrap();
    let mut out = Vec::new();
    for (index, piece) in [(0, "xa"), (1, "xa"), (1, "b"), (0, "c")] {
        let event = json!({"choices": [{"index": index, "delta": {"content": piece}}]});
        screen.pass(format!("data: {event}\n\n").as_bytes(), &mut out).unwrap();
    }
    let call = json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "ab"}}]}}]});
    screen
        .pass(format!("data: {call}\n\n: alive\n\ndata: [DONE]\n\n").as_bytes(), &mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n") && text.contains(": alive"), "{text}");
    assert!(
        text.contains(r#""content":"xac""#) && text.contains(r#""content":"x[redacted: rule]""#)
    );
    assert!(text.contains(r#""arguments":"[redacted: rule]""#), "{text}");
}

#[test]
fn a_choice_ends_with_a_reason_and_may_not_complete_a_match_after_it() {
    let redact = checks(pattern(CheckAction::Redact, "secret", 8));
    let send = |screen: &mut Screen, piece: &str, reason: &str| {
        let event = json!({"choices": [{"delta": {"content": piece}, "finish_reason": reason}]});
        let mut out = Vec::new();
        let passed = screen.pass(format!("data: {event}\n\n").as_bytes(), &mut out);
        passed.map(|()| String::from_utf8(out).unwrap())
    };
    let mut screen = Screen::new(&redact, 1 << 16).unwrap();
    assert!(!send(&mut screen, "a sec", "").unwrap().contains("sec"), "an empty reason is none");
    assert!(send(&mut screen, "ret b", "stop").unwrap().contains("a [redacted: rule] b"));
    let mut screen = Screen::new(&redact, 1 << 16).unwrap();
    assert!(send(&mut screen, "a sec", "stop").unwrap().contains("a sec"));
    assert!(send(&mut screen, "ret b", "stop").is_err());
}

#[test]
fn what_is_no_json_does_not_pass_unread() {
    let refuse = checks(pattern(CheckAction::Refuse, "x", 4));
    let mut screen = Screen::new(&refuse, 64).unwrap();
    assert!(screen.pass(b"data: not json\n\n", &mut Vec::new()).is_err());
    let mut screen = Screen::new(&refuse, 64).unwrap();
    assert!(screen.pass(&[b'a'; 100], &mut Vec::new()).is_err());
}

fn cut(text: &str, cuts: &[usize]) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (chars.len() + 1)).collect();
    places.extend([0, chars.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| chars[pair[0]..pair[1]].iter().collect()).collect()
}

proptest! {
    /// However a stream is cut, a match that fits the window is never shown, in whole or in part.
    #[test]
    fn no_cut_shows_a_match(before in "[a-z é]{0,40}", after in "[a-z é]{0,40}", cuts in prop::collection::vec(0_usize..200, 0..20)) {
        let text = format!("{before}FR7612345{after}");
        let redact = checks(pattern(CheckAction::Redact, r"FR\d{7}", 9));
        let shown = stream(&redact, &cut(&text, &cuts)).unwrap().concat();
        prop_assert_eq!(shown, format!("{before}[redacted: rule]{after}"));
        let refuse = checks(pattern(CheckAction::Refuse, r"FR\d{7}", 9));
        prop_assert!(stream(&refuse, &cut(&text, &cuts)).is_err());
    }

    /// What matches nothing comes whole.
    #[test]
    fn no_cut_loses_a_character(text in "\\PC{0,80}", cuts in prop::collection::vec(0_usize..200, 0..20)) {
        let redact = checks(pattern(CheckAction::Redact, "\u{1}never", 16));
        prop_assert_eq!(stream(&redact, &cut(&text, &cuts)).unwrap().concat(), text);
    }
}
