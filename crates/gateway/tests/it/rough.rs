//! An upstream that misbehaves on the wire: bytes and silences that no HTTP server would produce.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What it does with each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Answers as it should, and keeps the connection.
    Well,
    /// Answers, and closes the connection that it said it would keep.
    CloseIdle,
    /// Two events, then the connection is gone.
    DieMidStream,
    /// A page of a proxy, with status 200.
    Html,
    /// What is neither events nor JSON, in a stream.
    Nonsense,
    /// Never answers.
    Mute,
    /// One event, then silence.
    Stall,
    /// An event every 20 ms for ever.
    Dribble,
    /// So many events with a token each.
    Long(u32),
    /// A 502 of a proxy without anything behind it.
    BadGateway,
}

/// One such upstream.
#[derive(Clone)]
pub(crate) struct Rough {
    pub(crate) address: String,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
    /// Connections that are open now.
    pub(crate) open: Arc<AtomicUsize>,
    /// Heads and bodies as they came.
    pub(crate) seen: Arc<std::sync::Mutex<Vec<(String, String)>>>,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: ";
const USAGE: &str = r#"{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}"#;

impl Rough {
    pub(crate) async fn start(way: Way) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), way, None)
    }

    pub(crate) async fn start_tls(way: Way, tls: TlsAcceptor) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), way, Some(tls))
    }

    pub(crate) fn on(listener: TcpListener, way: Way, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let (connections, requests, open) = (Arc::default(), Arc::default(), Arc::default());
        let rough = Self { address, connections, requests, open, seen: Arc::default() };
        let shared = rough.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, tls) = (shared.clone(), tls.clone());
                tokio::spawn(async move {
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    // Whatever ends the connection is what the test is about.
                    let _ = match tls {
                        None => shared.serve(stream, way).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => shared.serve(stream, way).await,
                            Err(error) => Err(error),
                        },
                    };
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        rough
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        way: Way,
    ) -> std::io::Result<()> {
        loop {
            let Some((head, body)) = read_request(&mut stream).await? else { return Ok(()) };
            self.requests.fetch_add(1, Ordering::SeqCst);
            let streams = body.contains(r#""stream":true"#);
            self.seen.lock().unwrap().push((head, body));
            answer(&mut stream, way, streams).await?;
            stream.flush().await?;
            if matches!(way, Way::CloseIdle | Way::DieMidStream) {
                return Ok(());
            }
        }
    }
}

/// Head and body; nothing at the connection's end.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> std::io::Result<Option<(String, String)>> {
    let (mut held, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let text = String::from_utf8_lossy(&held).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Ok(Some((head.to_owned(), body.to_owned())));
            }
        }
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(None);
        }
        held.extend_from_slice(&piece[..count]);
    }
}

fn event(text: &str) -> String {
    let data = format!(
        r#"data: {{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#
    );
    chunk(&format!("{data}\n\n"))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The head of a stream of events.
fn events() -> String {
    format!("{HEAD}text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
}

/// The last event of a stream, with its usage, and the end.
fn end(usage: &str) -> String {
    let last = format!(r#"data: {{"id":"c","choices":[],"usage":{usage}}}"#);
    format!("{}0\r\n\r\n", chunk(&format!("{last}\n\ndata: [DONE]\n\n")))
}

async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    way: Way,
    streams: bool,
) -> std::io::Result<()> {
    let events = events();
    let whole = |kind: &str, body: &str| {
        format!("{HEAD}{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    match way {
        Way::Well | Way::CloseIdle if !streams => {
            let body = format!(
                r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"content":"abc"}}}}],"usage":{USAGE}}}"#
            );
            stream.write_all(whole("application/json", &body).as_bytes()).await
        }
        Way::Well | Way::CloseIdle => {
            let text = format!("{events}{}{}{}{}", event("a"), event("b"), event("c"), end(USAGE));
            stream.write_all(text.as_bytes()).await
        }
        Way::DieMidStream => {
            stream.write_all(format!("{events}{}{}", event("a"), event("b")).as_bytes()).await
        }
        Way::Html => {
            let page = "<html><body>secret of the proxy</body></html>";
            stream.write_all(whole("text/html", page).as_bytes()).await
        }
        Way::Nonsense => {
            let nonsense = "data: {\"choices\": [ {{{ \u{1}\n\nblah blah\n\n: \ndata\n\n";
            let text = format!("{events}{}{}0\r\n\r\n", event("a"), chunk(nonsense));
            stream.write_all(text.as_bytes()).await
        }
        Way::BadGateway => {
            let head = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(head.as_bytes()).await
        }
        Way::Mute | Way::Stall | Way::Dribble | Way::Long(_) => slowly(stream, way).await,
    }
}

/// The answers that take their time: never begun, never ended, or long.
async fn slowly<S: AsyncWrite + Unpin>(stream: &mut S, way: Way) -> std::io::Result<()> {
    let events = events();
    match way {
        Way::Mute => std::future::pending().await,
        Way::Stall => {
            stream.write_all(format!("{events}{}", event("a")).as_bytes()).await?;
            stream.flush().await?;
            // Until the other side gives up, which ends this task's connection with the test.
            let mut sink = tokio::time::interval(Duration::from_millis(20));
            loop {
                sink.tick().await;
                // A comment's first byte would be a piece; an empty write finds out who is gone.
                stream.write_all(b"").await?;
                if stream.flush().await.is_err() {
                    return Ok(());
                }
            }
        }
        Way::Dribble => {
            stream.write_all(events.as_bytes()).await?;
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            loop {
                pace.tick().await;
                stream.write_all(event("a").as_bytes()).await?;
                stream.flush().await?;
            }
        }
        Way::Long(tokens) => {
            stream.write_all(events.as_bytes()).await?;
            let hundred = event("a").repeat(100);
            for _ in 0..tokens / 100 {
                stream.write_all(hundred.as_bytes()).await?;
            }
            let usage = format!(
                r#"{{"prompt_tokens":11,"completion_tokens":{tokens},"total_tokens":{}}}"#,
                tokens + 11
            );
            stream.write_all(end(&usage).as_bytes()).await
        }
        Way::Well
        | Way::CloseIdle
        | Way::DieMidStream
        | Way::Html
        | Way::Nonsense
        | Way::BadGateway => unreachable!("{way:?} answers at once"),
    }
}
