//! The fast reader against `serde_json`: it takes every leaf that is written, and never takes what
//! `serde_json` refuses or reads differently.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::read;
use crate::{Entry, tests::World};

/// Every shape that a leaf may hold, and a few that none holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shapes {
    text: String,
    signed: i64,
    unsigned: u64,
    small: u8,
    flag: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<u32>,
    none_or_text: Option<String>,
    list: Vec<Shape>,
    map: BTreeMap<String, i32>,
    new: New,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct New(u16);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Unit,
    Inner(New),
    Pair(u8, i8),
    Fields { one: Option<bool>, two: String },
}

/// What the reader answers must be what `serde_json` answers.
fn agree(bytes: &[u8]) -> bool {
    let fast: Option<Shapes> = read(bytes);
    let exact = serde_json::from_slice::<Shapes>(bytes).ok();
    if fast.is_some() {
        assert_eq!(fast, exact, "{}", String::from_utf8_lossy(bytes));
    }
    fast.is_some()
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        any::<u16>().prop_map(|n| Shape::Inner(New(n))),
        (any::<u8>(), any::<i8>()).prop_map(|(a, b)| Shape::Pair(a, b)),
        (any::<Option<bool>>(), any::<String>()).prop_map(|(one, two)| Shape::Fields { one, two }),
    ]
}

prop_compose! {
    fn shapes()(
        (text, signed, unsigned) in (any::<String>(), any::<i64>(), any::<u64>()),
        (small, flag, left_out) in (any::<u8>(), any::<bool>(), any::<Option<u32>>()),
        none_or_text in proptest::option::of("[ -~\n\u{7f}-\u{ff}]{0,40}"),
        list in proptest::collection::vec(shape(), 0..5),
        map in proptest::collection::btree_map("[a-zA-Z0-9_ é]{0,12}", any::<i32>(), 0..4),
        new in any::<u16>(),
    ) -> Shapes {
        let new = New(new);
        Shapes { text, signed, unsigned, small, flag, left_out, none_or_text, list, map, new }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(shapes in shapes()) {
        let written = serde_json::to_vec(&shapes).unwrap();
        let known: Option<Shapes> = read(&written);
        // A tuple is read by `serde_json`: no event has one.
        if shapes.list.iter().all(|shape| !matches!(shape, Shape::Pair(..))) {
            prop_assert_eq!(known.as_ref(), Some(&shapes));
        }
        prop_assert!(known.is_none_or(|known| known == shapes));
    }

    #[test]
    fn what_is_changed_is_never_read_differently(
        shapes in shapes(),
        changes in proptest::collection::vec((any::<u16>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&shapes).unwrap();
        for (place, byte, how) in changes {
            let place = usize::from(place).checked_rem(bytes.len()).unwrap_or(0);
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => bytes[place] ^= 1 << (byte % 8),
                _ => {
                    bytes.remove(place);
                }
            }
            agree(&bytes);
        }
    }

    #[test]
    fn plain_text_ends_where_it_must(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(0x1f), Just(b'a')], 0..40),
    ) {
        let is_end = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        let expected = bytes.iter().position(is_end).unwrap_or(bytes.len());
        prop_assert_eq!(super::plain_len(&bytes), expected);
    }
}

/// A whole value with one field's text put in place of what is written.
fn with(field: &str, value: &str) -> Vec<u8> {
    let written = r#"{"text":"a","signed":0,"unsigned":0,"small":0,"flag":true,"none_or_text":null,"list":[],"map":{},"new":0}"#;
    let (name, old) = written
        .trim_matches(['{', '}'])
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .find(|(name, _)| name.trim_matches('"') == field)
        .unwrap();
    written.replacen(&format!("{name}:{old}"), &format!("{name}:{value}"), 1).into_bytes()
}

/// Fields and values that only `serde_json` may judge.
const LEFT: &[(&str, &str)] = &[
    ("signed", "-0"),
    ("signed", "-"),
    ("signed", "- 1"),
    ("signed", "+1"),
    ("signed", "01"),
    ("signed", "-9223372036854775809"),
    ("signed", "1.0"),
    ("signed", "1e3"),
    ("signed", "1E0"),
    ("unsigned", "18446744073709551616"),
    ("unsigned", "184467440737095516150"),
    ("unsigned", "-1"),
    ("small", "256"),
    ("flag", "tru"),
    ("flag", "truefalse"),
    ("flag", "1"),
    ("none_or_text", "nul"),
    ("none_or_text", "nullnull"),
    ("text", "\"\u{1f}\""),
    ("text", "\"\n\""),
    ("text", r#""\x""#),
    ("text", r#""\ud800""#),
    ("text", r#""\"#),
    ("text", "\"a"),
    ("text", "null"),
    ("list", "[,]"),
    ("list", r#"["unit",]"#),
    ("list", r#"[,"unit"]"#),
    ("list", r#"["unit""unit"]"#),
    ("list", r#"["unit"}"#),
    ("list", r#"[{"unit":null}]"#),
    ("list", r#"["inner"]"#),
    ("list", r#"[{"inner":1,"unit":null}]"#),
    ("list", r#"[{"fields":{"one":true}}]"#),
    ("list", r#"[{"fields":[true,"a"]}]"#),
    ("map", r#"{"a":1,}"#),
    ("map", r#"{"a",1}"#),
    ("map", r#"{"a":1]"#),
    ("map", r#"{"\u0061":1}"#),
    ("map", "{1:1}"),
    ("new", "[1]"),
    ("new", "1 "),
    ("new", "1,\"unknown\":[1.5]"),
    ("new", "1,\"new\":1"),
];

#[test]
fn odd_spellings_are_left_to_serde_json() {
    let taken = [
        ("signed", "-9223372036854775808"),
        ("unsigned", "18446744073709551615"),
        ("text", r#""\u00e9\ud83d\ude00 \n\"""#),
        ("text", "\"é\u{7f}\""),
    ];
    for (field, value) in taken {
        assert!(agree(&with(field, value)), "{field}: {value}");
    }
    for (field, value) in LEFT {
        assert!(!agree(&with(field, value)), "{field}: {value}");
    }
    for end in ["{}", "", "}", " ", "\0"] {
        let mut bytes = with("new", "1");
        bytes.extend_from_slice(end.as_bytes());
        assert_eq!(agree(&bytes), end.is_empty(), "{end:?}");
    }
    // Bytes that are no text, where nobody would look at them.
    let mut bytes = with("text", "\"a\"");
    bytes[9] = 0xff;
    assert!(!agree(&bytes));
}

/// Every leaf that the state machine's own life writes is read without `serde_json`, and alike.
#[test]
fn every_event_is_known() {
    let mut world = World::new();
    let organisation = world.organisation("orange");
    let project = world.project(organisation, "nlp");
    let site = world.site("saclay", "FR");
    world.node(site, "n1", 8);
    world.prices();
    world.budget(project, 10_000_000);
    world.restricted_stays_in(crate::access::Scope::Platform, "FR");
    let job = world.submit_job(project, crate::tests::job("a")).unwrap();
    assert_eq!(world.schedule(), 1);
    world.report(job, 0, crate::workload::RankStatus::Running, 1).unwrap();
    world.report(job, 0, crate::tests::exited(0), 90).unwrap();
    assert!(world.leaves.len() > 10);
    for leaf in &world.leaves {
        let exact: Entry = serde_json::from_slice(leaf).unwrap();
        assert_eq!(read(leaf), Some(exact), "{}", String::from_utf8_lossy(leaf));
        assert_eq!(read::<Entry>(&leaf[..leaf.len() - 1]), None);
    }
}
