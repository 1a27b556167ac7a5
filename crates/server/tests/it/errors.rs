//! What is refused, and in which words.

use std::fmt::Write as _;

use axum::body::Body;
use expect_test::expect_file;
use http::{Request, header};
use serde_json::{Value, json};

use crate::world::{World, digest, request, tenant, without_ids};

/// Name of the case, method, path, body as text, content type.
type Case = (&'static str, &'static str, String, String, &'static str);

fn cases(blob: &str) -> Vec<Case> {
    let json = "application/json";
    let organisations = || "/api/v1/organisations".to_owned();
    let workloads = || "/api/v1/workloads".to_owned();
    let text = str::to_owned;
    let manifest = |path: &str| {
        json!({ "files": [{ "path": path, "digest": blob, "size_bytes": 7 }] }).to_string()
    };
    let manifests = || "/api/v1/manifests".to_owned();
    vec![
        ("no such path", "GET", text("/api/v1/nothing"), String::new(), json),
        ("wrong method", "PUT", organisations(), String::new(), json),
        ("not JSON", "POST", organisations(), text("{"), json),
        ("empty body", "POST", organisations(), String::new(), json),
        ("two values", "POST", organisations(), text("{\"name\":\"a\"} {}"), json),
        ("unknown field", "POST", organisations(), text("{\"nam\":\"a\"}"), json),
        ("bad name", "POST", organisations(), text("{\"name\":\"../etc\"}"), json),
        ("wrong media type", "POST", organisations(), text("name=a"), "text/plain"),
        ("unknown parameter", "GET", text("/api/v1/organisations?limti=3"), String::new(), json),
        ("limit too large", "GET", text("/api/v1/organisations?limit=501"), String::new(), json),
        ("bad page token", "GET", text("/api/v1/organisations?page_token=x"), String::new(), json),
        ("bad id", "GET", text("/api/v1/projects/prj_nonsense"), String::new(), json),
        (
            "id of another kind",
            "GET",
            text("/api/v1/projects/org_01jzzzzzzzzzzzzzzzzzzzzzzz"),
            String::new(),
            json,
        ),
        ("name taken", "POST", organisations(), text("{\"name\":\"acme\"}"), json),
        (
            "job: nearest field",
            "POST",
            workloads(),
            text("{\"type\":\"train\",\"name\":\"a\",\"rnu\":\"true\"}"),
            json,
        ),
        (
            "job: nested field",
            "POST",
            workloads(),
            text("{\"type\":\"train\",\"name\":\"a\",\"run\":\"x\",\"resources\":{\"gpus\":1}}"),
            json,
        ),
        (
            "job: many fields",
            "POST",
            workloads(),
            text("{\"type\":\"train\",\"name\":\"A B\",\"run\":\" \",\"nodes\":0}"),
            json,
        ),
        (
            "job: other project",
            "POST",
            workloads(),
            text("{\"type\":\"train\",\"name\":\"a\",\"run\":\"x\",\"project\":\"no/one\"}"),
            json,
        ),
        (
            "job: mount trick",
            "POST",
            workloads(),
            text(
                "{\"type\":\"train\",\"name\":\"a\",\"run\":\"x\",\"project\":\"acme/lab\",\"data\":{\"/../etc\":\"dataset://lab/corpus\"}}",
            ),
            json,
        ),
        (
            "job: missing input",
            "POST",
            workloads(),
            text(
                "{\"type\":\"train\",\"name\":\"a\",\"run\":\"x\",\"project\":\"acme/lab\",\"data\":{\"/d\":\"dataset://lab/none@v1\"}}",
            ),
            json,
        ),
        (
            "job: port",
            "POST",
            workloads(),
            text(
                "{\"type\":\"service\",\"name\":\"a\",\"run\":\"x\",\"project\":\"acme/lab\",\"port\":80}",
            ),
            json,
        ),
        ("manifest: parent", "POST", manifests(), manifest("../x"), json),
        ("manifest: absolute", "POST", manifests(), manifest("/etc/passwd"), json),
        ("manifest: empty part", "POST", manifests(), manifest("a//b"), json),
        ("manifest: backslash", "POST", manifests(), manifest("a\\b"), json),
        ("manifest: NUL", "POST", manifests(), manifest("a\0b"), json),
        ("manifest: wrong size", "POST", manifests(), manifest("a").replace(":7", ":8"), json),
        (
            "manifest: no blob",
            "POST",
            manifests(),
            manifest("a").replace(blob, &digest(b"other").to_string()),
            json,
        ),
        ("blob: no digest", "GET", text("/api/v1/blobs/sha256:12"), String::new(), json),
        (
            "blob: path trick",
            "GET",
            text("/api/v1/blobs/..%2f..%2fetc%2fpasswd"),
            String::new(),
            json,
        ),
        (
            "blob: missing",
            "GET",
            format!("/api/v1/blobs/{}", digest(b"other")),
            String::new(),
            json,
        ),
        (
            "blob: wrong digest",
            "PUT",
            format!("/api/v1/blobs/{}", digest(b"other")),
            text("content"),
            "application/octet-stream",
        ),
        ("tile: spelling", "GET", text("/log/tile/0/0"), String::new(), json),
        ("tile: not yet", "GET", text("/log/tile/0/001"), String::new(), json),
        ("tile: trick", "GET", text("/log/tile/../../key"), String::new(), json),
        (
            "policy that is no Cedar",
            "POST",
            text("/api/v1/policies"),
            text("{\"scope\":\"acme\",\"name\":\"a\",\"text\":\"permit everything\"}"),
            json,
        ),
        (
            "month",
            "GET",
            text("/api/v1/invoices/draft?project=acme/lab&month=2026-13"),
            String::new(),
            json,
        ),
        ("follow without stream", "GET", text("/api/v1/events?follow=true"), String::new(), json),
        ("problem page", "GET", text("/problems/none"), String::new(), json),
    ]
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let mut out = String::new();
    for (name, method, path, body, media) in cases(&acme.blob) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", world.operator))
            .header(header::CONTENT_TYPE, media)
            .body(Body::from(body))
            .unwrap();
        let answer = world.ask(request).await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        let problem = answer.json();
        assert_eq!(problem["instance"], answer.header("x-request-id"), "{name}");
        assert_eq!(problem["status"], answer.status, "{name}");
        // A file with a NUL character would not be a text to compare.
        let text = |field: &str| problem[field].as_str().unwrap_or_default().replace('\0', "\\0");
        writeln!(out, "{name}: {} {}: {}", answer.status, text("code"), text("detail")).unwrap();
        for error in problem["errors"].as_array().into_iter().flatten() {
            writeln!(out, "    at {}: {}", error["pointer"], error["message"]).unwrap();
        }
        if !text("remedy").is_empty() {
            writeln!(out, "    remedy: {}", text("remedy")).unwrap();
        }
    }
    expect_file!["./errors.txt"].assert_eq(&without_ids(&out));
}

#[tokio::test]
async fn keys_that_are_not_valid_are_all_the_same() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let unknown = format!("cck_{}", "x".repeat(43));
    let long = "y".repeat(10_000);
    let new = json!({ "name": "gone", "role": "viewer", "project": "acme/lab" });
    let made = world.make("/api/v1/keys", new).await;
    let revoked = made["secret"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    let answer = world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    assert!(answer["revoked_at"].is_string());
    let mut details = Vec::new();
    for key in [unknown, long, revoked] {
        let answer = world.get(&key, "/api/v1/whoami").await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        details.push(answer.expect(401)["detail"].clone());
    }
    details.dedup();
    assert_eq!(details.len(), 1);
    assert!(!acme.spare_key.is_empty());
}

#[tokio::test]
async fn bodies_have_limits() {
    let world = World::empty().await;
    let long = "x".repeat((1 << 20) + 1);
    let announced = world.call(&world.operator, "POST", "/api/v1/organisations", json!(long)).await;
    assert_eq!(announced.expect(413)["limit"], 1 << 20);
    // Without an announcement, reading stops at the limit.
    let pieces =
        futures_util::stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 65_536])));
    let mut streamed = request(&world.operator, "POST", "/api/v1/organisations", json!({}));
    *streamed.body_mut() = Body::from_stream(pieces);
    assert_eq!(world.ask(streamed).await.expect(413)["code"], "payload-too-large");
    let blob = format!("/api/v1/blobs/{}", digest(b"x"));
    let mut huge = request(&world.operator, "PUT", &blob, Value::Null);
    huge.headers_mut().insert(header::CONTENT_LENGTH, (65_u64 << 30).into());
    assert_eq!(world.ask(huge).await.expect(413)["limit"], 64_u64 << 30);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_said_to() {
    let world = World::empty().await;
    let broken = || {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            vec![Ok(b"{\"na".to_vec()), Err(std::io::Error::other("gone"))];
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    let mut post = request(&world.operator, "POST", "/api/v1/organisations", json!({}));
    *post.body_mut() = broken();
    assert_eq!(world.ask(post).await.expect(400)["code"], "invalid-body");
    let path = format!("/api/v1/blobs/{}", digest(b"x"));
    let mut put = request(&world.operator, "PUT", &path, Value::Null);
    *put.body_mut() = broken();
    assert_eq!(world.ask(put).await.expect(400)["code"], "invalid-body");
    assert_eq!(world.get(&world.operator, &path).await.status, 404, "nothing was kept");
}
