//! What is asked of a model is written down nowhere: not in the data folder, the access log, metrics or traces.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use crate::{
    platform::{PATIENCE, Platform},
    serving::{Answered, send},
};

const PROMPT: &str = "the purple rhinoceros of 1789";

/// A collector that takes everything and keeps it.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&taken);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(500)));
            let (mut bytes, mut piece) = (Vec::new(), [0; 65_536]);
            while let Ok(n @ 1..) = stream.read(&mut piece) {
                bytes.extend_from_slice(piece.get(..n).unwrap_or_default());
                if bytes.ends_with(b"]}]}]}") {
                    break;
                }
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            kept.lock().unwrap().extend_from_slice(&bytes);
        }
    });
    (url, taken)
}

fn ask(url: &str, secret: &str, stream: bool, content: &str) -> Answered {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\n"
    );
    let messages = serde_json::json!([{"role": "user", "content": content}]);
    let body = serde_json::json!({
        "model": "chat", "stream": stream, "max_tokens": 4, "messages": messages,
    });
    send(url, &head, body.to_string().as_bytes())
}

/// Files under a folder that hold a text.
fn holding(folder: &Path, text: &[u8], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            holding(&path, text, found);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|window| window == text) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[test]
fn a_prompt_is_written_down_nowhere() {
    let (collector, taken) = collector();
    let observers = ["--access-log", "access.jsonl", "--otlp-url", &collector];
    let platform =
        Platform::start_with(&[&observers[..], &["--otlp-sampled-percent", "100"]].concat());
    platform.serve(&["chat"]);
    let add = ["guardrail", "add", "no-cards", "--pattern", "[0-9]{16}", "--action", "refuse"];
    let set = platform.good(&add);
    assert_eq!(set["guardrails"][0]["window_chars"], 64, "{set}");
    let (url, secret) = (platform.url(), platform.caller_key());
    assert_eq!(ask(&url, &secret, false, PROMPT).status, 200);
    assert_eq!(ask(&url, &secret, true, PROMPT).status, 200);
    let refused = ask(&url, &secret, true, &format!("{PROMPT} 4111111111111111"));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &"content_filter".into()));
    let figures = platform.good(&["endpoint", "calls"]);
    let line = &figures["lines"][0];
    assert_eq!((&line["requests"], &line["refused"]), (&3.into(), &1.into()), "{figures}");

    let deadline = Instant::now() + PATIENCE;
    let read = || fs::read_to_string(platform.path("access.jsonl")).unwrap_or_default();
    let traced = || String::from_utf8_lossy(&taken.lock().unwrap()).into_owned();
    while read().lines().count() < 3 || !traced().contains("content_filter") {
        assert!(Instant::now() < deadline, "{}\n{}", read(), traced());
        std::thread::yield_now();
    }
    assert!(traced().contains("gen_ai.usage.input_tokens"));
    let token = fs::read_to_string(platform.path("token")).unwrap();
    let head = format!("GET /metrics HTTP/1.0\r\nauthorization: Bearer {}\r\n", token.trim());
    let metrics = send(&url, &head, b"").text();
    assert!(
        metrics.contains("cocarde_gateway_errors_total{kind=\"content_filter\"} 1"),
        "{metrics}"
    );
    let mut found = Vec::new();
    holding(&platform.path("."), PROMPT.as_bytes(), &mut found);
    assert_eq!(found, Vec::<String>::new());
    for text in [traced(), metrics, figures.to_string()] {
        assert!(!text.contains(PROMPT) && !text.contains(&secret), "{text}");
    }
    platform.run(&["guardrail", "remove", "no-cards"]).check(0, &[]);
    platform.run(&["guardrail", "remove", "no-cards"]).check(3, &["there is no guardrail"]);
    let bad = ["guardrail", "add", "bad", "--pattern", "(", "--action", "refuse"];
    platform.run(&bad).check(7, &["unclosed group"]);
}
