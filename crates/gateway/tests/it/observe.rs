//! What is seen of requests from outside: kinds of failure, the access log, traces, figures of tenants.

use gateway::{AccessLogTarget, GatewayConfig, TenantRow};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use units::Id;

use crate::bench::{Bench, eventually, next_piece};
use crate::upstream::Upstream;

const SECRET: &str = "the-hippopotamus-in-the-prompt";

fn metric(bench: &Bench, name: &str) -> u64 {
    let text = bench.meter.metrics().render();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn failures_are_counted_by_kind_and_gaps_by_chunk() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    bench.chat_text(r#"{"model":"pub/plain","stream":true}"#).await;
    for model in ["nope", "forbidden", "spent", "asleep", "fast"] {
        bench.chat_json(&format!(r#"{{"model":"{model}"}}"#)).await;
    }
    bench.chat_as("wrong", b"{}").await;
    bench.chat_json("{").await;
    let mut body = bench.chat(r#"{"model":"pub/gated","stream":true}"#).await.into_body();
    assert!(!next_piece(&mut body).await.is_empty());
    drop(body);
    let kind = |kind: &str| format!("cocarde_gateway_errors_total{{kind=\"{kind}\"}}");
    eventually("the client's leaving is seen", || metric(&bench, &kind("client_left")) == 1).await;
    for name in [
        "model_not_found",
        "permission",
        "quota",
        "unavailable",
        "rate_limited",
        "authentication",
        "invalid_request",
    ] {
        assert_eq!(metric(&bench, &kind(name)), 1, "{name}");
    }
    let by = |name: &str| {
        format!("{name}{{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"cocarde\"}}")
    };
    assert_eq!(metric(&bench, "cocarde_gateway_inter_token_gap_seconds_count"), 2);
    assert_eq!(metric(&bench, &by("gen_ai_server_time_per_output_token_seconds_count")), 1);
    assert_eq!(metric(&bench, &by("gen_ai_server_request_duration_seconds_count")), 9);
    assert_eq!(metric(&bench, "cocarde_gateway_queue_wait_seconds_count"), 2);
    assert_eq!(metric(&bench, "cocarde_gateway_upstream_wait_seconds_count"), 2);
}

#[tokio::test]
async fn a_tenants_figures_are_its_own_and_add_up() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    bench.chat_text(r#"{"model":"pub/plain","stream":true}"#).await;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    bench.chat_json(r#"{"model":"nope"}"#).await;
    let of = |rows: &[TenantRow], has_endpoint: bool| {
        rows.iter().find(|row| row.endpoint.is_some() == has_endpoint).cloned()
    };
    let metrics = bench.meter.metrics();
    eventually("both are over", || {
        of(&metrics.tenants(), true).is_some_and(|row| row.sums.requests == 2)
    })
    .await;
    let rows = metrics.tenants();
    let (served, lost) = (of(&rows, true).unwrap(), of(&rows, false).unwrap());
    assert_eq!(served.key, Some(Id::from_bytes([1; 16])));
    assert_eq!(served.model, "pub/plain");
    assert_eq!((served.sums.prompt_tokens, served.sums.completion_tokens), (22, 6));
    assert_eq!((served.sums.errors, served.sums.streams), (0, 1));
    assert_eq!((lost.sums.requests, lost.sums.errors, lost.model.as_str()), (1, 1, ""));
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_request_and_no_word_of_it() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    bench.meter.metrics().log_access(AccessLogTarget::File(path.clone())).unwrap();
    let ask = |model: &str| {
        format!(
            r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"{SECRET}"}}]}}"#
        )
    };
    bench.chat_text(&ask("pub/plain")).await;
    let made_up = format!("nope-{SECRET}");
    bench.chat_json(&ask(&made_up)).await;
    let query = bench
        .request(Method::POST, &format!("/v1/chat/completions?user={SECRET}"), "key-1")
        .body(Full::from(ask("pub/plain")))
        .unwrap();
    bench.send(query).await.into_body().collect().await.unwrap();
    bench.chat_as("wrong-key", ask("pub/plain").as_bytes()).await;
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("four lines are written", || read().lines().count() == 4).await;
    let text = read();
    for secret in [SECRET, "key-1", "wrong-key"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let good = lines.iter().find(|line| line["status"] == 200).unwrap();
    assert_eq!((&good["model"], &good["operation"]), (&"pub/plain".into(), &"chat".into()));
    assert_eq!((&good["prompt_tokens"], &good["completion_tokens"]), (&11.into(), &3.into()));
    assert!(good["first_token_ms"].as_f64().unwrap() <= good["duration_ms"].as_f64().unwrap());
    assert!(good["request_id"].as_str().unwrap().starts_with("req_"));
    assert!(good["site_id"].is_string() && good["key_id"].is_string());
    let lost = lines.iter().find(|line| line["status"] == 404).unwrap();
    assert_eq!((&lost["error"], lost.get("model")), (&"model_not_found".into(), None));
    let unknown = lines.iter().find(|line| line["status"] == 401).unwrap();
    assert_eq!(unknown.get("project_id"), None);
}

#[tokio::test]
async fn a_rotated_access_log_goes_on_under_its_name() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    bench.meter.metrics().log_access(AccessLogTarget::File(path.clone())).unwrap();
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    let lines = |path: &std::path::Path| {
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    };
    eventually("the first is written", || lines(&path) == 1).await;
    std::fs::rename(&path, &old).unwrap();
    eventually("the file is opened again", || path.exists()).await;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    eventually("the second is written", || lines(&path) == 1).await;
    assert_eq!(lines(&old), 1);
}

#[tokio::test]
async fn a_trace_goes_from_the_client_to_the_engine_and_its_spans_to_a_collector() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let batches = bench.meter.metrics().trace(1_000_000, "1.2.3".into());
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let body = format!(
        r#"{{"model":"pub/plain","stream":true,"messages":[{{"role":"user","content":"{SECRET}"}}]}}"#
    );
    let request = bench
        .request(Method::POST, "/v1/chat/completions", "key-1")
        .header("traceparent", format!("00-{trace}-{parent}-01"))
        .header("tracestate", "a=b")
        .body(Full::from(body))
        .unwrap();
    let answer = bench.send(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.unwrap();
    let told = engine.last().0;
    let onward = told["traceparent"].to_str().unwrap().to_owned();
    assert_eq!(told["tracestate"], "a=b");
    let batch = tokio::task::spawn_blocking(move || batches.next_batch()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&batch.body).contains(SECRET));
    let body: Value = serde_json::from_slice(&batch.body).unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let (server, client) = (&spans[0], &spans[1]);
    assert_eq!((&server["traceId"], &server["parentSpanId"]), (&trace.into(), &parent.into()));
    assert_eq!((&server["kind"], &server["name"]), (&2.into(), &"chat pub/plain".into()));
    assert_eq!(client["parentSpanId"], server["spanId"]);
    assert_eq!(onward, format!("00-{trace}-{}-01", client["spanId"].as_str().unwrap()));
    let attribute = |key: &str| {
        let all = server["attributes"].as_array().unwrap();
        all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone()).unwrap()
    };
    assert_eq!(attribute("gen_ai.operation.name")["stringValue"], "chat");
    assert_eq!(attribute("gen_ai.request.model")["stringValue"], "pub/plain");
    assert_eq!(attribute("gen_ai.usage.input_tokens")["intValue"], "11");
    assert_eq!(attribute("gen_ai.usage.output_tokens")["intValue"], "3");
    assert_eq!(attribute("http.response.status_code")["intValue"], "200");
    let time = |name: &str| server[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("startTimeUnixNano") < time("endTimeUnixNano"));
}
