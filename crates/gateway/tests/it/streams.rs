//! Streams: pace, hidden usage, names, breaks and clients that leave.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::GatewayConfig;
use serde_json::Value;

use crate::bench::{Bench, Total, eventually, next_piece, rest};
use crate::upstream::Upstream;

fn ask(model: &str) -> String {
    format!(r#"{{"model":"pub/{model}","stream":true,"messages":[{{"role":"user"}}]}}"#)
}

/// The data of each event, parsed where it is JSON.
fn data(text: &str) -> Vec<Value> {
    text.split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data)))
        .collect()
}

fn exact(requests: u64) -> Total {
    Total {
        requests,
        errors: 0,
        prompt_tokens: 11 * requests,
        completion_tokens: 3 * requests,
        estimated: false,
    }
}

#[tokio::test]
async fn the_first_chunk_arrives_before_the_last_is_produced() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let response = bench.chat(&ask("gated")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut text = next_piece(&mut body).await;
    assert!(text.contains(r#""content":"a""#), "{text}");
    assert_eq!(bench.spooled(), 0, "the request is not finished");
    assert_eq!(bench.meter.metrics().in_flight(), 1);
    engine.shared.gate.add_permits(10);
    while !text.ends_with("[DONE]\n\n") {
        text.push_str(&next_piece(&mut body).await);
    }
    assert_eq!(bench.spooled(), 1, "written before the end was released");
    assert_eq!(next_piece(&mut body).await, "");
    assert_eq!(bench.total().await, exact(1));
    eventually("nothing in flight", || bench.meter.metrics().in_flight() == 0).await;
}

#[tokio::test]
async fn usage_is_asked_for_and_hidden_from_who_did_not_ask() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    for model in ["plain", "dribble"] {
        let events = data(&bench.chat_text(&ask(model)).await);
        assert_eq!(events.len(), 4, "{events:?}");
        assert!(events[..3].iter().all(|e| e["model"] == format!("pub/{model}")));
        assert!(events.iter().all(|e| e.get("usage").is_none()), "{events:?}");
        assert_eq!(engine.last().1["stream_options"]["include_usage"], true);
        assert_eq!(engine.last().1["model"], model);
    }
    assert_eq!(bench.total().await, exact(2));
}

#[tokio::test]
async fn usage_is_shown_to_who_asked() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let body =
        r#"{"model":"pub/plain","stream":true,"stream_options":{"include_usage":true,"x":1}}"#;
    let events = data(&bench.chat_text(body).await);
    assert_eq!(events.len(), 5, "{events:?}");
    assert_eq!(events[3]["usage"]["prompt_tokens"], 11);
    assert!(events[0]["usage"].is_null() && events[0].get("usage").is_some());
    assert_eq!(engine.last().1["stream_options"]["x"], 1);
}

#[tokio::test]
async fn a_break_ends_with_an_error_event_and_an_estimate() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    for model in ["break", "cut"] {
        let mut body = bench.chat(&ask(model)).await.into_body();
        let mut text = String::new();
        while model == "break" && !text.contains(r#""content":"b""#) {
            text.push_str(&next_piece(&mut body).await);
        }
        engine.shared.gate.add_permits(1);
        text.push_str(&rest(body).await);
        let events = data(&text);
        let last = events.last().unwrap();
        assert_eq!(last["error"]["code"], "upstream_error", "{model}: {events:?}");
        assert!(!events.iter().any(|e| e == "[DONE]"));
    }
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.estimated), (2, 2, true));
    assert_eq!(total.completion_tokens, 2 + 3, "chunks that came");
}

#[tokio::test]
async fn an_engine_without_usage_is_estimated_and_one_without_done_is_completed() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let events = data(&bench.chat_text(&ask("abrupt")).await);
    assert_eq!(events.last().unwrap(), "[DONE]");
    assert_eq!(bench.total().await, exact(1));
    bench.chat_text(&ask("mute")).await;
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.estimated), (2, 0, true));
    assert_eq!(total.completion_tokens, 6);
}

#[tokio::test]
async fn silence_breaks_a_stream() {
    let engine = Upstream::start().await;
    let idle_timeout = Duration::from_millis(50);
    let config = GatewayConfig { idle_timeout, ..GatewayConfig::default() };
    let bench = Bench::start(&[&engine.address], config).await;
    let events = data(&bench.chat_text(&ask("gated")).await);
    assert_eq!(events.len(), 2);
    assert!(events[1]["error"]["message"].as_str().unwrap().contains("silent"));
    eventually("the engine is free", || engine.shared.active.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn an_oversized_event_breaks_a_stream() {
    let engine = Upstream::start().await;
    let config = GatewayConfig { event_bytes_max: 20, ..GatewayConfig::default() };
    let bench = Bench::start(&[&engine.address], config).await;
    let events = data(&bench.chat_text(&ask("plain")).await);
    assert_eq!(events.len(), 1);
    assert!(events[0]["error"]["message"].as_str().unwrap().contains("oversized"));
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_engine_and_pays_for_what_came() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let mut body = bench.chat(&ask("gated")).await.into_body();
    assert!(next_piece(&mut body).await.contains(r#""content":"a""#));
    assert_eq!(engine.shared.active.load(Ordering::SeqCst), 1);
    drop(body);
    eventually("the engine is free", || engine.shared.active.load(Ordering::SeqCst) == 0).await;
    eventually("the usage is spooled", || bench.spooled() == 1).await;
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 1));
    assert!(total.estimated && total.prompt_tokens > 0);
    assert_eq!(bench.meter.metrics().in_flight(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_before_any_answer_frees_the_engine_too() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let mut client = Box::pin(bench.chat(r#"{"model":"pub/hang"}"#));
    let active = || engine.shared.active.load(Ordering::SeqCst);
    tokio::select! {
        _ = &mut client => unreachable!("the engine never answers"),
        () = eventually("the engine works", || active() == 1) => {}
    }
    drop(client);
    eventually("the engine is free", || active() == 0).await;
    eventually("the usage is spooled", || bench.spooled() == 1).await;
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 0));
}
