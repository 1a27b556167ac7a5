//! A service that is asked about texts, as small as one can be.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

/// It lives as long as the test's process.
pub(crate) struct Checker {
    pub(crate) url: String,
    said: Arc<Mutex<String>>,
    seen: Arc<Mutex<String>>,
}

impl Checker {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(r#"{"verdict":"allow"}"#.to_owned()));
        let checker = Self { url, said, seen: Arc::default() };
        let (said, seen) = (Arc::clone(&checker.said), Arc::clone(&checker.seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (mut bytes, mut piece) = (Vec::new(), [0; 65_536]);
                // A question ends where its object does.
                while !bytes.ends_with(b"]}") {
                    match stream.read(&mut piece) {
                        Ok(n @ 1..) => bytes.extend_from_slice(piece.get(..n).unwrap_or_default()),
                        _ => break,
                    }
                }
                let told = said.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ";
                let _ = write!(stream, "{head}{}\r\n\r\n{told}", told.len());
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes).to_lowercase());
            }
        });
        checker
    }

    /// What it says from now on.
    pub(crate) fn say(&self, told: &str) {
        told.clone_into(&mut self.said.lock().unwrap());
    }

    /// All that it was told, in small letters.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }
}
