//! Streams: events as they happen, logs, tiles, metrics, backup.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::{World, request, tenant};

/// A stream that does not move within this time is broken.
const DEADLINE: Duration = Duration::from_secs(20);

async fn frame(body: &mut Body) -> String {
    let frame = tokio::time::timeout(DEADLINE, body.frame()).await.expect("the stream is stuck");
    let data = frame.expect("the stream ended").unwrap().into_data().unwrap();
    String::from_utf8(data.to_vec()).unwrap()
}

fn events(key: &str, path: &str) -> Request<Body> {
    let mut request = request(key, "GET", path, Value::Null);
    request.headers_mut().insert("accept", HeaderValue::from_static("text/event-stream"));
    request
}

#[tokio::test]
async fn events_are_followed_resumed_and_filtered() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let key = world.key("viewer", ("project", "acme/lab")).await;
    let response = world.send(events(&key, "/api/v1/events")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let first = frame(&mut body).await;
    assert!(first.contains("event: project.created") && !first.contains("rival"), "{first}");
    // What happens while following comes by itself; what is another's does not.
    world.make("/api/v1/models", json!({ "project": "rival/lab", "name": "theirs" })).await;
    world.make("/api/v1/models", json!({ "project": "acme/lab", "name": "ours" })).await;
    let next = frame(&mut body).await;
    assert!(next.contains("ours") && !next.contains("theirs"), "{next}");
    let last = next.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();

    world.make("/api/v1/models", json!({ "project": "acme/lab", "name": "later" })).await;
    let mut resume = events(&key, "/api/v1/events?follow=false");
    resume.headers_mut().insert("last-event-id", last.parse().unwrap());
    let resumed = world.ask(resume).await.text();
    assert!(resumed.contains("later") && !resumed.contains("ours"), "{resumed}");
    let mut wrong = events(&key, "/api/v1/events");
    wrong.headers_mut().insert("last-event-id", HeaderValue::from_static("x"));
    assert_eq!(world.ask(wrong).await.expect(400)["code"], "invalid-query");
}

#[tokio::test]
async fn a_revoked_key_ends_its_stream() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let new = json!({ "name": "short", "role": "viewer", "project": "acme/lab" });
    let made = world.make("/api/v1/keys", new).await;
    let key = made["secret"].as_str().unwrap();
    let mut body = world.send(events(key, "/api/v1/events")).await.into_body();
    frame(&mut body).await;
    let path = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    let end = tokio::time::timeout(DEADLINE, body.frame()).await.expect("the stream is stuck");
    assert!(!matches!(end, Some(Ok(_))), "nothing more comes");
}

#[tokio::test]
async fn logs_are_tailed_and_followed_to_the_end() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let path = format!("/api/v1/workloads/{}/logs", acme.workload);
    assert_eq!(world.get(&world.operator, &path).await.text(), "");
    let none = world.get(&world.operator, &format!("{path}?attempt=1")).await;
    assert_eq!(none.expect(404)["code"], "not-found");
    let follow = request(&world.operator, "GET", &format!("{path}?follow=true"), Value::Null);
    let body = world.send(follow).await.into_body();
    // It has ended: so does the stream.
    let stop = format!("/api/v1/workloads/{}/stop", acme.workload);
    world.make(&stop, json!({})).await;
    let all = tokio::time::timeout(DEADLINE, body.collect()).await.expect("the stream is stuck");
    assert_eq!(all.unwrap().to_bytes().len(), 0);
}

#[tokio::test]
async fn progress_is_the_end_of_the_file() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let out = world.platform.workload_dir(acme.workload.parse().unwrap()).join("work/out");
    std::fs::create_dir_all(&out).unwrap();
    let lines = "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st";
    std::fs::write(out.join("metrics.jsonl"), lines).unwrap();
    let path = format!("/api/v1/workloads/{}/metrics?tail_lines=3", acme.workload);
    let progress = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(progress["lines"], json!([{ "step": 2 }, { "step": 3 }]));
}

#[tokio::test]
async fn tiles_are_those_of_the_checkpoint() {
    let world = World::empty().await;
    world.make("/api/v1/organisations", json!({ "name": "acme" })).await;
    let checkpoint = world.get("", "/log/checkpoint").await.text();
    let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    let tile = world.get(&world.operator, &format!("/log/tile/0/000.p/{size}")).await;
    assert_eq!((tile.status, tile.bytes.len()), (200, usize::try_from(size).unwrap() * 32));
    assert!(tile.header("cache-control").contains("immutable"));
    let entries = world.get(&world.operator, &format!("/log/tile/entries/000.p/{size}")).await;
    assert!(entries.text().contains("\"acme\""));
}

#[tokio::test]
async fn health_metrics_pages_and_backup() {
    let world = World::with_machine().await;
    assert_eq!(world.get("", "/healthz").await.expect(200)["status"], "ok");
    assert_eq!(world.get("", "/readyz").await.expect(200)["status"], "ready");
    assert_eq!(
        world.get("", "/metrics").await.status,
        401,
        "totals of few tenants say what each does"
    );
    let metrics = world.get(&world.operator, "/metrics").await.text();
    assert!(metrics.contains("cocarde_nodes{status=\"ready\"} 1"), "{metrics}");
    assert!(world.get("", "/problems/not-found").await.text().contains('#'));
    let openapi = world.get("", "/api/v1/openapi.json").await.expect(200);
    assert_eq!(openapi["openapi"].as_str().unwrap().get(..2), Some("3."));
    let backup = world.get(&world.operator, "/api/v1/backup").await;
    assert_eq!((backup.status, backup.header("content-type")), (200, "application/x-tar"));
    assert!(backup.bytes.len() > 1_024);
    let left = std::fs::read_dir(world.platform.data_dir()).unwrap();
    let left =
        left.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("backup"));
    assert_eq!(left.count(), 0, "the copy is removed");
}
