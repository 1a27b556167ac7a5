//! Usage across restarts of the gateway, and the counters.

use gateway::GatewayConfig;

use crate::bench::{Bench, next_piece};
use crate::upstream::Upstream;

#[tokio::test]
async fn usage_survives_a_crash_and_is_recorded_once() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    bench.chat_text(r#"{"model":"pub/plain","stream":true}"#).await;
    assert!(bench.world.rollups.lock().unwrap().is_empty(), "nothing was flushed");
    let (world, folder) = bench.crash().await;

    let bench = Bench::resume(world, folder, GatewayConfig::default()).await;
    let total = bench.total().await;
    assert_eq!((total.requests, total.prompt_tokens, total.estimated), (2, 22, false));
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    assert_eq!(bench.total().await.requests, 3);
    let (world, folder) = bench.crash().await;

    let bench = Bench::resume(world, folder, GatewayConfig::default()).await;
    assert_eq!(bench.total().await.requests, 3, "nothing twice");
    let sequences: Vec<u64> =
        bench.world.rollups.lock().unwrap().iter().map(|r| r.sequence).collect();
    assert_eq!(sequences, (1..=3).take(sequences.len()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_running_meter_delivers_what_a_crash_left() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    let (world, folder) = bench.crash().await;
    let bench = Bench::resume(world, folder, GatewayConfig::default()).await;
    let meter = bench.meter.clone();
    let runner = tokio::spawn(async move { meter.run().await });
    let world = std::sync::Arc::clone(&bench.world);
    crate::bench::eventually("delivered", || world.rollups.lock().unwrap().len() == 1).await;
    runner.abort();
}

#[tokio::test]
async fn parallel_requests_add_up() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let asks = (0..40).map(|index| {
        let body = format!(r#"{{"model":"pub/plain","stream":{}}}"#, index % 2 == 0);
        let bench = &bench;
        async move { bench.chat_text(&body).await }
    });
    let answers = futures_util::future::join_all(asks).await;
    assert!(answers.iter().all(|text| text.contains("pub/plain")));
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (40, 0, 120));
}

#[tokio::test]
async fn counters_are_rendered_without_tenants() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    bench.chat_json(r#"{"model":"nope"}"#).await;
    let mut body = bench.chat(r#"{"model":"pub/gated","stream":true}"#).await.into_body();
    assert!(!next_piece(&mut body).await.is_empty());
    let text = bench.meter.metrics().render();
    for line in [
        "cocarde_gateway_requests_total{class=\"2xx\"} 2",
        "cocarde_gateway_requests_total{class=\"4xx\"} 1",
        "cocarde_gateway_in_flight_requests 1",
        "cocarde_gateway_prompt_tokens_total 11",
        "cocarde_gateway_completion_tokens_total 3",
        "gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"cocarde\",le=\"+Inf\"} 1",
        "gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"cocarde\"} 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
    for label in ["key_", "prj_", "pub/"] {
        assert!(!text.contains(label), "{label}");
    }
}
