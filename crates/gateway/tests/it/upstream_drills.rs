//! Failure drills for registered upstreams: each failure with the right error to the client, the right usage,
//! and nothing left open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{GatewayConfig, Reach, Remote, RemoteConfig, RemoteTimeouts, Replica, Tls};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::net::TcpListener;
use units::Id;

use crate::bench::{Bench, eventually};
use crate::rough::{Rough, Way};

const JSON: &str = r#"{"model":"pub/x","messages":[{"role":"user","content":"hello there"}]}"#;
const STREAM: &str =
    r#"{"model":"pub/x","stream":true,"messages":[{"role":"user","content":"hello there"}]}"#;

fn config(url: String) -> RemoteConfig {
    let ms = Duration::from_millis;
    RemoteConfig {
        id: Id::from_bytes([4; 16]),
        url,
        model: "theirs".to_owned(),
        key: Some("upstream-key".to_owned()),
        reach: Reach::Private,
        in_flight_max: None,
        timeouts: RemoteTimeouts {
            connect: ms(1_000),
            first_byte: ms(300),
            gap: ms(200),
            total: ms(20_000),
        },
        probe: None,
        is_shared: true,
    }
}

fn remote(config: &RemoteConfig) -> Arc<Remote> {
    Arc::new(Remote::new(config, &Tls::new(b"").unwrap()).unwrap())
}

/// A gateway before one upstream.
async fn before(remote: &Arc<Remote>) -> Bench {
    let bench = Bench::start(&[], GatewayConfig::default()).await;
    bench.world.others.lock().unwrap().push(Replica::remote(remote, None, 100));
    bench
}

async fn rough(way: Way) -> (Rough, Bench) {
    let rough = Rough::start(way).await;
    let bench = before(&remote(&config(format!("http://{}/v1", rough.address)))).await;
    (rough, bench)
}

/// The last event of a stream as JSON.
fn last(text: &str) -> Value {
    let event = text.trim_end().rsplit("\n\n").next().unwrap();
    serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap_or(Value::Null)
}

async fn nothing_is_left(bench: &Bench, rough: &Rough) {
    eventually("nothing in flight", || bench.meter.metrics().in_flight() == 0).await;
    eventually("no connection is held", || rough.open() == 0).await;
}

#[tokio::test]
async fn an_upstream_is_asked_as_it_was_described() {
    let (rough, bench) = rough(Way::Well).await;
    let (head, body) = bench.chat_json(JSON).await;
    assert_eq!((head.status().as_u16(), &body["model"]), (200, &"pub/x".into()));
    let text = bench.chat_text(STREAM).await;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let seen = rough.seen.lock().unwrap().clone();
    for (head, body) in &seen {
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
        assert!(head.contains("authorization: Bearer upstream-key"), "{head}");
        assert!(!head.contains("key-1") && body.contains(r#""model":"theirs""#), "{head} {body}");
    }
    assert_eq!(rough.connections.load(std::sync::atomic::Ordering::SeqCst), 1, "it is kept");
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.prompt_tokens), (2, 0, 22));
    assert_eq!((total.completion_tokens, total.estimated), (6, false));
}

#[tokio::test]
async fn one_that_dies_mid_stream_ends_it_with_an_error() {
    let (rough, bench) = rough(Way::DieMidStream).await;
    let text = bench.chat_text(STREAM).await;
    assert_eq!(last(&text)["error"]["code"], "upstream_error", "{text}");
    assert!(!text.contains("[DONE]"));
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 2));
    assert!(total.estimated);
    assert_eq!(rough.requests(), 1, "what may have been worked on is not asked again");
    nothing_is_left(&bench, &rough).await;
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_answer_and_is_not_shown() {
    let (_rough, bench) = rough(Way::Html).await;
    for body in [JSON, STREAM] {
        let (head, told) = bench.chat_json(body).await;
        assert_eq!(
            (head.status().as_u16(), &told["error"]["code"]),
            (502, &"upstream_error".into())
        );
        assert!(!told.to_string().contains("secret"), "{told}");
    }
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors), (2, 2));
}

#[tokio::test]
async fn nonsense_in_a_stream_ends_with_an_error() {
    let (_rough, bench) = rough(Way::Nonsense).await;
    let text = bench.chat_text(STREAM).await;
    assert_eq!(last(&text)["error"]["code"], "upstream_error", "{text}");
    assert_eq!(bench.total().await.errors, 1);
}

#[tokio::test]
async fn a_name_that_stands_for_nothing_is_no_replica() {
    let bench = before(&remote(&config("http://nowhere.invalid:81/v1".to_owned()))).await;
    let began = Instant::now();
    let (head, told) = bench.chat_json(JSON).await;
    assert_eq!((head.status().as_u16(), &told["error"]["code"]), (503, &"no_replica".into()));
    assert!(head.headers().contains_key("retry-after"));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!told.to_string().contains("nowhere"), "addresses are nobody's business: {told}");
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 0));
}

#[tokio::test]
async fn one_that_never_answers_is_given_up() {
    let (rough, bench) = rough(Way::Mute).await;
    for body in [JSON, STREAM] {
        let (head, told) = bench.chat_json(body).await;
        let expected = (504, &Value::from("upstream_timeout"));
        assert_eq!((head.status().as_u16(), &told["error"]["code"]), expected);
    }
    assert_eq!(rough.requests(), 2, "each once");
    assert_eq!(bench.total().await.errors, 2);
    eventually("nothing in flight", || bench.meter.metrics().in_flight() == 0).await;
}

#[tokio::test]
async fn one_that_falls_silent_or_takes_too_long_is_broken_off() {
    let (_rough, bench) = rough(Way::Stall).await;
    let text = bench.chat_text(STREAM).await;
    assert_eq!(last(&text)["error"]["code"], "upstream_error", "{text}");
    let total = bench.total().await;
    assert_eq!((total.errors, total.completion_tokens, total.estimated), (1, 1, true));

    let rough = Rough::start(Way::Dribble).await;
    let mut config = config(format!("http://{}/v1", rough.address));
    config.timeouts.total = Duration::from_millis(300);
    let bench = before(&remote(&config)).await;
    let began = Instant::now();
    let text = bench.chat_text(STREAM).await;
    assert!(text.contains(r#""content":"a""#) && began.elapsed() < Duration::from_secs(10));
    assert_eq!(last(&text)["error"]["code"], "upstream_error", "{text}");
    nothing_is_left(&bench, &rough).await;
}

#[tokio::test]
async fn a_hundred_thousand_tokens_pass_and_are_counted() {
    let (_rough, bench) = rough(Way::Long(100_000)).await;
    let mut body = bench.chat(STREAM).await.into_body();
    let (mut tokens, mut tail) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        // Counted by the line: a piece may end within one.
        tail.extend_from_slice(&piece);
        let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else { continue };
        let whole: Vec<u8> = tail.drain(..=end).collect();
        tokens += String::from_utf8(whole).unwrap().matches(r#""content":"a""#).count();
    }
    assert_eq!(tokens, 100_000);
    let total = bench.total().await;
    assert_eq!((total.requests, total.completion_tokens, total.estimated), (1, 100_000, false));
}

#[tokio::test]
async fn idle_connections_that_were_closed_cost_no_request() {
    let (rough, bench) = rough(Way::CloseIdle).await;
    for _ in 0..25 {
        assert_eq!(bench.chat_json(JSON).await.0.status(), 200);
    }
    assert_eq!(rough.requests(), 25, "none is carried out twice");
    assert_eq!(bench.total().await.requests, 25);
    nothing_is_left(&bench, &rough).await;
}

#[tokio::test]
async fn a_breaker_opens_and_one_trial_closes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let bench = before(&remote(&config(format!("http://{address}/v1")))).await;
    for _ in 0..3 {
        assert_eq!(bench.chat_json(JSON).await.0.status(), 503);
    }
    let rough = Rough::on(TcpListener::bind(address).await.unwrap(), Way::Well, None);
    assert_eq!(bench.chat_json(JSON).await.0.status(), 503, "open: not even asked");
    assert_eq!(rough.requests(), 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while bench.chat_json(JSON).await.0.status() != 200 {
        assert!(Instant::now() < deadline, "it is never tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rough.requests(), 1, "the trial");
    assert_eq!(bench.chat_json(JSON).await.0.status(), 200);
}

#[tokio::test]
async fn what_a_proxy_says_of_nothing_behind_it_opens_the_breaker_too() {
    let (rough, bench) = rough(Way::BadGateway).await;
    for _ in 0..3 {
        assert_eq!(bench.chat_json(JSON).await.0.status(), 502);
    }
    assert_eq!(bench.chat_json(JSON).await.0.status(), 503);
    assert_eq!(rough.requests(), 3);
}

#[tokio::test]
async fn a_fallback_answers_and_is_metered_as_itself() {
    let (_rough, bench) = rough(Way::Well).await;
    let fallback = Id::from_bytes([9; 16]);
    let other = bench.world.others.lock().unwrap().pop().unwrap();
    *bench.world.fallback.lock().unwrap() = Some((fallback, other));
    let (head, body) = bench.chat_json(JSON).await;
    assert_eq!((head.status().as_u16(), &body["model"]), (200, &"pub/x".into()));
    bench.meter.flush().await.unwrap();
    let rollups = bench.world.rollups.lock().unwrap().clone();
    assert_eq!(rollups.iter().map(|one| one.endpoint).collect::<Vec<_>>(), [fallback]);
}

#[tokio::test]
async fn what_a_full_upstream_cannot_take_waits_in_line() {
    let rough = Rough::start(Way::Mute).await;
    let mut config = config(format!("http://{}/v1", rough.address));
    (config.in_flight_max, config.timeouts.first_byte) = (Some(1), Duration::from_millis(300));
    let bench = before(&remote(&config)).await;
    let ask = || async { bench.chat_json(JSON).await.0.status().as_u16() };
    let mut apart = Duration::ZERO;
    let watch = async {
        eventually("one is asked", || rough.requests() == 1).await;
        let first = Instant::now();
        eventually("the other is asked", || rough.requests() == 2).await;
        apart = first.elapsed();
    };
    let (first, second, ()) = tokio::join!(ask(), ask(), watch);
    assert_eq!((first, second), (504, 504), "both were asked in their turn");
    assert!(apart >= Duration::from_millis(200), "{apart:?}: only when the first was over");
}

#[tokio::test]
async fn a_public_upstream_never_leads_inside() {
    let rough = Rough::start(Way::Well).await;
    let port = rough.address.rsplit(':').next().unwrap();
    // A name, so that the address is known only once it is resolved.
    let mut config = config(format!("http://localhost:{port}/v1"));
    let inside = before(&remote(&config)).await;
    assert_eq!(inside.chat_json(JSON).await.0.status(), 200);
    config.reach = Reach::Public;
    let bench = before(&remote(&config)).await;
    assert_eq!(bench.chat_json(JSON).await.0.status(), 503);
    assert_eq!(rough.connections.load(std::sync::atomic::Ordering::SeqCst), 1, "the first one's");
}

#[tokio::test]
async fn https_is_spoken_to_whom_its_authority_vouches_for() {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let rough = Rough::start_tls(Way::Well, acceptor).await;
    let port = rough.address.rsplit(':').next().unwrap();
    let config = config(format!("https://localhost:{port}/v1"));
    let stranger = before(&remote(&config)).await;
    assert_eq!(stranger.chat_json(JSON).await.0.status(), 503, "an unknown authority");
    let tls = Tls::new(certificate.pem().as_bytes()).unwrap();
    let bench = before(&Arc::new(Remote::new(&config, &tls).unwrap())).await;
    assert_eq!(bench.chat_json(JSON).await.0.status(), 200);
    assert!(bench.chat_text(STREAM).await.ends_with("data: [DONE]\n\n"));
    assert_eq!(rough.requests(), 2);
}

#[tokio::test]
async fn probes_find_out_without_spending_a_request() {
    let (well, ill) = (Rough::start(Way::Well).await, Rough::start(Way::BadGateway).await);
    for (rough, status) in [(&well, 200), (&ill, 503)] {
        let mut config = config(format!("http://{}/v1", rough.address));
        config.probe = Some("models".to_owned());
        let remote = remote(&config);
        let bench = before(&remote).await;
        remote.check().await;
        assert!(rough.seen.lock().unwrap()[0].0.starts_with("GET /v1/models HTTP/1.1"));
        assert_eq!(bench.chat_json(JSON).await.0.status(), status);
        let text = gateway::render_remotes(&[remote]);
        assert!(text.contains("cocarde_upstream_requests_total{upstream=\"ups_"), "{text}");
        assert!(!text.contains("upstream-key"), "{text}");
    }
}
