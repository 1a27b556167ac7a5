//! The bytes themselves, on both sides: connections kept and closed, answers cut anywhere, requests that never
//! come to an end, and replicas that speak something else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::GatewayConfig;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, eventually};
use crate::rough::{Rough, Way};

const ANSWER: &str = r#"{"id":"c","model":"plain","choices":[{"index":0}],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;
const QUESTION: &str = r#"{"model":"pub/plain","messages":[]}"#;
const STREAMED: &str = r#"{"model":"pub/plain","stream":true,"messages":[]}"#;

/// A replica that answers every request with the same bytes.
struct Replica {
    address: String,
    /// Connections taken, and requests read.
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// What it writes, piece by piece.
    pieces: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Replica {
    /// Closes each connection after an answer, or when it has been idle for a moment, if `closes`.
    async fn start(answer: Vec<Vec<u8>>, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let pieces = Arc::new(Mutex::new(answer));
        let (taken, read, written) = (connections.clone(), requests.clone(), pieces.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::SeqCst);
                let (read, written) = (read.clone(), written.clone());
                tokio::spawn(async move {
                    while read_request(&mut stream).await {
                        read.fetch_add(1, Ordering::SeqCst);
                        let pieces = written.lock().unwrap().clone();
                        for piece in pieces {
                            stream.write_all(&piece).await.unwrap();
                            tokio::task::yield_now().await;
                        }
                        if closes {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, connections, requests, pieces }
    }
}

/// Reads a request to its end; false if the connection ended before.
async fn read_request(stream: &mut TcpStream) -> bool {
    let (mut held, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&held);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return true;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => held.extend_from_slice(&buffer[..count]),
        }
    }
}

fn whole(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A stream in chunks of these sizes.
fn chunked(text: &str, size: usize) -> Vec<u8> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for chunk in text.as_bytes().chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn events() -> String {
    let chunk = |text: &str| {
        format!(
            r#"data: {{"id":"x","model":"plain","choices":[{{"delta":{{"content":"{text}"}}}}],"usage":null}}"#
        )
    };
    let usage = r#"data: {"id":"x","model":"plain","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;
    [&chunk("a\\\"é"), &chunk("b\\\\"), ": ping", &chunk("c]}"), usage, "data: [DONE]"].join("\n\n")
        + "\n\n"
}

async fn bench(replica: &Replica) -> Bench {
    Bench::start(&[&replica.address], GatewayConfig::default()).await
}

/// One answer without what differs from call to call.
async fn answered(bench: &Bench, body: &str) -> String {
    let text = bench.chat_text(body).await;
    let mut parts = text.split("\"chatcmpl-");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "\"chatcmpl-" + part.split_once('"').unwrap().1)
}

#[tokio::test]
async fn a_connection_to_a_replica_is_used_again_whatever_the_form_of_the_answer() {
    let replica = Replica::start(vec![whole(ANSWER)], false).await;
    let bench = bench(&replica).await;
    for round in 0..20 {
        let form = if round % 2 == 0 { whole(ANSWER) } else { chunked(&events(), 60) };
        *replica.pieces.lock().unwrap() = vec![form];
        bench.chat_text(if round % 2 == 0 { QUESTION } else { STREAMED }).await;
    }
    assert_eq!(replica.requests.load(Ordering::SeqCst), 20);
    // One client connection is served by one thread, which needs one connection.
    assert_eq!(replica.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_the_replica_closed_is_not_used_again() {
    let replica = Replica::start(vec![whole(ANSWER)], true).await;
    let bench = bench(&replica).await;
    for _ in 0..5 {
        assert_eq!(bench.chat(QUESTION).await.status(), 200);
        // The end of the connection arrives.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(replica.connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn what_follows_an_answer_unasked_reaches_nobody() {
    let smuggled = [whole(ANSWER), whole(r#"{"id":"of another"}"#)].concat();
    let replica = Replica::start(vec![smuggled], false).await;
    let bench = bench(&replica).await;
    for _ in 0..5 {
        let text = bench.chat_text(QUESTION).await;
        assert!(text.contains("choices") && !text.contains("another"), "{text}");
    }
    assert_eq!(replica.connections.load(Ordering::SeqCst), 5, "none is trusted again");
}

#[tokio::test]
async fn cuts_of_an_answer_change_neither_what_is_said_nor_what_is_counted() {
    let replica = Replica::start(vec![chunked(&events(), 1 << 20)], false).await;
    let bench = bench(&replica).await;
    let said = answered(&bench, STREAMED).await;
    assert!(said.contains(r#""content":"a\"é""#) && said.contains("pub/plain"), "{said}");
    assert!(!said.contains("usage") && said.ends_with("data: [DONE]\n\n"), "{said}");
    let mut runner = TestRunner::deterministic();
    let sizes = 1_usize..400;
    for _ in 0..60 {
        let mut draw = || sizes.new_tree(&mut runner).unwrap().current();
        let (chunk, piece) = (draw(), draw());
        let pieces = chunked(&events(), chunk).chunks(piece).map(<[u8]>::to_vec).collect();
        *replica.pieces.lock().unwrap() = pieces;
        assert_eq!(
            answered(&bench, STREAMED).await,
            said,
            "chunks of {chunk} in pieces of {piece}"
        );
        *replica.pieces.lock().unwrap() = whole(ANSWER).chunks(piece).map(<[u8]>::to_vec).collect();
        let text = answered(&bench, QUESTION).await;
        assert!(text.contains(r#""model":"pub/plain""#), "{text}");
    }
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.estimated), (121, 0, false));
    assert_eq!((total.prompt_tokens, total.completion_tokens), (121 * 11, 121 * 3));
}

#[tokio::test]
async fn a_replica_that_speaks_something_else_is_a_bad_gateway() {
    for bytes in [
        &b"<html>no</html>\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"",
    ] {
        let replica = Replica::start(vec![bytes.to_vec()], true).await;
        let answer = bench(&replica).await.chat(QUESTION).await;
        assert_eq!(answer.status(), 502, "{}", String::from_utf8_lossy(bytes));
        assert_eq!(replica.requests.load(Ordering::SeqCst), 1, "it may have worked: not repeated");
    }
}

/// What a raw client gets until the connection ends or `end` has come so many times.
async fn read_until(stream: &mut TcpStream, end: &str, times: usize) -> String {
    let (mut held, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&held).into_owned();
        if text.matches(end).count() >= times {
            return text;
        }
        match stream.read(&mut buffer).await.unwrap() {
            0 => return text,
            count => held.extend_from_slice(&buffer[..count]),
        }
    }
}

fn raw(body: &str) -> String {
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-1\r\n";
    format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_their_order() {
    let replica = Replica::start(vec![whole(ANSWER)], false).await;
    let bench = bench(&replica).await;
    let mut client = TcpStream::connect(&bench.address).await.unwrap();
    let unknown = QUESTION.replace("pub/plain", "nobody");
    let ahead = [raw(QUESTION), raw(&unknown), raw(QUESTION)].concat();
    client.write_all(ahead.as_bytes()).await.unwrap();
    let text = read_until(&mut client, "completion_tokens", 2).await;
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"]);
}

#[tokio::test]
async fn who_sends_a_request_too_slowly_is_let_go() {
    let replica = Replica::start(vec![whole(ANSWER)], false).await;
    let timeout = Duration::from_millis(100);
    let config =
        GatewayConfig { client_timeout: timeout, body_timeout: timeout, ..Default::default() };
    let bench = Bench::start(&[&replica.address], config).await;
    let request = raw(QUESTION);
    for (sent, status) in [(20, "HTTP/1.1 408"), (request.len() - 3, "HTTP/1.1 408")] {
        let mut client = TcpStream::connect(&bench.address).await.unwrap();
        client.write_all(&request.as_bytes()[..sent]).await.unwrap();
        let text = read_until(&mut client, "never said", 1).await;
        assert!(text.is_empty() || text.starts_with(status), "{text}");
    }
    assert_eq!(replica.requests.load(Ordering::SeqCst), 0);
    assert_eq!(bench.meter.metrics().in_flight(), 0);
}

#[tokio::test]
async fn a_long_prompt_passes_whole() {
    let replica = Replica::start(vec![whole(ANSWER)], false).await;
    let bench = bench(&replica).await;
    let content = "é\\\"".repeat(200_000);
    let body =
        format!(r#"{{"model":"pub/plain","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    assert_eq!(bench.chat(&body).await.status(), 200);
    assert_eq!(replica.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_does_not_read_its_answer_is_let_go_and_the_engine_is_told() {
    let rough = Rough::start(Way::Long(1_000_000)).await;
    let timeout = Duration::from_millis(200);
    let config = GatewayConfig { client_timeout: timeout, ..Default::default() };
    let bench = Bench::start(&[&rough.address], config).await;
    let mut client = TcpStream::connect(&bench.address).await.unwrap();
    client.write_all(raw(STREAMED).as_bytes()).await.unwrap();
    eventually("it is answered", || rough.requests() == 1).await;
    // More than fits the buffers of a connection, and nobody reads it.
    eventually("the engine's connection is closed", || rough.open() == 0).await;
    eventually("nothing is in flight", || bench.meter.metrics().in_flight() == 0).await;
    drop(client);
}

#[tokio::test]
async fn a_long_stream_is_not_a_slow_client() {
    let engine = crate::upstream::Upstream::start().await;
    let config = GatewayConfig { client_timeout: Duration::from_millis(50), ..Default::default() };
    let bench = Bench::start(&[&engine.address], config).await;
    let body = bench.chat(&STREAMED.replace("plain", "gated")).await.into_body();
    tokio::time::sleep(Duration::from_millis(200)).await;
    engine.shared.gate.add_permits(10);
    assert!(crate::bench::rest(body).await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_listener_that_stops_lets_requests_finish_and_takes_no_more() {
    let engine = crate::upstream::Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let idle = TcpStream::connect(&bench.address).await.unwrap();
    let body = bench.chat(&STREAMED.replace("plain", "gated")).await.into_body();
    bench.stop.notify_one();
    eventually("nobody is let in", || std::net::TcpStream::connect(&bench.address).is_err()).await;
    engine.shared.gate.add_permits(10);
    assert!(crate::bench::rest(body).await.ends_with("data: [DONE]\n\n"));
    bench.server.await.unwrap().unwrap();
    drop(idle);
}
