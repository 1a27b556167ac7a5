//! Services that are asked about texts, over real sockets: what they are told, what is done with what they say,
//! and what happens when they say nothing.

mod service;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{
    AccessLogTarget, CheckAction, CheckKind, CheckSpec, CheckerSpec, Checks, GatewayConfig, Reach,
    Remote, RemoteConfig, RemoteTimeouts, Tls, Unanswered,
};
use http::StatusCode;
use serde_json::{Value, json};
use units::Id;

use crate::bench::{Bench, eventually, next_piece};
use crate::upstream::Upstream;
use service::{Service, Way};

const ASK: &str = r#"{"model":"pub/plain","messages":[{"role":"user","content":"a swordfish"}]}"#;
const STREAM: &str =
    r#"{"model":"pub/plain","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

fn remote(address: &str) -> Arc<Remote> {
    limited(address, None)
}

/// With so many places.
fn limited(address: &str, in_flight_max: Option<u32>) -> Arc<Remote> {
    let config = RemoteConfig {
        id: Id::from_bytes([4; 16]),
        url: format!("http://{address}"),
        model: "none".to_owned(),
        key: Some("checker-key".to_owned()),
        reach: Reach::Private,
        in_flight_max,
        timeouts: RemoteTimeouts::default(),
        probe: None,
        is_shared: false,
    };
    Arc::new(Remote::new(&config, &Tls::new(b"").unwrap()).unwrap())
}

fn spec(unanswered: Unanswered, window_chars: u32) -> CheckSpec {
    let kind = CheckKind::Checker(CheckerSpec {
        project: Id::from_bytes([9; 16]),
        upstream: Id::from_bytes([4; 16]),
        is_allowed: true,
        timeout: Duration::from_secs(5),
        unanswered,
        window_chars,
    });
    let (name, action) = ("watch".to_owned(), CheckAction::Refuse);
    CheckSpec { name, on_question: true, on_answer: true, action, kind }
}

async fn bench(engine: &Upstream, address: &str, specs: Vec<CheckSpec>) -> Bench {
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    *bench.world.checker.lock().unwrap() = Some(remote(address));
    *bench.world.checks.lock().unwrap() = Checks::compile(specs).map(|checks| Ok(Arc::new(checks)));
    bench
}

async fn start(way: Way) -> (Upstream, Service, Bench) {
    let (engine, service) = (Upstream::start().await, Service::start(way).await);
    let bench = bench(&engine, &service.address, vec![spec(Unanswered::Refuse, 2)]).await;
    (engine, service, bench)
}

fn figure(bench: &Bench, name: &str) -> String {
    let text = bench.meter.metrics().render();
    let name = format!("cocarde_gateway_checker_{name} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().to_owned()
}

#[tokio::test]
async fn a_service_is_told_the_texts_and_what_they_are_and_nothing_of_the_client() {
    let (engine, service, bench) = start(Way::Allow).await;
    let (head, body) = bench.chat_json(ASK).await;
    assert_eq!(
        (head.status().as_u16(), &body["choices"][0]["message"]["content"]),
        (200, &json!("abc"))
    );
    let (headers, question) = service.seen.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer checker-key");
    let id = head.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(
        question,
        json!({
            "version": 1, "direction": "question", "rule": "watch", "model": "pub/plain",
            "project": question["project"], "endpoint": question["endpoint"], "request_id": id,
            "texts": [{"at": "/messages/0/content", "role": "user", "text": "a swordfish"}],
        })
    );
    assert!(question["project"].as_str().unwrap().starts_with("prj_"), "{question}");
    let answer = &service.seen()[1];
    assert_eq!(answer["direction"], "answer");
    assert_eq!(answer["texts"], json!([{"at": "/choices/0/message/content", "text": "abc"}]));
    assert_eq!((engine.requests(), figure(&bench, "calls_total").as_str()), (1, "2"));
    assert!(figure(&bench, "seconds_count") == "2");
}

#[tokio::test]
async fn what_a_service_refuses_reaches_no_engine_and_is_written_nowhere() {
    let (engine, service, bench) = start(Way::Refuse("swordfish", "word.fish")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    bench.meter.metrics().log_access(AccessLogTarget::File(path.clone())).unwrap();
    let (head, body) = bench.chat_json(ASK).await;
    assert_eq!((head.status().as_u16(), &body["error"]["code"]), (400, &json!("content_filter")));
    assert!(body["error"]["message"].as_str().unwrap().ends_with("project: word.fish"), "{body}");
    assert_eq!((engine.requests(), bench.total().await.requests), (0, 0));
    // A code that could repeat the question is not said.
    *service.way.lock().unwrap() = Way::Refuse("swordfish", "a swordfish!");
    let (_, told) = bench.chat_json(ASK).await;
    assert_eq!(told["error"]["code"], "content_filter");
    assert_eq!(figure(&bench, "refusals_total"), "2");
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("both lines are written", || read().matches("content_filter").count() == 2).await;
    for text in [read(), body.to_string(), told.to_string(), bench.meter.metrics().render()] {
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_answer_is_billed_and_a_redacted_one_is_shown_so() {
    let (engine, service, bench) = start(Way::Refuse("abc", "abc")).await;
    let (head, body) = bench.chat_json(ASK).await;
    assert_eq!((head.status().as_u16(), &body["error"]["code"]), (400, &json!("content_filter")));
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 3));
    *service.way.lock().unwrap() = Way::Redact("b");
    let (_, body) = bench.chat_json(ASK).await;
    assert_eq!(body["choices"][0]["message"]["content"], "a***c");
    *service.way.lock().unwrap() = Way::Redact("swordfish");
    bench.chat_json(ASK).await;
    let (_, asked) = engine.last();
    assert_eq!(asked["messages"], json!([{"role": "user", "content": "a ***"}]));
    assert_eq!(bench.meter.metrics().tenants()[0].sums.redacted, 2);
}

/// Every way to give no answer of the contract.
fn failures() -> Vec<Way> {
    let said = |text: &str| Way::Say(StatusCode::OK, text.to_owned());
    vec![
        said("<html>swordfish</html>"),
        said(""),
        said(r#"{"verdict":"perhaps"}"#),
        said(r#"{"verdict":"redact","texts":[]}"#),
        Way::Say(
            StatusCode::OK,
            format!(r#"{{"verdict":"allow","x":"{}"}}"#, "y".repeat(10 << 20)),
        ),
        Way::Say(StatusCode::BAD_GATEWAY, r#"{"verdict":"allow"}"#.to_owned()),
        Way::Mute,
    ]
}

#[tokio::test]
async fn without_an_answer_nothing_passes_unless_the_rule_lets_it() {
    let engine = Upstream::start().await;
    for way in failures() {
        let what = format!("{way:.60?}");
        let service = Service::start(way).await;
        for (unanswered, status) in [(Unanswered::Refuse, 503), (Unanswered::Pass, 200)] {
            let mut rule = spec(unanswered, 2);
            if let CheckKind::Checker(asked) = &mut rule.kind {
                asked.timeout = Duration::from_millis(300);
            }
            let bench = bench(&engine, &service.address, vec![rule]).await;
            let before = engine.requests();
            let (head, body) = bench.chat_json(ASK).await;
            assert_eq!(head.status().as_u16(), status, "{what}: {body}");
            if unanswered == Unanswered::Refuse {
                assert_eq!(body["error"]["code"], "guardrail_unavailable", "{what}");
                assert_eq!(
                    (engine.requests(), head.headers().contains_key("retry-after")),
                    (before, true)
                );
                assert_eq!(figure(&bench, "failures_total"), "1", "{what}");
            } else {
                assert_eq!(figure(&bench, "unchecked_total"), "2", "{what}");
                let text = bench.chat_text(STREAM).await;
                assert!(text.ends_with("data: [DONE]\n\n"), "{what}: {text}");
            }
            assert!(!body.to_string().contains("swordfish"), "{body}");
        }
    }
}

#[tokio::test]
async fn one_that_is_down_or_not_allowed_is_as_one_that_says_nothing() {
    let engine = Upstream::start().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    for (unanswered, status) in [(Unanswered::Refuse, 503), (Unanswered::Pass, 200)] {
        let down = bench(&engine, &address, vec![spec(unanswered, 2)]).await;
        assert_eq!(down.chat(ASK).await.status().as_u16(), status);
        let service = Service::start(Way::Allow).await;
        let mut rule = spec(unanswered, 2);
        if let CheckKind::Checker(asked) = &mut rule.kind {
            asked.is_allowed = false;
        }
        let forbidden = bench(&engine, &service.address, vec![rule]).await;
        assert_eq!(forbidden.chat(ASK).await.status().as_u16(), status);
        assert!(service.seen().is_empty(), "no text leaves for where policy does not allow it");
        let unknown = bench(&engine, &service.address, vec![spec(unanswered, 2)]).await;
        *unknown.world.checker.lock().unwrap() = None;
        assert_eq!(unknown.chat(ASK).await.status().as_u16(), status);
    }
}

/// A stream of which the third character comes once the service was asked about the first two.
async fn by_windows(way: Way) -> (String, Vec<Value>, Bench) {
    let (engine, service, bench) = start(way).await;
    let feed = async {
        engine.shared.gate.add_permits(1);
        eventually("it is asked about a window", || service.seen().len() == 2).await;
        engine.shared.gate.add_permits(3);
    };
    let ask = STREAM.replace("plain", "gated");
    let (text, ()) = tokio::join!(bench.chat_text(&ask), feed);
    let answers = service.seen().into_iter().filter(|one| one["direction"] == "answer").collect();
    (text, answers, bench)
}

#[tokio::test]
async fn a_stream_goes_on_by_windows_and_no_text_before_it_was_asked_about() {
    let (text, answers, bench) = by_windows(Way::Allow).await;
    assert!(text.ends_with("data: [DONE]\n\n") && text.contains(r#""content":"c""#), "{text}");
    let at = "/choices/0/delta/content";
    assert_eq!(answers[0]["texts"], json!([{"at": at, "text": "ab"}]), "{answers:?}");
    assert_eq!(answers[0]["window"], json!({"number": 0, "is_last": false}));
    assert_eq!(answers[1]["texts"], json!([{"at": at, "before": "ab", "text": "c"}]));
    assert_eq!(answers[1]["window"], json!({"number": 1, "is_last": true}));
    assert_eq!((answers.len(), bench.total().await.completion_tokens), (2, 3));

    let (text, _, bench) = by_windows(Way::Redact("ab")).await;
    assert!(text.contains(r#""content":"***""#) && !text.contains(r#":"b""#), "{text}");
    let metrics = bench.meter.metrics();
    eventually("it is counted", || metrics.tenants()[0].sums.redacted == 1).await;

    // What only the two windows together hold is seen too; the first is out by then.
    let (text, _, bench) = by_windows(Way::Refuse("bc", "word")).await;
    assert!(text.contains(r#""code":"content_filter""#) && text.contains(r#":"b""#), "{text}");
    assert!(!text.contains(r#":"c""#) && !text.contains("[DONE]"), "{text}");
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 3));
    let (text, answers, bench) = by_windows(Way::Refuse("a", "word")).await;
    assert!(text.contains(r#""code":"content_filter""#) && !text.contains(r#":"a""#), "{text}");
    assert_eq!(answers.len(), 1);
    // What was generated is billed, though none of it is shown.
    let total = bench.total().await;
    assert_eq!((total.requests, total.completion_tokens, total.estimated), (1, 2, true));
}

#[tokio::test]
async fn every_kind_of_stream_passes_the_gate_also_without_its_end() {
    let (_engine, service, bench) = start(Way::Redact("ab")).await;
    for (path, asked) in [
        ("/v1/chat/completions", r#""messages":[]"#),
        ("/v1/completions", r#""prompt":"p""#),
        ("/v1/responses", r#""input":"hello""#),
    ] {
        for model in ["plain", "dribble", "abrupt"] {
            let body = format!(r#"{{"model":"pub/{model}","stream":true,{asked}}}"#);
            let text = crate::bench::rest(bench.post(path, &body).await.into_body()).await;
            assert!(text.contains(r#""***"#), "{path} {model}: {text}");
            assert!(!text.contains(r#":"b""#), "{path} {model}: {text}");
        }
    }
    *service.way.lock().unwrap() = Way::Mute;
    let mut rule = spec(Unanswered::Refuse, 2);
    rule.on_question = false;
    if let CheckKind::Checker(asked) = &mut rule.kind {
        asked.timeout = Duration::from_millis(200);
    }
    *bench.world.checks.lock().unwrap() =
        Checks::compile(vec![rule]).map(|checks| Ok(Arc::new(checks)));
    let begun = Instant::now();
    let text = bench.chat_text(STREAM).await;
    assert!(
        text.contains(r#""code":"guardrail_unavailable""#) && !text.contains(r#":"a""#),
        "{text}"
    );
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_client_that_leaves_while_a_service_is_asked_frees_the_engine() {
    let engine = Upstream::start().await;
    let service = Service::start(Way::Mute).await;
    let mut rule = spec(Unanswered::Refuse, 2);
    rule.on_question = false;
    let bench = bench(&engine, &service.address, vec![rule]).await;
    let mut body = bench.chat(STREAM).await.into_body();
    let asked = service.clone();
    eventually("the service is asked", move || !asked.seen().is_empty()).await;
    // The event that says the role has no text and did not wait.
    let first = tokio::time::timeout(Duration::from_millis(1), next_piece(&mut body)).await;
    assert!(!first.unwrap_or_default().contains(r#""content":"a""#));
    drop(body);
    eventually("nothing is in flight", || bench.meter.metrics().in_flight() == 0).await;
    let total = bench.total().await;
    assert!(total.requests == 1 && total.completion_tokens > 0, "{total:?}");
}

#[tokio::test]
async fn the_other_rules_come_first_and_a_service_sees_what_they_left() {
    let engine = Upstream::start().await;
    let service = Service::start(Way::Refuse("swordfish", "word")).await;
    let kind = CheckKind::Pattern { pattern: "swordfish".into(), window_chars: 16 };
    let (name, action) = ("no-fish".to_owned(), CheckAction::Redact);
    let pattern = CheckSpec { name, on_question: true, on_answer: false, action, kind };
    let bench = bench(&engine, &service.address, vec![spec(Unanswered::Refuse, 2), pattern]).await;
    assert_eq!(bench.chat(ASK).await.status().as_u16(), 200);
    assert_eq!(service.seen()[0]["texts"][0]["text"], "a [redacted: no-fish]");
    // One that only reports lets everything pass, what it says and what it does not say.
    for way in [Way::Refuse("a", "word"), Way::Mute] {
        let service = Service::start(way).await;
        let mut rule = spec(Unanswered::Refuse, 2);
        rule.action = CheckAction::Report;
        if let CheckKind::Checker(asked) = &mut rule.kind {
            asked.timeout = Duration::from_millis(200);
        }
        *bench.world.checker.lock().unwrap() = Some(remote(&service.address));
        *bench.world.checks.lock().unwrap() =
            Checks::compile(vec![rule]).map(|checks| Ok(Arc::new(checks)));
        assert_eq!(bench.chat(ASK).await.status().as_u16(), 200);
    }
    assert_eq!(bench.meter.metrics().tenants()[0].sums.reported, 2);
}

#[tokio::test]
async fn no_more_than_its_places_are_asked_at_once_and_the_others_wait() {
    let engine = Upstream::start().await;
    let service = Service::start(Way::Mute).await;
    let bench = bench(&engine, &service.address, vec![spec(Unanswered::Refuse, 2)]).await;
    *bench.world.checker.lock().unwrap() = Some(limited(&service.address, Some(1)));
    let watch = async {
        eventually("all have asked", || figure(&bench, "calls_total") == "3").await;
        eventually("one is told", || !service.seen().is_empty()).await;
        // Time for the others to be told too, if they would be.
        for _ in 0..10 {
            bench.get("/v1/models").await;
        }
        service.seen().len()
    };
    let all = async { tokio::join!(bench.chat(ASK), bench.chat(ASK), bench.chat(ASK)) };
    let told = tokio::select! { _ = all => 0, told = watch => told };
    assert_eq!(told, 1);
    // Those who asked are gone, and so is what they held.
    *service.way.lock().unwrap() = Way::Allow;
    assert_eq!(bench.chat(ASK).await.status().as_u16(), 200);
}
