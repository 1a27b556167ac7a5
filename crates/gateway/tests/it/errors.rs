//! Errors: every refusal, bad requests, limits, and what engines answer wrong.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::GatewayConfig;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::bench::{Bench, eventually, next_piece, read_json};
use crate::upstream::Upstream;

#[tokio::test]
async fn every_refusal_has_its_status_and_envelope() {
    let bench = Bench::start(&[], GatewayConfig::default()).await;
    for (model, status, kind, code, retry) in [
        ("nope", 404, "invalid_request_error", "model_not_found", false),
        ("forbidden", 403, "permission_error", "forbidden", false),
        ("spent", 402, "insufficient_quota", "insufficient_quota", false),
        ("asleep", 503, "server_error", "no_replica", true),
        ("pub/plain", 503, "server_error", "no_replica", true),
        ("fast", 429, "rate_limit_error", "rate_limit_exceeded", true),
    ] {
        let (head, body) = bench.chat_json(&format!(r#"{{"model":"{model}"}}"#)).await;
        let error = &body["error"];
        assert_eq!(head.status(), status, "{model}");
        assert_eq!((&error["type"], &error["code"]), (&json!(kind), &json!(code)), "{model}");
        assert!(error["message"].is_string() && error.get("param").is_some(), "{body}");
        assert_eq!(head.headers().contains_key("retry-after"), retry, "{model}");
        let id = head.headers()["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_"), "{id}");
    }
}

#[tokio::test]
async fn keys_are_bearer_keys_only() {
    let bench = Bench::start(&[], GatewayConfig::default()).await;
    let uri = format!("http://{}/v1/models", bench.address);
    for (name, value, status) in [
        ("authorization", "Bearer key-1", 200),
        ("authorization", "bearer key-1", 200),
        ("authorization", "Bearer wrong", 401),
        ("authorization", "Bearer ", 401),
        ("authorization", "Basic key-1", 401),
        ("x-api-key", "key-1", 401),
    ] {
        let request = Request::builder().uri(&uri).header(name, value);
        let response = bench.send(request.body(Full::default()).unwrap()).await;
        let (head, body) = read_json(response).await;
        assert_eq!(head.status(), status, "{name}: {value}");
        if status == 401 {
            assert_eq!(body["error"]["code"], "invalid_api_key");
        }
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_in_the_envelope() {
    let config = GatewayConfig { body_bytes_max: 100, ..GatewayConfig::default() };
    let bench = Bench::start(&[], config).await;
    let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(200));
    for (body, status, param) in [
        ("", 400, Value::Null),
        ("{", 400, Value::Null),
        ("\u{0}", 400, Value::Null),
        (r#"{"model":1}"#, 400, json!("model")),
        (long.as_str(), 413, Value::Null),
    ] {
        let (head, told) = bench.chat_json(body).await;
        assert_eq!((head.status().as_u16(), &told["error"]["param"]), (status, &param), "{body}");
        assert_eq!(told["error"]["type"], "invalid_request_error");
    }
    assert_eq!(bench.total().await.requests, 0, "nothing reached a replica");
}

#[tokio::test]
async fn a_long_body_of_unknown_length_is_refused_too() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let config = GatewayConfig { body_bytes_max: 100, ..GatewayConfig::default() };
    let bench = Bench::start(&[], config).await;
    let mut socket = tokio::net::TcpStream::connect(&bench.address).await.unwrap();
    let head = "POST /v1/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer key-1\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let chunk = format!("50\r\n{}\r\n", "x".repeat(0x50));
    socket.write_all(format!("{head}{chunk}{chunk}").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn engine_errors_are_passed_on_or_wrapped() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    for (model, status, message, code) in [
        ("strict", 400, "too long", json!(400)),
        ("html", 500, "the model's server answered 500", json!("upstream_error")),
        ("busy", 503, "the model's server answered 503", json!("upstream_error")),
        ("garbage", 502, "JSON", json!("upstream_error")),
        ("locked", 502, "operator", json!("upstream_error")),
    ] {
        let (head, body) = bench.chat_json(&format!(r#"{{"model":"pub/{model}"}}"#)).await;
        assert_eq!(head.status(), status, "{model}");
        let told = body["error"]["message"].as_str().unwrap();
        assert!(told.contains(message), "{model}: {told}");
        assert_eq!(body["error"]["code"], code, "{model}");
        assert!(!head.headers().contains_key("server"), "{model}");
    }
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (5, 5, 0));
}

#[tokio::test]
async fn an_engine_that_hangs_is_given_up() {
    let engine = Upstream::start().await;
    let soon = Duration::from_millis(50);
    let config = GatewayConfig {
        first_byte_timeout: soon,
        answer_timeout: soon,
        ..GatewayConfig::default()
    };
    let bench = Bench::start(&[&engine.address], config).await;
    for body in [r#"{"model":"pub/hang"}"#, r#"{"model":"pub/hang","stream":true}"#] {
        let (head, told) = bench.chat_json(body).await;
        assert_eq!(
            (head.status().as_u16(), &told["error"]["code"]),
            (504, &json!("upstream_timeout"))
        );
    }
    eventually("the engine is free", || engine.shared.active.load(Ordering::SeqCst) == 0).await;
    assert_eq!(bench.total().await.errors, 2);
}

#[tokio::test]
async fn concurrency_is_limited_per_key() {
    let engine = Upstream::start().await;
    let config = GatewayConfig { concurrent_max_per_key: 1, ..GatewayConfig::default() };
    let bench = Bench::start(&[&engine.address], config).await;
    let body = r#"{"model":"pub/gated","stream":true}"#;
    let mut first = bench.chat(body).await.into_body();
    assert!(!next_piece(&mut first).await.is_empty());
    let (head, told) = bench.chat_json(body).await;
    assert_eq!(
        (head.status().as_u16(), &told["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    assert!(head.headers().contains_key("retry-after"));
    let other = bench.chat_as("key-2", br#"{"model":"pub/plain"}"#).await;
    assert_eq!(other.status(), 200, "another key has its own limit");
    drop(first);
    eventually("the place is free", || bench.meter.metrics().in_flight() == 0).await;
    assert_eq!(bench.chat(r#"{"model":"pub/plain"}"#).await.status(), 200);
}

#[tokio::test]
async fn a_rate_limit_shows_in_headers() {
    let engine = Upstream::start().await;
    let config = GatewayConfig { requests_per_minute_max: Some(2), ..GatewayConfig::default() };
    let bench = Bench::start(&[&engine.address], config).await;
    for (status, remaining) in [(200, "1"), (200, "0"), (429, "0")] {
        let (head, _) = bench.chat_json(r#"{"model":"pub/plain"}"#).await;
        assert_eq!(head.status(), status);
        assert_eq!(head.headers()["x-ratelimit-limit-requests"], "2");
        assert_eq!(head.headers()["x-ratelimit-remaining-requests"], remaining);
        assert!(head.headers().contains_key("x-ratelimit-reset-requests"));
    }
    let uri = format!("http://{}/v1/completions", bench.address);
    let request = Request::builder().method(Method::POST).uri(uri);
    let (head, _) = read_json(bench.send(request.body(Full::default()).unwrap()).await).await;
    assert_eq!(head.status(), 401, "without a key there is no limit to show");
    assert!(!head.headers().contains_key("x-ratelimit-limit-requests"));
}
