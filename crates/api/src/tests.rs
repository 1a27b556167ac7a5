//! Checks of the problem table, references, quantities and of what endpoints say of themselves.

use std::{collections::BTreeSet, fs};

use expect_test::expect;
use proptest::prelude::*;
use units::{Bytes, MilliCpu, UnixMicros, kinds};

use crate::{
    decode,
    endpoint::{Method, Permission},
    nouns,
    problem::{Code, Problem},
    quantity_text::*,
    reference::{ArtefactRef, InputRef, PolicyScope, ProjectRef, Ref},
    text::{EuroText, Timestamp},
};

#[test]
fn the_problem_table_does_not_change() {
    let rows = Code::ALL.iter().map(|code| {
        let info = code.info();
        let retry = if info.retryable { "retry" } else { "-" };
        format!("{} {} {retry}: {}\n", info.status, info.slug, info.title)
    });
    expect![[r#"
        401 unauthenticated -: a valid key is needed
        403 forbidden -: the key does not allow this
        403 forbidden-by-policy -: a policy refuses this
        404 not-found -: not found
        404 receipt-pending retry: the receipt is not there yet
        405 method-not-allowed -: this method is not offered here
        409 name-taken -: the name is taken
        409 version-conflict -: changed since it was read
        409 idempotency-mismatch -: idempotency key used for another request
        409 state-conflict -: not possible in this state
        409 reservation-conflict -: reserved for another at that time
        409 quota-exceeded -: more than the organisation's quota
        400 invalid-body -: the body cannot be read
        400 invalid-query -: a parameter cannot be read
        422 invalid-field -: a field is not valid
        422 unknown-field -: a field is not known
        422 digest-mismatch -: the bytes have another digest
        422 blob-missing -: a blob is not stored
        422 limit-reached -: a limit is reached
        402 budget-exhausted -: the budget is exhausted
        413 payload-too-large -: the body is too large
        415 unsupported-media-type -: the media type is not supported
        429 rate-limited retry: too many requests
        507 no-capacity retry: no capacity
        503 model-not-ready retry: no replica is ready
        502 upstream-failed retry: the model's replica failed
        503 unavailable retry: not available now
        507 storage-full retry: the storage is full
        500 log-corrupt -: the log is corrupt
        500 internal -: an internal fault
    "#]]
    .assert_eq(&rows.collect::<String>());
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems");
    let pages: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let codes = Code::ALL.iter().map(|code| format!("{}.md", code.slug())).collect();
    assert_eq!(pages, codes);
    for code in Code::ALL {
        let info = code.info();
        assert!(info.page.starts_with(&format!("# {}: {}\n", info.slug, info.title)));
        assert!(info.page.contains(&format!("HTTP status {}.", info.status)), "{}", info.slug);
        for heading in ["## Cause", "## Fix", "## Example"] {
            assert!(info.page.contains(heading), "{}: {heading}", info.slug);
        }
        let example = info.page.split("```json").nth(1).unwrap().split("```").next().unwrap();
        let problem: Problem = serde_json::from_str(example).unwrap();
        assert_eq!(problem.code(), Some(*code));
        assert_eq!((problem.status, problem.title.as_str()), (info.status, info.title));
        assert_eq!(problem.type_uri, Problem::new(*code, "").type_uri);
    }
}

#[test]
fn endpoints_keep_the_conventions() {
    for operation in nouns::endpoints() {
        let id = operation.id;
        assert!(operation.path.starts_with('/') && !operation.path.ends_with('/'), "{id}");
        assert!(!operation.summary.ends_with('.'), "{id}");
        assert!(operation.method != Method::Get || !operation.mutates, "{id} reads");
        assert!(operation.method != Method::Get || operation.request.is_none(), "{id} has no body");
        let open = operation.permission == Permission::Public;
        assert!(!open || !operation.mutates, "{id}: nobody changes anything without a key");
        // Whoever signs in has no key yet, and may be refused all the same.
        let signs_in = id == "session_create" || id.starts_with("sign_in_device");
        assert_ne!(open && !signs_in, operation.codes.contains(&Code::Unauthenticated), "{id}");
        if !operation.path_parameters().is_empty() && operation.method != Method::Put {
            assert!(operation.codes.contains(&Code::NotFound), "{id} may not be found");
        }
    }
}

#[test]
fn references_are_read_and_written() {
    for text in ["nlp/corpus@v1", "nlp/corpus"] {
        assert_eq!(text.parse::<ArtefactRef>().unwrap().to_string(), text);
    }
    assert_eq!("a/b@3".parse::<ArtefactRef>().unwrap().to_string(), "a/b@v3");
    for bad in ["", "a", "a/b@", "a/b@v0", "a/b@v+1", "a/b@x", "../b", "a/b/c", "A/b"] {
        assert!(bad.parse::<ArtefactRef>().is_err(), "{bad}");
    }
    for text in ["dataset://a/b@v1", "model://a/b"] {
        assert_eq!(text.parse::<InputRef>().unwrap().to_string(), text);
    }
    let id = units::Id::<kinds::Project>::from_parts(1, [3; 10]);
    assert_eq!(id.to_string().parse::<ProjectRef>().unwrap(), ProjectRef::Id(id));
    assert_eq!("orange/nlp".parse::<ProjectRef>().unwrap().to_string(), "orange/nlp");
    assert_eq!(id.to_string().parse::<Ref<kinds::Project>>().unwrap(), Ref::Id(id));
    assert_eq!("platform".parse::<PolicyScope>().unwrap(), PolicyScope::Platform);
    assert!(matches!("orange".parse().unwrap(), PolicyScope::Organisation(Ref::Name(_))));
    assert!(matches!(id.to_string().parse().unwrap(), PolicyScope::Project(ProjectRef::Id(_))));
    let message = "x".parse::<ProjectRef>().unwrap_err().to_string();
    assert_eq!(message, "`x` is not a project: write `organisation/project` or an id `prj_…`");
}

#[test]
fn times_and_amounts_are_texts() {
    let at = Timestamp(UnixMicros(1_772_352_000_500_000));
    assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-03-01T08:00:00.5Z\"");
    assert_eq!(serde_json::from_str::<Timestamp>("\"2026-03-01T09:00:00.5+01:00\"").unwrap(), at);
    assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    assert!(Timestamp(UnixMicros(i64::MAX)).to_string().starts_with("9999-"));
    let amount: EuroText = serde_json::from_str("\"10.00 EUR\"").unwrap();
    assert_eq!(amount.0.0, 10_000_000);
    assert!(serde_json::from_str::<EuroText>("\"-1 EUR\"").is_err());
}

#[test]
fn quantities_are_read_as_the_table_says() {
    let cpu = |text: &str| parse_cpu(text).ok().map(|c| (c.least.0, c.open));
    for (text, expected) in [
        ("4", Some((4_000, false))),
        ("64..", Some((64_000, true))),
        ("0.5", Some((500, false))),
        ("500m", Some((500, false))),
        (" 2 ", Some((2_000, false))),
        ("0.001", Some((1, false))),
        ("0.0001", None),
        ("0", None),
        ("-1", None),
        ("1,5", None),
        ("4 cores", None),
        ("..4", None),
        ("100001", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(cpu(text), expected, "cpu {text}");
    }
    let memory = |text: &str| parse_memory(text).ok().map(|m| (m.least.0, m.open));
    for (text, expected) in [
        ("400GB", Some((400_000_000_000, false))),
        ("400GB..", Some((400_000_000_000, true))),
        ("16GiB", Some((16 << 30, false))),
        ("16Gi", Some((16 << 30, false))),
        ("16 G", Some((16_000_000_000, false))),
        ("1.5GiB", Some((1_610_612_736, false))),
        ("512B", Some((512, false))),
        ("0.5B", None),
        ("400", None),
        ("", None),
        ("GB", None),
        ("4gb", None),
        ("4GBB", None),
        ("1025TiB", None),
    ] {
        assert_eq!(memory(text), expected, "memory {text}");
    }
    for (text, expected) in [
        ("16", Some((16, 16))),
        ("8..16", Some((8, 16))),
        ("16..8", None),
        ("8..", None),
        ("0", None),
        ("100001", None),
    ] {
        assert_eq!(parse_nodes(text).ok(), expected, "nodes {text}");
    }
}

#[test]
fn gpus_are_read_as_the_table_says() {
    for (text, expected) in [
        ("4", Some((None, 4))),
        ("0", Some((None, 0))),
        ("GB200:4", Some((Some("GB200"), 4))),
        ("H100", Some((Some("H100"), 1))),
        ("GB200:", None),
        (":4", None),
        ("GB 200:4", None),
        ("GB200|B200:4", Some((Some("GB200"), 4))),
        ("GB200|:4", None),
        ("0.5", Some((None, 1))),
        ("H100:0.25", Some((Some("H100"), 1))),
        ("1.5", None),
        ("0.0005", None),
        ("257", None),
        ("-1", None),
    ] {
        let read = parse_gpus(text).ok();
        let read = read.as_ref().map(|gpus| (gpus.first.model.as_deref(), gpus.first.count.0));
        assert_eq!(read, expected, "gpus {text}");
    }
}

#[test]
fn the_nearest_name_is_near() {
    let known: Vec<String> = ["resources", "run", "retry"].map(str::to_owned).to_vec();
    assert_eq!(decode::nearest("resorces", &known), Some("resources"));
    assert_eq!(decode::nearest("RUN", &known), Some("run"));
    assert_eq!(decode::nearest("banana", &known), None);
    assert_eq!(decode::nearest("x", &[]), None);
}

proptest! {
    #[test]
    fn quantities_round_trip(milli in 1..=CPU_MILLI_MAX, bytes in 1..=MEMORY_BYTES_MAX, open: bool, least in 1..=NODES_MAX, more in 0u32..1_000) {
        let cpu = AtLeast { least: MilliCpu(milli), open };
        prop_assert_eq!(parse_cpu(&cpu_text(cpu)).unwrap(), cpu);
        let memory = AtLeast { least: Bytes(bytes), open };
        prop_assert_eq!(parse_memory(&memory_text(memory)).unwrap(), memory);
        let most = (least + more).min(NODES_MAX);
        prop_assert_eq!(parse_nodes(&nodes_text(least, most)).unwrap(), (least, most));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = parse_cpu(&text);
        let _ = parse_memory(&text);
        let _ = parse_nodes(&text);
        if let Ok(gpus) = parse_gpus(&text) {
            let texts = gpus_texts(&gpus);
            prop_assert_eq!(texts.len(), 1);
            prop_assert_eq!(parse_gpus(&texts[0]).unwrap(), gpus);
        }
        if let Ok(input) = text.parse::<InputRef>() {
            prop_assert_eq!(input.to_string().parse::<InputRef>().unwrap(), input);
        }
        let _ = text.parse::<PolicyScope>();
    }
}
