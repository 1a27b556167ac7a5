//! Guardrails over real sockets: what the client sees, what is billed, and what nobody writes down.

use std::sync::Arc;

use gateway::{AccessLogTarget, CheckAction, CheckKind, CheckSpec, Checks, GatewayConfig, Refusal};

use crate::bench::{Bench, eventually, read_json, rest};
use crate::upstream::Upstream;

async fn bench(engine: &Upstream, action: CheckAction, pattern: &str) -> Bench {
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let kind = CheckKind::Pattern { pattern: pattern.into(), window_chars: 16 };
    let (name, on_question, on_answer) = ("no-abc".to_owned(), true, true);
    let spec = CheckSpec { name, on_question, on_answer, action, kind };
    *bench.world.checks.lock().unwrap() =
        Checks::compile(vec![spec]).map(|checks| Ok(Arc::new(checks)));
    bench
}

const STREAM: &str = r#"{"model":"pub/plain","stream":true}"#;

#[tokio::test]
async fn a_refused_question_reaches_no_engine_and_costs_nothing() {
    let engine = Upstream::start().await;
    let bench = bench(&engine, CheckAction::Refuse, "swordfish").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    bench.meter.metrics().log_access(AccessLogTarget::File(path.clone())).unwrap();
    let ask = r#"{"model":"pub/plain","messages":[{"role":"user","content":"swordfish"}]}"#;
    let (response, body) = bench.chat_json(ask).await;
    assert_eq!(response.status(), 400);
    assert_eq!(body["error"]["code"], "content_filter");
    assert!(body["error"]["message"].as_str().unwrap().contains("`no-abc`"));
    assert_eq!((engine.requests(), bench.total().await.requests), (0, 0));
    let text = bench.meter.metrics().render();
    assert!(text.contains("cocarde_gateway_errors_total{kind=\"content_filter\"} 1\n"), "{text}");
    assert_eq!(bench.meter.metrics().tenants()[0].sums.refused, 1);
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("the line is written", || read().contains("content_filter")).await;
    for text in [text, read(), body.to_string()] {
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_answer_ends_the_stream_with_an_error_and_is_billed() {
    let engine = Upstream::start().await;
    let bench = bench(&engine, CheckAction::Refuse, "[a-c]{2}").await;
    let text = bench.chat_text(STREAM).await;
    assert!(text.contains(r#""code":"content_filter""#), "{text}");
    assert!(!text.contains("[DONE]") && !text.contains(r#""content":"a""#), "{text}");
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors), (1, 1));
    assert!(total.completion_tokens > 0 && total.estimated, "{total:?}");
    let (response, body) = bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    assert_eq!(
        (response.status().as_u16(), &body["error"]["code"]),
        (400, &"content_filter".into())
    );
    let after = bench.total().await;
    assert_eq!((after.completion_tokens, after.errors), (total.completion_tokens + 3, 2));
}

#[tokio::test]
async fn a_redacted_stream_is_whole_and_metered_as_any_other() {
    let engine = Upstream::start().await;
    let bench = bench(&engine, CheckAction::Redact, "b").await;
    let text = bench.chat_text(STREAM).await;
    assert!(text.contains("[redacted: no-abc]") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(bench.total().await.completion_tokens, 3);
    let metrics = bench.meter.metrics();
    eventually("it is counted", || {
        metrics.render().contains("cocarde_gateway_guardrail_redactions_total 1\n")
    })
    .await;
}

/// Streams of every kind of call that writes, each asked for the text `abc`.
const STREAMS: [(&str, &str); 4] = [
    ("/v1/chat/completions", r#""messages":[]"#),
    ("/v1/completions", r#""prompt":"p""#),
    ("/v1/fim/completions", r#""prompt":"p","suffix":"s""#),
    ("/v1/responses", r#""input":"hello""#),
];

/// How any part of it would look.
const SHOWN: [&str; 3] = [r#":"a""#, r#":"ab"#, r#":"b""#];

#[tokio::test]
async fn every_kind_of_stream_is_looked_at() {
    let engine = Upstream::start().await;
    let redacting = bench(&engine, CheckAction::Redact, "ab").await;
    let refusing = bench(&engine, CheckAction::Refuse, "ab").await;
    for (path, asked) in STREAMS {
        for model in ["plain", "dribble", "abrupt"] {
            let body = format!(r#"{{"model":"pub/{model}","stream":true,{asked}}}"#);
            let shown = rest(redacting.post(path, &body).await.into_body()).await;
            assert!(shown.contains("[redacted: no-abc]c"), "{path} {model}: {shown}");
            assert!(!SHOWN.iter().any(|text| shown.contains(text)), "{path} {model}: {shown}");
            let shown = rest(refusing.post(path, &body).await.into_body()).await;
            assert!(shown.contains(r#""code":"content_filter""#), "{path} {model}: {shown}");
            for text in SHOWN.into_iter().chain(["[DONE]", "response.completed"]) {
                assert!(!shown.contains(text), "{path} {model} {text}: {shown}");
            }
        }
        let body = format!(r#"{{"model":"pub/plain",{asked}}}"#);
        if path.ends_with("/completions") && path != "/v1/chat/completions" {
            continue;
        }
        let (_, told) = read_json(redacting.post(path, &body).await).await;
        assert!(told.to_string().contains("[redacted: no-abc]c"), "{path}: {told}");
        let (_, told) = read_json(refusing.post(path, &body).await).await;
        assert_eq!(told["error"]["code"], "content_filter", "{path}");
    }
    let total = refusing.total().await;
    assert_eq!((total.requests, total.errors), (14, 14));
}

#[tokio::test]
async fn what_is_to_be_checked_is_known_or_nothing_is_served() {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    *bench.world.checks.lock().unwrap() = Some(Err(Refusal::Unchecked));
    for (path, asked) in STREAMS {
        let body = format!(r#"{{"model":"pub/plain",{asked}}}"#);
        let (head, told) = read_json(bench.post(path, &body).await).await;
        assert_eq!(head.status(), 503, "{path}");
        assert_eq!(told["error"]["code"], "guardrails_unknown", "{path}");
    }
    assert_eq!((engine.requests(), bench.total().await.requests), (0, 0));
}

#[tokio::test]
async fn without_rules_for_answers_a_stream_is_untouched() {
    let engine = Upstream::start().await;
    let plain = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let reported = bench(&engine, CheckAction::Report, "zzz").await;
    let strip = |text: String| -> Vec<String> {
        let ids = text.split("\"id\":\"");
        ids.map(|part| part.split_once('"').map_or(part, |(_, rest)| rest).to_owned()).collect()
    };
    let (one, other) = (plain.chat_text(STREAM).await, reported.chat_text(STREAM).await);
    assert_eq!(strip(one).len(), strip(other).len());
}
