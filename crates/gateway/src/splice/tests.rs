//! The two ways to the same answer, and texts that are no answer at all.

use proptest::prelude::*;
use serde_json::Value;

use super::{Change, Top};
use crate::json::Fields;

const CHANGE: Change<'_> =
    Change { model_json: "\"ours\"", id_json: "\"id-1\"", add_id: true, hide_usage: true };

/// The text spliced; `None` if it is left to [`Fields`].
fn spliced(text: &str) -> Option<String> {
    let mut out = Vec::new();
    Top::of(text.as_bytes())?.write(text.as_bytes(), CHANGE, &mut out);
    Some(String::from_utf8(out).unwrap())
}

/// What [`Fields`] makes of it.
fn rewritten(text: &str) -> Value {
    let mut fields = Fields::parse(text.as_bytes()).unwrap();
    if fields.has("model") {
        fields.set("model", CHANGE.model_json.into());
    }
    fields.set("id", CHANGE.id_json.into());
    fields.remove("usage");
    serde_json::from_str(&fields.to_json()).unwrap()
}

#[test]
fn members_are_replaced_in_their_place_and_all_else_stays_as_it_is() {
    let text = r#" { "id" : "x\"}" , "a":[1.50, {"id":"y"}], "model":"m" ,"usage" : null } "#;
    let want = r#" { "id" : "id-1" , "a":[1.50, {"id":"y"}], "model":"ours"  } "#;
    assert_eq!(spliced(text).unwrap(), want);
    assert_eq!(spliced(r#"{"usage":{},"id":1}"#).unwrap(), r#"{"id":"id-1"}"#);
    assert_eq!(spliced(r#"{"a":1}"#).unwrap(), r#"{"a":1,"id":"id-1"}"#);
    assert_eq!(spliced("{}").unwrap(), r#"{"id":"id-1"}"#);
}

#[test]
fn what_is_not_plain_is_left_to_the_parser() {
    let texts = [
        "",
        "{",
        "}",
        "[]",
        "null",
        "{}x",
        r#"{"id":1,"id":2}"#,
        r#"{"\u0069d":1}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a" 1}"#,
        r#"{"a":[}"#,
        r#"{"a":"x}"#,
        r#"{a:1}"#,
    ];
    for text in texts {
        assert_eq!(Top::of(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn null_is_absent_and_choices_are_told_apart() {
    let text = br#"{"usage":null,"error":null,"choices":[ ]}"#;
    let top = Top::of(text).unwrap();
    assert_eq!((top.usage(text), top.has_error(text), top.names_choices()), (None, false, true));
    assert_eq!(top.choices(text), Some(b"[ ]".as_slice()));
}

/// Objects as engines write them, with the known members among others.
fn object() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        ".{0,12}".prop_map(|text: String| Value::from(text).to_string()),
        Just(r#"{"a":[{"b":"]}\""}],"id":"in"}"#.to_owned()),
    ];
    let name = prop_oneof![
        Just("id"),
        Just("model"),
        Just("usage"),
        Just("choices"),
        Just("error"),
        Just("x"),
        Just("y z")
    ];
    let members = proptest::collection::vec((name, value, "[ \n\t]{0,2}"), 0..7);
    members.prop_map(|members| {
        let mut seen = std::collections::BTreeSet::new();
        let parts = members.into_iter().filter(|(name, ..)| seen.insert(*name));
        let parts: Vec<String> = parts
            .map(|(name, value, gap)| format!("{gap}\"{name}\"{gap}:{gap}{value}{gap}"))
            .collect();
        format!("{{{}}}", parts.join(","))
    })
}

proptest! {
    #[test]
    fn splicing_gives_what_parsing_gives(text in object()) {
        let spliced: Value = serde_json::from_str(&spliced(&text).unwrap()).unwrap();
        prop_assert_eq!(spliced, rewritten(&text));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(top) = Top::of(&bytes) {
            top.write(&bytes, CHANGE, &mut Vec::new());
        }
    }

    #[test]
    fn no_json_like_bytes_make_it_panic(text in r#"[{}\[\]",:\\ a0nul]{0,40}"#) {
        if let Some(top) = Top::of(text.as_bytes()) {
            top.write(text.as_bytes(), CHANGE, &mut Vec::new());
        }
    }
}
