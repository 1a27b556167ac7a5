//! Roots over answers: the same after a kill, found again from the archive, and gone when they are too old.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ledger::{Hash, TreeHead, leaf_hash, proof};
use units::{Id, kinds};

use super::{Bench, entry};
use crate::config::MeterConfig;
use crate::meter::deliver::Cut;
use crate::meter::{AnswerPlace, Entry, Meter, RolledAnswer, Said};
use crate::usage::Answers;

/// The id of the answer to a request that came at a second.
fn id(second: u64, number: u8) -> String {
    let request = Id::<kinds::Request>::from_parts(second * 1_000, [number; 10]).to_string();
    request.replace("req_", "chatcmpl-")
}

/// A request of a key with an answer.
fn answered(key: u8, number: u8) -> Entry {
    let mut said = Said::new(id(6_000, number), "pub/plain".into());
    said.at(Some(Id::from_bytes([7; 16])));
    said.add(b"data: ");
    said.add(&[number; 40]);
    let answer = said.finish(true, 6_000_500, &[3; 32]);
    Entry { answer, ..entry(key, 5) }
}

fn rolled(meter: &Meter, number: u8) -> RolledAnswer {
    match meter.answer(&id(6_000, number)).unwrap() {
        Some(AnswerPlace::Rolled(found)) => *found,
        other => panic!("{number}: {other:?}"),
    }
}

/// What the log has of the roll-up that an answer is in.
fn logged(bench: &Bench, sequence: u64) -> Answers {
    let rollups = bench.log.rollups.lock().unwrap();
    let found = rollups.iter().find(|rollup| rollup.sequence == sequence).unwrap();
    assert!(found.answers.unwrap().count <= found.requests);
    found.answers.unwrap()
}

/// The answer's path leads to the root that the log has.
fn assert_proven(bench: &Bench, found: &RolledAnswer) {
    let answers = logged(bench, found.sequence);
    let head = TreeHead { size: answers.count, root: Hash(answers.root.0) };
    proof::verify_inclusion(&head, found.index, &leaf_hash(&found.leaf), &found.path).unwrap();
    assert_eq!(found.count, answers.count);
}

#[tokio::test]
async fn each_answer_leads_to_the_root_of_its_rollup() {
    let bench = Bench::new();
    let meter = bench.open();
    for number in 1..=7 {
        meter.record(answered(1 + number % 2, number));
    }
    meter.record(entry(1, 9));
    let place = meter.answer(&id(6_000, 3)).unwrap();
    let (key, endpoint) = (Id::from_bytes([2; 16]), Id::from_bytes([8; 16]));
    assert_eq!(place, Some(AnswerPlace::Open { key, endpoint }), "the minute is still running");
    bench.seconds.store(6_060, Ordering::Relaxed);
    meter.deliver_closed(Cut::Minute).await.unwrap();
    for number in 1..=7 {
        let found = rolled(&meter, number);
        assert_eq!(found.key, Id::from_bytes([1 + number % 2; 16]));
        assert_proven(&bench, &found);
        let leaf = String::from_utf8(found.leaf).unwrap();
        assert!(leaf.starts_with(r#"{"format":"cocarde-answer/v1","id":"chatcmpl-"#), "{leaf}");
        assert!(leaf.contains(r#""complete":true,"bytes":46,"sha256":"sha256:"#), "{leaf}");
    }
    assert_eq!((logged(&bench, 1).count, logged(&bench, 2).count), (3, 4));
    for unknown in [id(6_000, 9), id(9_999, 1), "chatcmpl-1".into(), "../state".into()] {
        assert_eq!(meter.answer(&unknown).unwrap(), None, "{unknown}");
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_gives_the_same_root() {
    let whole = Bench::new();
    let meter = whole.open();
    (1..=5).for_each(|number| meter.record(answered(1, number)));
    meter.flush().await.unwrap();
    let expected = logged(&whole, 1);

    // The same requests over three processes, the second of which dies after a line was cut short.
    let bench = Bench::new();
    let meter = bench.open();
    (1..=2).for_each(|number| meter.record(answered(1, number)));
    drop(meter);
    let meter = bench.open();
    (3..=4).for_each(|number| meter.record(answered(1, number)));
    let segment = bench.segments().pop().unwrap();
    drop(meter);
    super::append(&segment, b"{\"minute_unix\":6000,\"entry\":{\"key\"");
    let meter = bench.open();
    meter.record(answered(1, 5));
    meter.flush().await.unwrap();
    assert_eq!(logged(&bench, 1), expected);
    (1..=5).for_each(|number| assert_proven(&bench, &rolled(&meter, number)));
}

#[tokio::test]
async fn segments_that_a_kill_left_behind_still_come_into_the_archive() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(answered(1, 1));
    let segment = bench.segments().pop().unwrap();
    let lines = std::fs::read(&segment).unwrap();
    // The state is on disk, the segment not moved: as after a kill between the two.
    bench.fault(Some(super::Fault::Refuse));
    assert!(meter.flush().await.is_err());
    let state = std::fs::read(bench.folder.path().join("spool/state.json")).unwrap();
    drop(meter);
    let archived = bench.folder.path().join("spool/answers");
    std::fs::remove_dir_all(&archived).unwrap();
    std::fs::write(&segment, lines).unwrap();
    std::fs::write(bench.folder.path().join("spool/state.json"), state).unwrap();

    bench.fault(None);
    let meter = bench.open();
    meter.flush().await.unwrap();
    assert_eq!(bench.total(), (1, 5), "not counted again");
    assert_proven(&bench, &rolled(&meter, 1));
}

#[tokio::test]
async fn old_answers_and_those_beyond_the_room_are_removed() {
    let bench = Bench::new();
    let kept = |config: MeterConfig| MeterConfig {
        answers_kept: Duration::from_secs(600),
        answers_bytes_max: 1_200,
        ..config
    };
    let meter = bench.try_open(kept(bench.config(1))).unwrap();
    meter.record(answered(1, 1));
    meter.flush().await.unwrap();
    assert!(meter.answer(&id(6_000, 1)).unwrap().is_some());
    bench.seconds.store(6_700, Ordering::Relaxed);
    meter.record(entry(1, 5));
    meter.flush().await.unwrap();
    assert_eq!(meter.answer(&id(6_000, 1)).unwrap(), None, "it is too old");
    for number in 2..=5 {
        bench.seconds.store(6_700 + i64::from(number), Ordering::Relaxed);
        meter.record(answered(1, number));
        meter.flush().await.unwrap();
    }
    assert_eq!(meter.answer(&id(6_000, 2)).unwrap(), None, "there is no room for it");
    assert!(meter.answer(&id(6_000, 5)).unwrap().is_some());
    assert_eq!(bench.total().0, 6, "the bill has them all");
}

#[tokio::test]
async fn rollups_of_older_versions_are_delivered_without_a_root() {
    let bench = Bench::new();
    drop(bench.open());
    let id = |prefix: &str| format!("{prefix}{}", "0".repeat(26));
    let pending = serde_json::json!({
        "gateway": id("gw_"), "sequence": 1, "key": id("key_"), "project": id("prj_"),
        "endpoint": id("ep_"), "minute_unix": 5_940, "requests": 1, "errors": 0,
        "prompt_tokens": 5, "completion_tokens": 1, "estimated": false,
    });
    let state = serde_json::json!({
        "gateway": id("gw_"), "next_sequence": 2, "first_segment": 1, "pending": [pending],
    });
    let path = bench.folder.path().join("spool/state.json");
    std::fs::write(path, state.to_string()).unwrap();
    bench.open().flush().await.unwrap();
    assert_eq!(bench.total(), (1, 5));
    assert_eq!(bench.log.rollups.lock().unwrap()[0].answers, None);
}
