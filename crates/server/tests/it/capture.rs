//! Capture of payloads: who opts in and out, and that a retention's end leaves nothing on the disk.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use server::{
    AddCapturedError, CaptureClosing, CaptureTaking, CaptureWaiting, CapturedLine, Captures,
    DroppedCounts,
};
use store::audit;
use units::{DurationMicros, Id, UnixMicros, kinds};

use crate::world::{Tenant, World, tenant};

const ASKED: &[u8] = b"what somebody asked and nobody shall read after a day";
const SHARED: &[u8] = b"what somebody asked and somebody else keeps on purpose";
const DAY: DurationMicros = DurationMicros(86_400_000_000);

/// Who writes texts down, as the gateway would.
struct Recorder;

impl Captures for Recorder {
    fn waiting(&self, _: Id<kinds::Project>) -> CaptureWaiting {
        CaptureWaiting { records: 3, bytes: 700, since: Some(UnixMicros(1_000_000)), dropped: 2 }
    }

    fn close(&self, _: Id<kinds::Project>) -> CaptureClosing {
        Box::pin(std::future::ready(Ok(Some(7))))
    }

    fn take(&self, _: Vec<CapturedLine>, _: DroppedCounts) -> CaptureTaking {
        Box::pin(std::future::ready(0))
    }
}

fn capture_of(acme: &Tenant) -> String {
    format!("/api/v1/projects/{}/capture", acme.project)
}

fn wanted(keep_days: u16) -> Value {
    json!({ "dataset": "asked", "permille": 50, "keep_days": keep_days })
}

/// The dataset that captures, with its id.
async fn asked(world: &World) -> (Value, Id<kinds::Dataset>) {
    let path = "/api/v1/datasets?project=acme/lab&name=asked";
    let found = world.get(&world.operator, path).await.json()["items"][0].clone();
    let id = found["id"].as_str().unwrap().parse().unwrap();
    (found, id)
}

/// Files as a gateway leaves them, below their own folder.
fn written(dir: &Path, files: &[(&str, &[u8])]) -> Vec<(String, PathBuf)> {
    let write = |(name, content): &(&str, &[u8])| {
        let path = dir.join(name.replace('/', "-"));
        fs::write(&path, content).unwrap();
        ((*name).to_owned(), path)
    };
    files.iter().map(write).collect()
}

fn lies_in(dir: &Path, needle: &[u8]) -> bool {
    let mut entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.any(|path| match path.is_dir() {
        true => lies_in(&path, needle),
        false => fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle),
    })
}

/// Waits until the dataset's newest version has this number.
async fn until_newest(world: &World, number: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (found, id) = asked(world).await;
        let gone = world.platform.read(|state| {
            let open = state.erasures.values().filter(|erasure| erasure.is_open()).count();
            // That of the organisation, in its notice.
            open == 1 && state.datasets[&id].versions.last().map_or(0, |v| v.number) == number
        });
        if gone && found["n_versions"] == number {
            return;
        }
        assert!(Instant::now() < deadline, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_sound(world: &World) {
    let options = audit::Options { blobs: true, ..audit::Options::default() };
    let report = audit::verify(world.platform.data_dir(), &options).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[tokio::test]
async fn what_was_captured_is_gone_from_the_disk_when_its_time_is_over() {
    let mut world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    world.call(&world.operator, "PUT", &capture_of(&acme), wanted(1)).await.expect(200);
    let (_, dataset) = asked(&world).await;
    let spool = tempfile::tempdir().unwrap();
    let now = world.platform.now();
    let first = written(spool.path(), &[("a/records.jsonl", ASKED), ("b/records.jsonl", SHARED)]);
    let number = world.platform.add_captured(dataset, first.clone(), now).await.unwrap();
    assert_eq!(number, 1);
    assert_eq!(world.platform.add_captured(dataset, first, now).await.unwrap(), 1, "once more");
    let second = written(spool.path(), &[("records.jsonl", b"asked a day later")]);
    let later = now.plus(DAY);
    world.platform.set_clock_ahead(DurationMicros(DAY.0 - 60_000_000));
    assert_eq!(world.platform.add_captured(dataset, second, later).await.unwrap(), 2);
    drop(spool);
    // Somebody keeps one of the files on purpose; that it was captured is known of it.
    let manifest = world.manifest("kept.jsonl", SHARED).await;
    let path = format!("/api/v1/datasets/{}/versions", acme.dataset);
    let kept = world.make(&path, json!({ "manifest": manifest })).await;
    assert_eq!(kept["parents"], json!(["dataset://lab/asked@v1"]));
    let reader = json!({
        "type": "batch", "name": "reads", "project": "acme/lab", "run": "true",
        "data": { "/data": "dataset://lab/asked@v1" },
    });
    let reader = world.make("/api/v1/workloads", reader).await["id"].clone();
    let reader = format!("/api/v1/workloads/{}", reader.as_str().unwrap());
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    assert!(lies_in(world.platform.data_dir(), ASKED));
    world.platform.set_clock_ahead(DurationMicros(120_000_000));
    // Any entry wakes the loop, which looks again once a minute of the clock.
    world.make("/api/v1/organisations", json!({ "name": "rival" })).await;
    let gone = || world.platform.read(|state| state.datasets[&dataset].versions.len() == 1);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !gone() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!lies_in(world.platform.data_dir(), ASKED));
    assert!(lies_in(world.platform.data_dir(), SHARED), "another dataset has it too");
    assert_eq!(world.get(&world.operator, &reader).await.json()["state"], "stopped");
    let versions = format!("/api/v1/datasets/{dataset}/versions");
    let left = world.get(&world.operator, &versions).await.json();
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["items"][0]["number"], 2);
    let made = world.get(&world.operator, &path).await.json()["items"][0].clone();
    assert_eq!(made["parents"], json!(["dataset://lab/asked@v1"]), "lineage outlives it");
    // Whoever administers the tenant sees what became of it, though no erasure of it is left.
    let chief = world.key("administrator", ("organisation", "acme")).await;
    let events = world.get(&chief, "/api/v1/events?limit=500").await.text();
    assert!(events.contains("erasure.done") && events.contains("dataset.retention_set"));
    let all = world.get(&chief, "/api/v1/erasures").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "that of the organisation: {all}");
    is_sound(&world);
    running.abort();
    let _ = running.await;
    world.restart().await;
    assert_eq!(world.platform.read(|state| state.datasets[&dataset].versions[0].number), 2);
    is_sound(&world);
}

#[tokio::test]
async fn a_shorter_time_holds_at_once_and_after_opting_out() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let path = capture_of(&acme);
    world.call(&world.operator, "PUT", &path, wanted(30)).await.expect(200);
    let (_, dataset) = asked(&world).await;
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    let spool = tempfile::tempdir().unwrap();
    let now = world.platform.now();
    let old = UnixMicros(now.0 - 2 * 86_400_000_000);
    let files = written(spool.path(), &[("records.jsonl", ASKED)]);
    world.platform.add_captured(dataset, files, old).await.unwrap();
    until_newest(&world, 1).await;
    let project: Id<kinds::Project> = acme.project.parse().unwrap();
    let capture = world.platform.capture(project).unwrap();
    assert_eq!((capture.dataset, capture.permille), (dataset, 50));
    assert_eq!(capture.class, units::DataClass::Internal);
    let endpoint = acme.endpoint.parse().unwrap();
    assert_eq!(world.platform.endpoint_class(endpoint), Some(units::DataClass::Internal));
    // Nothing more is captured; what lies there keeps its time, which is then made shorter.
    let off = world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    assert_eq!((off["is_on"].clone(), off.get("dataset")), (json!(false), None));
    assert_eq!(world.platform.capture(project), None);
    let (found, _) = asked(&world).await;
    assert_eq!((&found["keep_days"], &found["n_versions"]), (&json!(30), &json!(1)));
    world.call(&world.operator, "PUT", &path, wanted(1)).await.expect(200);
    until_newest(&world, 0).await;
    let files = written(spool.path(), &[("records.jsonl", b"asked after all")]);
    assert_eq!(world.platform.add_captured(dataset, files.clone(), now).await.unwrap(), 2);
    // An erasure of the whole is the end of it: nothing is stored that nobody would erase.
    let target = json!({ "target": { "dataset": dataset.to_string() } });
    world.make("/api/v1/erasures", target).await;
    until_newest(&world, 2).await;
    assert_eq!(world.platform.capture(project), None);
    let refused = world.platform.add_captured(dataset, files, now).await;
    assert!(matches!(refused, Err(AddCapturedError::Refused)), "{refused:?}");
    running.abort();
}

#[tokio::test]
async fn only_who_administers_the_project_opts_in_and_only_to_its_own_captured_data() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let rival = tenant(&world, "rival").await;
    let chief = world.key("administrator", ("project", "acme/lab")).await;
    let (member, stranger) = (
        world.key("member", ("project", "acme/lab")).await,
        world.key("administrator", ("organisation", "rival")).await,
    );
    let path = capture_of(&acme);
    let off = world.get(&member, &path).await.expect(200);
    assert_eq!((&off["is_on"], &off["waiting"]["n_records"]), (&json!(false), &json!(0)));
    for (key, status) in [(&member, 403), (&stranger, 404)] {
        for (method, path) in
            [("PUT", &path), ("DELETE", &path), ("POST", &format!("{path}/close"))]
        {
            let body = if method == "PUT" { wanted(30) } else { Value::Null };
            let refused = world.call(key, method, path, body).await;
            assert_eq!(refused.status, status, "{method}: {}", refused.text());
        }
    }
    assert_eq!(world.get(&stranger, &path).await.status, 404);
    for (dataset, permille, keep_days, status) in [
        ("asked", 0, 30, 422),
        ("asked", 1_001, 30, 422),
        ("asked", 50, 0, 422),
        ("asked", 50, 366, 422),
        ("corpus", 50, 30, 422),
        ("nothing", 50, 30, 404),
        (rival.dataset.as_str(), 50, 30, 404),
    ] {
        let body = json!({ "dataset": dataset, "permille": permille, "keep_days": keep_days });
        let refused = world.call(&chief, "PUT", &path, body).await;
        assert_eq!(refused.status, status, "{dataset}: {}", refused.text());
    }
    let on = world.call(&chief, "PUT", &path, wanted(30)).await.expect(200);
    let said = (&on["is_on"], &on["reference"], &on["permille"], &on["keep_days"]);
    assert_eq!(said, (&json!(true), &json!("lab/asked"), &json!(50), &json!(30)));
    // By hand nothing comes to it any more.
    let (_, dataset) = asked(&world).await;
    let versions = format!("/api/v1/datasets/{dataset}/versions");
    let body = json!({ "manifest": acme.manifest });
    let refused = world.call(&chief, "POST", &versions, body).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("make another dataset"), "{}", refused.text());
    let some = json!({ "target": { "dataset": dataset, "versions_through": 1 } });
    assert_eq!(world.call(&chief, "POST", "/api/v1/erasures", some).await.status, 422);
    let close = format!("{path}/close");
    assert_eq!(world.call(&chief, "POST", &close, Value::Null).await.expect(200), json!({}));
    world.platform.set_captures(Box::new(Recorder));
    let closed = world.call(&chief, "POST", &close, Value::Null).await.expect(200);
    assert_eq!(closed, json!({ "version": 7 }));
    let waiting = world.get(&chief, &path).await.expect(200)["waiting"].clone();
    let said = json!({
        "n_records": 3, "bytes": 700, "since": "1970-01-01T00:00:01Z", "n_dropped": 2,
    });
    assert_eq!(waiting, said);
}
