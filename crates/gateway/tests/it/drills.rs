//! Clients that misbehave: slow, cut off, oversized, ambiguous, absurd. Each gets an answer it can read or is let
//! go, no replica hears of what was not a whole request, and nothing is left behind.

use std::time::Duration;

use gateway::GatewayConfig;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bench::{Bench, eventually, read_json};
use crate::upstream::Upstream;

async fn stand(config: GatewayConfig) -> (Upstream, Bench) {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], config).await;
    (engine, bench)
}

/// Sends bytes as they are and reads until the gateway closes or has nothing to say for a while.
async fn raw(bench: &Bench, pieces: &[&[u8]]) -> String {
    let mut socket = TcpStream::connect(&bench.address).await.unwrap();
    for piece in pieces {
        socket.write_all(piece).await.unwrap();
    }
    let mut answer = Vec::new();
    let reading = socket.read_to_end(&mut answer);
    // A connection that stays open is one of the right endings.
    let _ = tokio::time::timeout(Duration::from_millis(300), reading).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(more: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer key-1\r\n{more}\r\n"
    )
}

async fn is_quiet(bench: &Bench) {
    eventually("nothing in flight", || bench.meter.metrics().in_flight() == 0).await;
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let body_timeout = Duration::from_millis(100);
    let (engine, bench) = stand(GatewayConfig { body_timeout, ..GatewayConfig::default() }).await;
    let told = raw(&bench, &[head("content-length: 100\r\n").as_bytes(), b"{\"model\""]).await;
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("request_timeout"), "{told}");
    assert_eq!(engine.requests(), 0);
    is_quiet(&bench).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_no_replica() {
    let (engine, bench) = stand(GatewayConfig::default()).await;
    for framing in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let mut socket = TcpStream::connect(&bench.address).await.unwrap();
        socket.write_all(head(framing).as_bytes()).await.unwrap();
        socket.write_all(b"20\r\n{\"model\":\"pub/plain\"").await.unwrap();
        drop(socket);
    }
    is_quiet(&bench).await;
    assert_eq!((engine.requests(), bench.total().await.requests), (0, 0));
}

#[tokio::test]
async fn a_prompt_of_ten_megabytes_passes_and_one_beyond_the_limit_is_told_it() {
    let (engine, bench) = stand(GatewayConfig::default()).await;
    let ask = |bytes: usize| {
        format!(
            r#"{{"model":"pub/plain","messages":[{{"role":"user","content":"{}"}}]}}"#,
            "a".repeat(bytes)
        )
    };
    assert_eq!(bench.chat(&ask(10 << 20)).await.status(), 200);
    assert_eq!(engine.last().1["messages"][0]["content"].as_str().unwrap().len(), 10 << 20);
    let (head, told) = bench.chat_json(&ask(17 << 20)).await;
    assert_eq!(
        (head.status().as_u16(), &told["error"]["code"]),
        (413, &json!("request_too_large"))
    );
    assert!(told["error"]["message"].as_str().unwrap().contains("16777216"), "{told}");
    is_quiet(&bench).await;
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let (engine, bench) = stand(GatewayConfig::default()).await;
    let deep = format!(r#"{{"model":"pub/plain","x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        r#"{"model":"pub/plain","model":"pub/other"}"#,
        r#"{"model":"pub/plain","mod\u0065l":"pub/other"}"#,
        deep.as_str(),
        "{\"model\":\"pub/plain\"}{\"model\":\"pub/plain\"}",
        "{\"model\":\"\\ud800\"}",
        "\u{feff}{\"model\":\"pub/plain\"}",
    ] {
        let (head, told) = bench.chat_json(body).await;
        assert_eq!(
            (head.status().as_u16(), &told["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
    }
    assert_eq!(engine.requests(), 0);
}

#[tokio::test]
async fn heads_that_smuggle_are_refused_or_read_in_one_way() {
    let (engine, bench) = stand(GatewayConfig::default()).await;
    let body = r#"{"model":"pub/plain"}"#;
    for more in [
        "content-length: 21\r\ncontent-length: 22\r\n",
        "content-length: 21, 22\r\n",
        "content-length: +21\r\n",
        "content-length: 0x15\r\n",
        "content-length : 21\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "content-length: 21\r\nx-a: b\rc\r\n",
        "content-length: 21\r\nx-a: b\0c\r\n",
        "content-length: 21\r\n x-folded: b\r\n",
    ] {
        let told = raw(&bench, &[head(more).as_bytes(), body.as_bytes()]).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{more:?}: {told}");
    }
    assert_eq!(engine.requests(), 0);
    // With both, the chunks count (RFC 9112 §6.3); what follows them is a request of its own, without a key.
    let both = head("content-length: 4\r\ntransfer-encoding: chunked\r\n");
    let chunk =
        format!("15\r\n{body}\r\n0\r\n\r\nPOST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n");
    let rest = format!("content-length: 21\r\n\r\n{body}");
    let told = raw(&bench, &[both.as_bytes(), chunk.as_bytes(), rest.as_bytes()]).await;
    assert!(engine.requests() <= 1, "{told}");
    assert!(told.matches("HTTP/1.1 200").count() <= 1, "{told}");
    is_quiet(&bench).await;
}

/// Any JSON, with names that mean something here more often than not.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop_oneof!["[a-z\u{0}-\u{1f}é\u{1f980}\"\\\\]{0,12}", Just("pub/plain".to_owned())]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "stream",
        "stream_options",
        "include_usage",
        "max_tokens",
        "messages",
        "prompt",
        "input",
        "tools",
        "type",
        "tool_choice",
        "text",
        "format",
        "suffix",
        "content",
        "role",
        "n",
        "store",
        "include",
        "dimensions",
        "random_seed",
        "output_dtype",
        "instructions",
        "reasoning",
        "call_id",
        "name",
        "arguments",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
}

#[test]
fn no_body_and_no_header_makes_the_gateway_fail() {
    const PATHS: [&str; 8] = [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/fim/completions",
        "/tokenize",
        "/detokenize",
        "/v1/nothing",
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (_engine, bench) = runtime.block_on(stand(GatewayConfig::default()));
    let fields = proptest::collection::vec((name(), json_value()), 0..6);
    let header = ("[!-9;-~]{1,12}", proptest::collection::vec(0x20_u8..=0xff, 0..40));
    let request = (proptest::sample::select(PATHS.to_vec()), fields, header, any::<bool>());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let run = runner.run(&request, |(path, fields, (name, value), is_named)| {
        let mut body: serde_json::Map<String, Value> = fields.into_iter().collect();
        if is_named {
            body.insert("model".into(), json!("pub/plain"));
        }
        let body = Value::Object(body).to_string();
        let mut request = http::Request::post(format!("http://{}{path}", bench.address))
            .header("authorization", "Bearer key-1");
        // Those that clients cannot send, and those that frame a request, are tried above.
        let framing = [
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "upgrade",
            "expect",
            "te",
        ];
        let name = name.to_ascii_lowercase();
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(&name), http::HeaderValue::from_bytes(&value))
            && !framing.contains(&name.as_str())
        {
            request = request.header(name, value);
        }
        let request = request.body(http_body_util::Full::from(body.clone())).unwrap();
        runtime.block_on(async {
            let response = bench.send(request).await;
            let status = response.status();
            prop_assert!(
                status.is_success() || status.is_client_error(),
                "{status} to {path} {body}"
            );
            if status.is_client_error() {
                let (_, told) = read_json(response).await;
                prop_assert!(told["error"]["message"].is_string(), "{told}");
            }
            Ok(())
        })
    });
    run.unwrap();
    runtime.block_on(is_quiet(&bench));
}
