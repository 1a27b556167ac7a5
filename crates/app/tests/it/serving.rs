//! A platform that serves a model, for tests of what goes through its gateway: a very small one, trained for a moment.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::platform::Platform;

/// Longest wait until the model answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back: status, headers in lower case, body.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// Sends one request as it is; HTTP/1.0, so that a body ends with its connection and is not in chunks.
pub(crate) fn send(url: &str, head: &str, body: &[u8]) -> Answered {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(stream, "{head}host: {address}\r\ncontent-length: {length}\r\n\r\n").unwrap();
    // A server may refuse and close before it has read everything.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).map(|line| match line.split_once(':') {
        Some((key, value)) => format!("{}: {}\n", key.to_ascii_lowercase(), value.trim()),
        None => String::new(),
    });
    Answered { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
}

/// A chat with a model, with further lines of the head.
pub(crate) fn chat(url: &str, secret: &str, model: &str, more: &str, stream: bool) -> Answered {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\n{more}"
    );
    let body = serde_json::json!({
        "model": model, "stream": stream, "max_tokens": 4,
        "messages": [{"role": "user", "content": "1+2="}],
    });
    send(url, &head, body.to_string().as_bytes())
}

impl Platform {
    /// Serves a model under these names, and waits until each answers.
    pub(crate) fn serve(&self, names: &[&str]) {
        self.run(&["lm", "dataset", "--out", "numbers"]).check(0, &[]);
        let train = ["lm", "train", "--data", "numbers", "--out", "tiny"];
        let train = [&train[..], &["--steps", "1", "--batch", "1", "--threads", "1"]].concat();
        self.run(&train).check(0, &[]);
        self.good(&["model", "create", "tiny"]);
        self.run(&["model", "add-version", "tiny", "tiny", "--software", "test"]).check(0, &[]);
        for name in names {
            self.good(&["endpoint", "create", name, "--model", "nlp/tiny@v1"]);
        }
        let deadline = Instant::now() + PATIENCE;
        for name in names {
            while self.good(&["endpoint", "get", name])["replicas_ready"] != 1 {
                assert!(Instant::now() < deadline, "`{name}` does not answer");
            }
        }
    }

    /// A key for calling models.
    pub(crate) fn caller_key(&self) -> String {
        let made = self.good(&["key", "create", "caller", "--role", "inference"]);
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        std::fs::read_to_string(self.path("ready")).unwrap().trim().to_owned()
    }
}
