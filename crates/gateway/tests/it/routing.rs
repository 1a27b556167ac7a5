//! Replicas: retries, and what of a request and of an answer passes through.

use gateway::GatewayConfig;
use serde_json::json;

use crate::bench::Bench;
use crate::upstream::Upstream;

/// An address at which nobody listens.
async fn dead() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn an_unreachable_replica_is_passed_over() {
    let (engine, dead) = (Upstream::start().await, dead().await);
    let bench = Bench::start(&[&dead, &engine.address], GatewayConfig::default()).await;
    for stream in [false, true] {
        for _ in 0..8 {
            let body = format!(r#"{{"model":"pub/plain","stream":{stream}}}"#);
            assert_eq!(bench.chat(&body).await.status(), 200);
        }
    }
    assert_eq!(engine.requests(), 16);
    let total = bench.total().await;
    assert_eq!((total.requests, total.prompt_tokens), (16, 16 * 11));
    assert!(!bench.meter.metrics().render().contains("upstream_errors_total 0"), "some retried");
}

#[tokio::test]
async fn an_overloaded_replica_is_passed_over_and_each_is_tried_once() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let bench = Bench::start(&[&one.address, &two.address], GatewayConfig::default()).await;
    let (head, body) = bench.chat_json(r#"{"model":"pub/busy"}"#).await;
    assert_eq!(head.status(), 503);
    assert_eq!(body["error"]["code"], "upstream_error");
    assert_eq!((one.requests(), two.requests()), (1, 1));
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors), (1, 1), "one request, however many attempts");
}

#[tokio::test]
async fn a_server_error_is_not_repeated() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let bench = Bench::start(&[&one.address, &two.address], GatewayConfig::default()).await;
    assert_eq!(bench.chat(r#"{"model":"pub/html"}"#).await.status(), 500);
    assert_eq!(one.requests() + two.requests(), 1);
}

#[tokio::test]
async fn only_what_is_meant_to_pass_passes() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let (head, body) =
        bench.chat_json(r#"{"model":"pub/plain","seed":18446744073709551615,"top":{"k":1}}"#).await;
    assert_eq!(body["model"], "pub/plain");
    assert_eq!(body["usage"]["completion_tokens"], 3);
    let (sent_headers, sent) = engine.last();
    assert_eq!(sent, json!({"model": "plain", "seed": u64::MAX, "top": {"k": 1}}));
    assert!(!sent_headers.contains_key("authorization"), "keys stay here");
    for hidden in ["server", "set-cookie", "keep-alive"] {
        assert!(!head.headers().contains_key(hidden), "{hidden}");
    }
    assert_eq!(head.headers()["openai-processing-ms"], "7");
    let id = &head.headers()["x-request-id"];
    assert_eq!(id, &sent_headers["x-request-id"], "one id on both sides");
    assert!(id.to_str().unwrap().starts_with("req_"));
}
