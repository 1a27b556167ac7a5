//! Rules over questions and answers: what a rule replaces is found in no text that goes on, and all else is as it
//! was.
//!
//! The first byte chooses: a question, a whole answer, a streamed answer, whose pieces are cut anywhere, or what
//! a service answers that was asked about texts.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;

use super::{CheckAction, CheckKind, CheckSpec, Checks, Screen, question};
use crate::fuzzing::json::raw;
use crate::fuzzing::{choice, cuts};
use crate::json::Fields;
use crate::sse::{Item, Parser};

/// What is looked for; no part of it can be made of what stands in its place.
const PATTERN: &str = "z[0-9]{1,3}y";
const WINDOW_CHARS: u32 = 8;
const EVENT_BYTES_MAX: usize = 1_024;

static WANTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(PATTERN).expect("an expression"));
static REDACT: LazyLock<Arc<Checks>> = LazyLock::new(|| rule(CheckAction::Redact));
static REFUSE: LazyLock<Arc<Checks>> = LazyLock::new(|| rule(CheckAction::Refuse));

fn rule(action: CheckAction) -> Arc<Checks> {
    let kind = CheckKind::Pattern { pattern: PATTERN.into(), window_chars: WINDOW_CHARS };
    let spec = CheckSpec { name: "r".into(), on_question: true, on_answer: true, action, kind };
    Arc::new(Checks::compile(vec![spec]).expect("one rule"))
}

pub(crate) fn run(bytes: &[u8]) {
    let (chosen, rest) = choice(bytes);
    match chosen % 4 {
        0 => asked(rest),
        1 => answered(rest),
        2 => streamed(rest),
        _ => super::checker::fuzz::run(rest),
    }
}

/// What reaches an engine holds nothing that is looked for, however it is written.
fn asked(bytes: &[u8]) {
    let Ok(mut fields) = Fields::parse(bytes) else { return };
    let before = fields.clone();
    let hits = REDACT.question(&mut fields);
    let refused = REFUSE.question(&mut before.clone()).is_err();
    let Ok(hits) = hits else {
        assert!(refused, "replacing refuses what refusing lets pass");
        return;
    };
    let sent = fields.to_json();
    let sent = Fields::parse(sent.as_bytes()).expect("an object");
    for (name, raw) in sent.iter() {
        if !question::FIELDS.contains(&name) {
            assert_eq!(before.iter().find(|(own, _)| *own == name), Some((name, raw)));
            continue;
        }
        for (text, _) in strings(raw) {
            assert!(!WANTED.is_match(&text), "`{text}` reaches the engine");
        }
    }
    assert_eq!(hits.redacted > 0, refused, "replacing and refusing see other texts");
    if hits.redacted == 0 {
        assert_eq!(fields, before, "nothing matched and something changed");
    }
}

/// Every string of a JSON text, each as often as it stands there, and whether it is a name.
fn strings(json: &str) -> Vec<(String, bool)> {
    let (mut found, bytes, mut at) = (Vec::new(), json.as_bytes(), 0);
    while let Some(begin) = bytes[at..].iter().position(|byte| *byte == b'"').map(|n| at + n) {
        let end = crate::splice::after_string(bytes, begin + 1).expect("a string has an end");
        let is_name = json[end..].trim_start().starts_with(':');
        found.extend(serde_json::from_str(&json[begin..end]).map(|text| (text, is_name)));
        at = end;
    }
    found
}

fn answered(bytes: &[u8]) {
    let Ok((shown, hits)) = REDACT.answer(bytes.to_vec()) else { return };
    if hits.redacted == 0 {
        assert_eq!(shown, bytes, "nothing matched and something changed");
    }
    let Some(whole) = raw(&shown) else { return };
    for value in super::answer::FIELDS.iter().filter_map(|name| whole.get(*name)) {
        for (text, is_name) in strings(value.get()) {
            assert!(is_name || !WANTED.is_match(&text), "`{text}` is shown");
        }
    }
    let is_refused = REFUSE.answer(bytes.to_vec()).is_err();
    assert_eq!(hits.redacted > 0, is_refused, "replacing and refusing see other texts");
}

/// Of a stream the client puts the texts together: nothing that is looked for is in them, wherever events end.
fn streamed(bytes: &[u8]) {
    let whole = screened(&[bytes]);
    for pieces in cuts(bytes) {
        assert_eq!(screened(&pieces), whole, "the cuts matter");
    }
    let (out, is_ended) = whole;
    let mut items = Vec::new();
    Parser::new(usize::MAX).push(&out, &mut items).expect("without a limit");
    let mut texts: BTreeMap<(u64, String), String> = BTreeMap::new();
    for item in &items {
        let Item::Event { data, .. } = item else { continue };
        if data == b"[DONE]" {
            continue;
        }
        let event: Value = serde_json::from_slice(data).expect("what cannot be read is not shown");
        for choice in event["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            // Whatever else a delta has no client puts together.
            for name in ["content", "reasoning_content", "reasoning", "refusal"] {
                let text = choice["delta"][name].as_str().unwrap_or_default();
                *texts.entry((index, name.into())).or_default() += text;
            }
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let name = format!("call {}", call["index"].as_u64().unwrap_or(0));
                let text = call["function"]["arguments"].as_str().unwrap_or_default();
                *texts.entry((index, name)).or_default() += text;
            }
            let text = choice["text"].as_str().unwrap_or_default();
            *texts.entry((index, "text".into())).or_default() += text;
        }
    }
    for ((_, name), text) in texts {
        assert!(!WANTED.is_match(&text), "`{text}` is shown of {name}, ended: {is_ended}");
    }
}

/// What a stream shows, and whether it came to its end.
fn screened(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut screen = Screen::new(&REDACT, EVENT_BYTES_MAX).expect("a rule looks at answers");
    let mut out = Vec::new();
    let is_passed = pieces.iter().all(|piece| screen.pass(piece, &mut out).is_ok());
    let is_ended = is_passed && screen.finish(&mut out).is_ok();
    (out, is_ended)
}
