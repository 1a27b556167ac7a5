//! A small HTTP/1.1 client: one request per connection, whole answers, chunked or not.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The `data:` lines of a stream that ended as it should.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let mut lines: Vec<&str> =
            self.body.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
        assert_eq!(lines.pop(), Some("[DONE]"), "{}", self.body);
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Sends a request and leaves the connection open.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything; its answer still counts.
    let _ = stream.write_all(body);
    stream
}

/// Sends a request and reads the whole answer.
pub(crate) fn call(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Answer {
    let mut stream = send(address, method, path, body);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{read:?} {text}"));
    let head = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, head, body }
}

/// Sends JSON.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    call(address, "POST", path, body.to_string().as_bytes())
}

fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}
