//! A stream from an engine to a client: the same however it was cut, well-formed whatever comes, every event that
//! is not ours unchanged, and counted once.
//!
//! The first byte says who reads (bit 0: usage asked for; bits 1 and 2: as it is, fill-in-the-middle, response).
//! A response's request may stand before the stream, with a byte 255 between.

use bytes::Bytes;
use serde_json::Value;

use super::bench::{Bench, Counted, PROMPT_ESTIMATE, counted};
use super::json::raw;
use super::sse::item_of;
use super::{choice, cuts};
use crate::call::Call;
use crate::json::Fields;
use crate::splice::Top;
use crate::sse::cut::Cutter;
use crate::sse::{Item, Parser};
use crate::surface::{Shape, Translated};
use crate::tally::Usage;
use crate::translate::{Names, Translator, Verdict};

const EVENT_BYTES_MAX: usize = 1_024;
/// Of a response.
const HELD_BYTES_MAX: usize = 64;
const MODEL: &str = "\"our/model\"";
const ID: &str = "\"chatcmpl-1\"";

/// What a client asked for.
struct Asked<'a> {
    include_usage: bool,
    kind: Kind,
    request: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Named,
    Fim,
    Response,
}

pub(super) fn run(bytes: &[u8]) {
    let (chosen, rest) = choice(bytes);
    let kind = match (chosen >> 1) % 4 {
        0 | 1 => Kind::Named,
        2 => Kind::Fim,
        _ => Kind::Response,
    };
    let between = rest.iter().position(|byte| *byte == 0xff).filter(|_| kind == Kind::Response);
    let request = between.map_or(b"{\"model\":\"m\",\"input\":\"a\"}".as_slice(), |at| &rest[..at]);
    let stream = between.map_or(rest, |at| &rest[at + 1..]);
    let asked = Asked { include_usage: chosen & 1 == 1, kind, request };
    // A request that is refused has no answer.
    if asked.shape().is_none() {
        return;
    }
    let whole = relayed(&asked, &[stream]);
    let (out, verdict, counted) = &whole;
    for pieces in cuts(stream) {
        assert_eq!(relayed(&asked, &pieces), whole, "the cuts matter");
    }
    let mut told = Vec::new();
    let mut parser = Parser::new(usize::MAX);
    parser.push(out, &mut told).expect("without a limit");
    let is_ended = out.is_empty() || out.ends_with(b"\n\n");
    assert!(is_ended, "the last event has no end");
    match kind {
        Kind::Named => named(&asked, stream, (&told, *verdict, *counted)),
        Kind::Fim => fim(&told),
        Kind::Response => response(&told, *verdict),
    }
}

impl Asked<'_> {
    /// How answers to it look.
    fn shape(&self) -> Option<Shape> {
        let call = match self.kind {
            Kind::Named => return Some(Shape::Named),
            Kind::Fim => return Some(Shape::Fim),
            Kind::Response => Call::Responses,
        };
        let (head, ()) = http::Request::new(()).into_parts();
        let body = Bytes::copy_from_slice(self.request);
        let Translated { shape, .. } = crate::surface::request(call, &head, body, Vec::new).ok()?;
        Some(shape)
    }

    fn translator(&self, bench: &Bench) -> Translator {
        let shape = self.shape().unwrap_or(Shape::Named);
        Translator {
            tally: bench.tally(),
            names: Names { model_json: MODEL.into(), id_json: ID.into() },
            include_usage: self.include_usage,
            reshaper: shape.events(HELD_BYTES_MAX),
            metrics: bench.metrics(),
        }
    }
}

/// What goes to the client, how it ended, and what was counted.
fn relayed(asked: &Asked<'_>, pieces: &[&[u8]]) -> (Vec<u8>, Verdict, Counted) {
    let (mut out, mut verdict) = (Vec::new(), Verdict::GoesOn);
    let counted = counted(|bench| {
        let mut translator = asked.translator(bench);
        let mut cutter = Cutter::new(EVENT_BYTES_MAX);
        for piece in pieces {
            if verdict == Verdict::GoesOn {
                verdict = translator.digest(&mut cutter, piece, &mut out);
            }
        }
    });
    (out, verdict, counted)
}

/// Each event under the client's names, those that say only usage left out where it was not asked for.
fn named(asked: &Asked<'_>, stream: &[u8], told: (&[Item], Verdict, Counted)) {
    let (told, verdict, counted) = told;
    let (mut sent, mut cutter) = (Vec::new(), Cutter::new(EVENT_BYTES_MAX));
    let _ = cutter.push(stream, |piece| sent.push(item_of(&piece)));
    let (mut told, mut usage, mut deltas, mut is_done) = (told.iter(), None, 0, false);
    for item in &sent {
        let Item::Event { name, data } = item else {
            assert_eq!(told.next(), Some(item), "a comment has changed");
            continue;
        };
        is_done = data == b"[DONE]";
        let Ok(fields) = Fields::parse(data) else {
            let shown = told.next();
            // What looks like an object from afar may have been given names.
            assert!(shown == Some(item) || Top::of(data).is_some(), "an event has changed");
            if is_done {
                break;
            }
            // Nor is it said what of it was counted.
            if Top::of(data).is_some() {
                return;
            }
            continue;
        };
        let value: Value = fields
            .get("choices")
            .map_or(Value::Null, |raw| serde_json::from_str(raw).unwrap_or(Value::Bool(true)));
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        deltas += u64::from(!value.is_null() && !is_empty);
        let own = fields.get("usage").and_then(|raw| serde_json::from_str::<Usage>(raw).ok());
        usage = own.or(usage);
        if !asked.include_usage && is_empty && fields.get("usage").is_some() {
            continue;
        }
        same(asked, (name, fields), told.next());
    }
    assert_eq!(told.next(), None, "an event comes from nowhere");
    assert_eq!(verdict == Verdict::Done, is_done);
    let expected = match usage {
        Some(usage) => (usage.prompt_tokens, usage.completion_tokens, 0),
        None => (PROMPT_ESTIMATE, deltas, 1),
    };
    assert_eq!(counted, expected, "it is counted otherwise than it was told");
}

/// An event that the client sees has the values that the engine wrote, but for its names.
fn same(asked: &Asked<'_>, (name, mut fields): (&[u8], Fields<'_>), told: Option<&Item>) {
    let Some(Item::Event { name: told_name, data }) = told else { panic!("an event is missing") };
    if !asked.include_usage && fields.get("usage").is_none() {
        fields.remove("usage");
    }
    if fields.has("model") {
        fields.set("model", MODEL.into());
    }
    if fields.has("id") || fields.has("choices") {
        fields.set("id", ID.into());
    }
    let written = fields.to_json();
    let (ours, theirs) = (raw(data), raw(written.as_bytes()));
    let texts = |all: &Option<std::collections::BTreeMap<String, _>>| format!("{all:?}");
    assert!(ours.is_some(), "an event is no object any more");
    assert_eq!(texts(&ours), texts(&theirs), "a value has changed");
    assert_eq!(told_name, name);
}

/// Objects with choices, errors as they came, and the end.
fn fim(told: &[Item]) {
    for item in told {
        let Item::Event { data, .. } = item else { continue };
        if data == b"[DONE]" {
            continue;
        }
        let all = raw(data).expect("an object");
        assert!(all.contains_key("choices") || all.contains_key("error"), "no choices");
    }
}

/// The events that clients wait for: numbered, named by their type, their pieces the whole that comes last.
fn response(told: &[Item], verdict: Verdict) {
    let (mut number, mut last, mut text) = (0_u64, Value::Null, String::new());
    for item in told {
        let Item::Event { name, data } = item else { continue };
        let event: Value = serde_json::from_slice(data).expect("JSON");
        if event.get("error").is_some() && name.is_empty() {
            continue;
        }
        assert_eq!(event["type"].as_str().map(str::as_bytes), Some(name.as_slice()));
        assert_eq!(event["sequence_number"].as_u64(), Some(number), "a number is missing");
        number += 1;
        match event["type"].as_str() {
            Some("response.output_text.delta") => {
                text += event["delta"].as_str().expect("a text");
            }
            Some("response.output_text.done") => {
                assert_eq!(event["text"].as_str(), Some(text.as_str()), "the pieces differ");
                text.clear();
            }
            _ => {}
        }
        last = event;
    }
    if verdict == Verdict::Done {
        let kind = last["type"].as_str().unwrap_or_default();
        assert!(matches!(kind, "response.completed" | "response.incomplete"), "{kind}");
        assert!(last["response"]["output"].as_array().is_some_and(|output| !output.is_empty()));
    }
}
