//! The asking side: connections that each take the next request that is due, and note what came when.
//!
//! It must never let a slow answer hide itself: all times count from when a request was due, also when
//! no connection was free then (the coordinated omission that closed loops have).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpStream, sync::mpsc};

use super::arrivals::{Arrival, REQUESTS_MAX};
use super::outcome::{Notes, Outcome};
use super::prompt::{self, Style};

/// Longest wait for one piece of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Who is asked, and for what.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where.
    pub(crate) address: SocketAddr,
    /// `host:port` for the `Host` header.
    pub(crate) host: String,
    /// The path of chat completions.
    pub(crate) path: String,
    /// A key that may ask.
    pub(crate) key: Option<HeaderValue>,
    /// How requests are written.
    pub(crate) style: Style,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Run {
    /// Who is asked.
    pub(crate) target: Target,
    /// Where requests come from.
    pub(crate) source: Source,
    /// Ends the run early.
    pub(crate) stop: Arc<AtomicBool>,
    /// When it began.
    pub(crate) begun: Instant,
}

/// Where a connection takes its next request from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the pacer, which hands each out when it is due.
    Due(tokio::sync::Mutex<mpsc::Receiver<Ready>>),
    /// The same request again and again, as soon as the last is answered, until so long after the begin.
    BackToBack {
        /// What is asked.
        arrival: Arrival,
        /// How often it was.
        asked: AtomicUsize,
        /// When to stop.
        end: Duration,
    },
}

/// A request that is due.
#[derive(Debug)]
pub(crate) struct Ready {
    due_us: u64,
    body: Bytes,
}

/// Requests that may be due and wait for a connection; more wait with the pacer, late all the same.
pub(crate) const READY_MAX: usize = 1_024;

/// Longest sleep of the pacer.
const SLICE: Duration = Duration::from_millis(100);

/// Hands out each request when it is due; ends with the last, or when nobody listens. It runs on a thread
/// of its own: the timers of the runtime are a millisecond coarse.
pub(crate) fn pace(
    begun: Instant,
    arrivals: &[Arrival],
    style: &Style,
    sender: &mpsc::Sender<Ready>,
    stop: &AtomicBool,
) {
    for (number, arrival) in arrivals.iter().enumerate() {
        // Written before it is due: what writing takes is nobody's latency.
        let body = Bytes::from(prompt::body(style, number, arrival));
        let due = Duration::from_micros(arrival.due_us);
        // In slices, so that whoever wants to stop a slow trace need not wait for its next request.
        while let Some(left) = due.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(left.min(SLICE));
        }
        if sender.blocking_send(Ready { due_us: arrival.due_us, body }).is_err() {
            return;
        }
    }
}

impl Run {
    fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    async fn next(&self) -> Option<Ready> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        match &self.source {
            Source::Due(receiver) => receiver.lock().await.recv().await,
            Source::BackToBack { arrival, asked, end } => {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                let is_over = self.begun.elapsed() >= *end || number >= REQUESTS_MAX;
                let ready = || {
                    let body = Bytes::from(prompt::body(&self.target.style, number, arrival));
                    Ready { due_us: self.now_us(), body }
                };
                (!is_over).then(ready)
            }
        }
    }
}

/// One connection's work, until there is nothing left to ask.
pub(crate) async fn work(run: Arc<Run>) -> Notes {
    let mut notes = Notes::default();
    let mut connection = None;
    while let Some(Ready { due_us, body }) = run.next().await {
        let mut outcome = Outcome { due_us, sent_us: run.now_us(), ..Outcome::default() };
        let asked = ask(&run, &mut connection, body, &mut outcome, &mut notes);
        if let Err(failure) = asked.await {
            outcome.status = 0;
            connection = None;
            notes.failed(&failure);
        }
        outcome.end_us = run.now_us();
        notes.outcomes.push(outcome);
    }
    notes
}

async fn ask(
    run: &Run,
    connection: &mut Option<SendRequest<Full<Bytes>>>,
    body: Bytes,
    outcome: &mut Outcome,
    notes: &mut Notes,
) -> anyhow::Result<()> {
    let mut kept = connection.take();
    if let Some(sender) = &mut kept
        && sender.ready().await.is_err()
    {
        kept = None;
    }
    let fresh = match kept {
        Some(sender) => sender,
        None => connect(run.target.address).await?,
    };
    let sender = connection.insert(fresh);
    let mut request = Request::post(&run.target.path)
        .header(header::HOST, &run.target.host)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = &run.target.key {
        request = request.header(header::AUTHORIZATION, key);
    }
    let answer =
        tokio::time::timeout(SILENCE_MAX, sender.send_request(request.body(Full::new(body))?));
    let answer = answer.await??;
    outcome.status = answer.status().as_u16();
    let mut reader = Reader::default();
    let mut pieces = answer.into_body();
    while let Some(frame) = tokio::time::timeout(SILENCE_MAX, pieces.frame()).await? {
        let Ok(piece) = frame?.into_data() else { continue };
        let now_us = run.now_us();
        if outcome.first_us == 0 {
            outcome.first_us = now_us;
        } else if run.target.style.stream {
            notes.gap(now_us.saturating_sub(reader.last_us));
        }
        reader.last_us = now_us;
        reader.push(&piece);
    }
    reader.read(outcome);
    Ok(())
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // How a connection ends shows in its requests.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Keeps the end of an answer, where usage stands.
#[derive(Debug, Default)]
struct Reader {
    last_us: u64,
    tail: Vec<u8>,
}

/// Bytes of an answer's end that surely hold its usage.
const TAIL_BYTES: usize = 4_096;

impl Reader {
    fn push(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        if self.tail.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        }
    }

    /// Takes usage out of the end, whatever form the answer has.
    fn read(&self, outcome: &mut Outcome) {
        let text = String::from_utf8_lossy(&self.tail);
        let Some(at) = text.rfind("\"usage\":{") else { return };
        let from = text.get(at.saturating_add("\"usage\":".len())..).unwrap_or_default();
        let mut usage = serde_json::Deserializer::from_str(from).into_iter::<Usage>();
        if let Some(Ok(usage)) = usage.next() {
            outcome.prompt_tokens = usage.prompt_tokens;
            outcome.output_tokens = usage.completion_tokens;
            outcome.cached_tokens =
                usage.prompt_tokens_details.map_or(0, |details| details.cached_tokens);
        }
    }
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<Details>,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: u64,
}
