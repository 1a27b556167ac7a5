//! Records between the gateway and a version of their dataset: what waits where, what becomes a version when, and what
//! a dead process, an opt-out and an erasure leave of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use server::{CaptureSpool, CaptureWaiting, CapturedLine, Captures, SharedSpool};
use units::{DurationMicros, Id, UnixMicros, kinds};

use crate::world::{Tenant, World, tenant};

const DAY: DurationMicros = DurationMicros(86_400_000_000);

struct Stand {
    world: World,
    acme: Tenant,
    project: Id<kinds::Project>,
    dataset: Id<kinds::Dataset>,
}

impl Stand {
    /// A project that captures everything into `asked`, and keeps it for 30 days.
    async fn new() -> Self {
        let world = World::with_machine().await;
        let acme = tenant(&world, "acme").await;
        let path = format!("/api/v1/projects/{}/capture", acme.project);
        let body = json!({ "dataset": "asked", "permille": 1000, "keep_days": 30 });
        let set = world.call(&world.operator, "PUT", &path, body).await.expect(200);
        let dataset = set["dataset"].as_str().unwrap().parse().unwrap();
        let project = acme.project.to_string().parse().unwrap();
        Self { world, acme, project, dataset }
    }

    fn spool(&self) -> SharedSpool {
        let spool = CaptureSpool::open(Arc::clone(&self.world.platform), Box::new(|_| 4));
        SharedSpool(spool.unwrap())
    }

    fn line(&self, at: UnixMicros, text: &str) -> CapturedLine {
        let line = format!("{}\n", json!({ "asked": text })).into_bytes();
        CapturedLine { project: self.project, dataset: self.dataset, at, line }
    }

    fn folder(&self) -> PathBuf {
        self.world.platform.content_folder().join(self.project.to_string()).join("captured")
    }

    /// The files of a version: their names and content.
    fn version(&self, number: u32) -> Vec<(String, String)> {
        let manifest = self
            .world
            .platform
            .read(|state| state.datasets[&self.dataset].version(number).unwrap().manifest);
        let blobs = self.world.platform.blobs();
        let into = tempfile::tempdir().unwrap();
        let target = into.path().join("files");
        let files = blobs.materialise(manifest, &target, store::blob::Placing::Copy).unwrap().files;
        let read = |path: &str| fs::read_to_string(target.join(path)).unwrap();
        files.iter().map(|file| (file.path.clone(), read(&file.path))).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(folder) else { return Vec::new() };
    listed.map(|one| one.unwrap().file_name().into_string().unwrap()).collect()
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_waits_is_told_and_becomes_a_version_when_asked() {
    let stand = Stand::new().await;
    let (spool, now) = (stand.spool(), stand.world.platform.now());
    let lines = vec![stand.line(now, "one"), stand.line(now.plus(DurationMicros(5)), "two")];
    assert!(spool.0.write(lines).await.is_empty());
    assert!(spool.0.write(vec![stand.line(now, "three")]).await.is_empty());
    let waiting = spool.waiting(stand.project);
    assert_eq!((waiting.records, waiting.since, waiting.dropped), (3, Some(now), 4));
    let other = spool.waiting(Id::from_bytes([1; 16]));
    assert_eq!(other, CaptureWaiting { dropped: 4, ..CaptureWaiting::default() });
    assert_eq!(spool.close(stand.project).await, Ok(Some(1)));
    let files = stand.version(1);
    let [(name, text)] = files.as_slice() else { panic!("{files:?}") };
    assert!(name.ends_with(".jsonl") && name.starts_with("20"), "{name}");
    let asked = |line: &str| serde_json::from_str::<Value>(line).unwrap()["asked"].clone();
    assert_eq!(text.lines().map(asked).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!(u64::try_from(text.len()).unwrap(), waiting.bytes);
    let since = stand.world.platform.read(|s| s.datasets[&stand.dataset].versions[0].since);
    assert_eq!((since, names(&stand.folder())), (Some(now), vec![]));
    assert_eq!(spool.close(stand.project).await, Ok(None), "nothing waits");
}

#[tokio::test]
async fn a_day_that_is_over_becomes_a_version_of_its_own() {
    let stand = Stand::new().await;
    let (spool, now) = (stand.spool(), stand.world.platform.now());
    spool.0.write(vec![stand.line(now, "today")]).await;
    let tomorrow = now.plus(DAY);
    spool.0.write(vec![stand.line(tomorrow, "tomorrow")]).await;
    assert_eq!(spool.waiting(stand.project).since, Some(tomorrow));
    let running = tokio::spawn(Arc::clone(&spool.0).run());
    let n_versions =
        || stand.world.platform.read(|state| state.datasets[&stand.dataset].versions.len());
    eventually("the day is a version", || n_versions() == 1).await;
    let files = stand.version(1);
    assert!(files[0].1.contains("today") && !files[0].1.contains("tomorrow"), "{files:?}");
    assert_eq!(spool.waiting(stand.project).records, 1);
    running.abort();
}

#[tokio::test]
async fn what_a_dead_process_has_left_becomes_a_version_without_half_a_line() {
    let stand = Stand::new().await;
    let now = stand.world.platform.now();
    let spool = stand.spool();
    spool.0.write(vec![stand.line(now, "whole")]).await;
    drop(spool);
    let [name] = names(&stand.folder()).try_into().unwrap();
    let path = stand.folder().join(name);
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"asked\":\"ha");
    fs::write(&path, text).unwrap();
    let spool = stand.spool();
    spool.0.write(vec![stand.line(now.plus(DurationMicros(9)), "after the start")]).await;
    assert_eq!(spool.close(stand.project).await, Ok(Some(2)));
    assert_eq!(stand.version(1)[0].1, "{\"asked\":\"whole\"}\n");
    assert_eq!(stand.version(2)[0].1, "{\"asked\":\"after the start\"}\n");
    assert_eq!(names(&stand.folder()), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_written_for_who_has_opted_out() {
    let stand = Stand::new().await;
    let (spool, now) = (stand.spool(), stand.world.platform.now());
    let path = format!("/api/v1/projects/{}/capture", stand.acme.project);
    stand.world.call(&stand.world.operator, "DELETE", &path, Value::Null).await.expect(200);
    let lost = spool.0.write(vec![stand.line(now, "late"), stand.line(now, "too late")]).await;
    assert_eq!(lost.into_iter().collect::<Vec<_>>(), [(stand.project, 2)]);
    assert_eq!((spool.waiting(stand.project).records, names(&stand.folder())), (0, vec![]));
}

#[tokio::test]
async fn an_erased_dataset_leaves_nothing_that_waits() {
    let stand = Stand::new().await;
    let (spool, now) = (stand.spool(), stand.world.platform.now());
    spool.0.write(vec![stand.line(now, "to be forgotten")]).await;
    assert_eq!(names(&stand.folder()).len(), 1);
    let running = tokio::spawn(server::erasures::run(Arc::clone(&stand.world.platform)));
    stand
        .world
        .make("/api/v1/erasures", json!({ "target": { "dataset": stand.dataset.to_string() } }))
        .await;
    eventually("it is gone from the disk", || names(&stand.folder()).is_empty()).await;
    assert_eq!(spool.close(stand.project).await, Ok(None));
    running.abort();
    let n_versions = stand.world.platform.read(|s| s.datasets[&stand.dataset].versions.len());
    assert_eq!(n_versions, 0);
}

#[tokio::test]
async fn a_gateway_apart_hands_in_what_goes_where_its_project_captures() {
    let stand = Stand::new().await;
    let spool = stand.spool();
    stand.world.platform.set_captures(Box::new(SharedSpool(Arc::clone(&spool.0))));
    let path = "/api/v1/gateway/captured";
    let record = |dataset: Id<kinds::Dataset>, line: &str| json!({ "project": stand.project, "dataset": dataset, "at_unix_us": 1_764_000_000_000_000_i64, "line": line });
    let operator = &stand.world.operator;
    let good = record(stand.dataset, r#"{"asked":"one"}"#);
    let other = record(Id::from_bytes([7; 16]), r#"{"asked":"elsewhere"}"#);
    let dropped = json!([{ "project": stand.project, "records": 5 }]);
    let body = json!({ "records": [good, other], "dropped": dropped });
    let taken = stand.world.call(operator, "POST", path, body).await.expect(200);
    assert_eq!(taken["n_kept"], 1);
    let waiting = spool.waiting(stand.project);
    assert_eq!((waiting.records, waiting.dropped), (1, 4 + 5 + 1));
    for wrong in ["{\"a\":1}\n{\"b\":2}", "[]", "no JSON", ""] {
        let body = json!({ "records": [record(stand.dataset, wrong)] });
        let refused = stand.world.call(operator, "POST", path, body).await;
        assert_eq!(refused.status, 422, "{wrong}");
        assert!(!refused.json().to_string().contains("no JSON"), "texts are in no message");
    }
    let chief = stand.world.key("administrator", ("organisation", "acme")).await;
    let refused = stand.world.call(&chief, "POST", path, json!({ "records": [] })).await;
    assert_eq!(refused.status, 403, "only operators run gateways");
    assert_eq!(spool.close(stand.project).await, Ok(Some(1)));
    assert_eq!(stand.version(1)[0].1, "{\"asked\":\"one\"}\n");
}
