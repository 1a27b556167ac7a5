//! Objects read one level deep, spliced where they lie, and sent on: only what is set differs.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::{Fields, quote};
use crate::request::Completion;
use crate::splice::{Change, Top};

const MODEL: &str = "\"our/model\"";
const ID: &str = "\"chatcmpl-1\"";

pub(super) fn run(bytes: &[u8]) {
    fields(bytes);
    for (add_id, hide_usage) in [(false, false), (false, true), (true, false), (true, true)] {
        spliced(bytes, Change { model_json: MODEL, id_json: ID, add_id, hide_usage });
    }
    completion(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let back: String = serde_json::from_str(&quote(text)).expect("a quoted text is JSON");
        assert_eq!(back, text);
    }
}

/// Each value by its name, as the text it came as.
pub(crate) fn raw(bytes: &[u8]) -> Option<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_slice(bytes).ok()
}

fn texts(all: &BTreeMap<String, Box<RawValue>>) -> BTreeMap<&str, &str> {
    all.iter().map(|(name, value)| (name.as_str(), value.get())).collect()
}

/// What is accepted is an object with each name once, and comes out as it went in.
fn fields(bytes: &[u8]) {
    let Ok(fields) = Fields::parse(bytes) else { return };
    let before = raw(bytes).expect("what is accepted is an object");
    assert_eq!(fields.iter().count(), before.len(), "a name is there twice");
    let written = fields.to_json();
    let after = raw(written.as_bytes()).expect("what is written is an object");
    assert_eq!(texts(&after), texts(&before), "a value has changed");
    for (name, value) in &before {
        let told = (value.get() != "null").then_some(value.get());
        assert_eq!((fields.get(name), fields.has(name)), (told, true));
    }
}

/// The two ways to the same answer.
fn spliced(bytes: &[u8], change: Change<'_>) {
    let (Some(top), Ok(mut fields)) = (Top::of(bytes), Fields::parse(bytes)) else { return };
    let value = |name| fields.get(name).map(str::as_bytes);
    assert_eq!(top.usage(bytes), value("usage"));
    assert_eq!(top.choices(bytes), value("choices"));
    assert_eq!(top.has_error(bytes), fields.get("error").is_some());
    assert_eq!(top.names_choices(), fields.has("choices"));
    let mut out = Vec::new();
    top.write(bytes, change, &mut out);
    if change.hide_usage {
        fields.remove("usage");
    }
    if fields.has("model") {
        fields.set("model", MODEL.into());
    }
    if change.add_id || fields.has("id") {
        fields.set("id", ID.into());
    }
    let out = raw(&out).expect("what is spliced is an object");
    let slow = raw(fields.to_json().as_bytes()).expect("what is written is an object");
    assert_eq!(texts(&out), texts(&slow), "the two ways differ");
}

/// A request on its way to a replica keeps every value but those that the gateway sets.
fn completion(bytes: &[u8]) {
    let Ok(asked) = Completion::parse(bytes, Some(4_096)) else { return };
    let before = raw(bytes).expect("what is accepted is an object");
    let (streams, model) = (asked.stream, asked.model.clone());
    assert_eq!(serde_json::from_str::<String>(before["model"].get()).ok(), Some(model));
    let _ = asked.written_most(1);
    let sent = asked.into_upstream("engine \"m\"");
    let after = raw(&sent).expect("what is sent is an object");
    let set: &[&str] = if streams { &["model", "stream_options"] } else { &["model"] };
    let others = |all| {
        let mut all = texts(all);
        all.retain(|name, _| !set.contains(name));
        all.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&before), "a value has changed");
    assert_eq!(
        serde_json::from_str::<String>(after["model"].get()).ok().as_deref(),
        Some("engine \"m\"")
    );
    if streams {
        let options = raw(after["stream_options"].get().as_bytes()).expect("an object");
        assert_eq!(options["include_usage"].get(), "true", "usage is not asked for");
    }
}
