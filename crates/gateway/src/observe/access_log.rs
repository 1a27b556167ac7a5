//! The access log: one line of JSON for each request, on its own thread.
//!
//! INVARIANT: a request never waits for the log. A line goes into a queue of fixed length or is dropped and
//! counted. A line holds ids, sizes and times: no prompt, no answer, no key's secret, no query string, and no
//! model name that a client made up.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use api::text::Timestamp;
use serde::Serialize;
use units::UnixMicros;

use super::seen::{Finished, millis};

/// Lines that may wait.
const QUEUE_LINES_MAX: usize = 8_192;
/// How often what was written is flushed, and the file looked for under its name.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output.
    Stdout,
    /// A file that is appended to; opened again when another takes its name, as log rotation does.
    File(PathBuf),
}

/// A running access log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    sender: SyncSender<String>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    dropped: AtomicU64,
}

/// One line; the order is that of the output.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: Option<&'a str>,
    operation: &'static str,
    path: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<String>,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    stream: bool,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_estimated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// The time of day; zero if the clock stands before 1970.
pub(crate) fn now() -> UnixMicros {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl AccessLog {
    /// Opens the target and starts its thread, which ends with the log.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) fn start(target: AccessLogTarget) -> std::io::Result<Self> {
        let mut output = Output::open(target)?;
        let (sender, receiver) = sync_channel(QUEUE_LINES_MAX);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&receiver, &mut output, &counted);
        })?;
        Ok(Self { sender, counts })
    }

    /// Lines taken into the queue.
    pub(crate) fn taken(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Lines lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Takes a request's line, or drops it.
    pub(crate) fn take(&self, finished: &Finished<'_>) {
        let facts = finished.facts;
        let line = Line {
            time: Timestamp(now()).to_string(),
            request_id: facts.request_id.as_ref().and_then(|id| id.to_str().ok()),
            operation: finished.call.operation().as_str(),
            path: finished.call.route(),
            project_id: facts.caller.map(|(project, _)| project.to_string()),
            key_id: facts.caller.map(|(_, key)| key.to_string()),
            endpoint_id: facts.endpoint.map(|endpoint| endpoint.to_string()),
            model: &facts.model,
            site_id: facts.site.map(|site| site.to_string()),
            status: facts.status.map(|status| status.as_u16()),
            error: facts.failure.map(super::FailureKind::as_str),
            stream: facts.is_stream,
            duration_ms: millis(finished.duration_us),
            queue_ms: facts.queue_us.map(millis),
            upstream_ms: facts.upstream.map(|(_, wait_us)| millis(wait_us)),
            first_token_ms: facts.first_token_us.map(millis),
            prompt_tokens: facts.tokens.map(|(prompt, _, _)| prompt),
            completion_tokens: facts.tokens.map(|(_, completion, _)| completion),
            tokens_estimated: facts.tokens.map(|(_, _, estimated)| estimated),
            trace_id: finished.traced.map(super::trace::Traced::trace_id_text),
        };
        // Texts, numbers and nothing that could fail to be written.
        let sent =
            serde_json::to_string(&line).is_ok_and(|text| self.sender.try_send(text).is_ok());
        let count = if sent { &self.counts.taken } else { &self.counts.dropped };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is written to.
struct Output {
    target: AccessLogTarget,
    writer: BufWriter<Box<dyn Write + Send>>,
    inode: Option<(u64, u64)>,
}

impl Output {
    fn open(target: AccessLogTarget) -> std::io::Result<Self> {
        let (writer, inode): (Box<dyn Write + Send>, _) = match &target {
            AccessLogTarget::Stdout => (Box::new(std::io::stdout()), None),
            AccessLogTarget::File(path) => {
                let file = open_file(path)?;
                let facts = file.metadata()?;
                (Box::new(file), Some((facts.dev(), facts.ino())))
            }
        };
        Ok(Self { target, writer: BufWriter::new(writer), inode })
    }

    /// Flushes, and follows the name if the file under it is another one now.
    fn settle(&mut self) -> std::io::Result<()> {
        self.writer.flush()?;
        if let AccessLogTarget::File(path) = &self.target {
            let named = std::fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()));
            if named != self.inode {
                *self = Self::open(self.target.clone())?;
            }
        }
        Ok(())
    }
}

/// Who calls when is nobody's business but the operator's.
fn open_file(path: &std::path::Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

fn write_all(receiver: &Receiver<String>, output: &mut Output, counts: &Counts) {
    let mut due = Instant::now() + FLUSH_EVERY;
    let mut unwritten = 0_u64;
    let mut failing = false;
    loop {
        let wait = due.saturating_duration_since(Instant::now());
        let (line, is_over) = match receiver.recv_timeout(wait) {
            Ok(line) => (Some(line), false),
            Err(RecvTimeoutError::Timeout) => (None, false),
            Err(RecvTimeoutError::Disconnected) => (None, true),
        };
        let mut result = Ok(());
        if let Some(mut line) = line {
            line.push('\n');
            unwritten = unwritten.saturating_add(1);
            result = output.writer.write_all(line.as_bytes());
        }
        if is_over || result.is_err() || Instant::now() >= due {
            result = result.and_then(|()| output.settle());
            due = Instant::now() + FLUSH_EVERY;
            if result.is_ok() {
                unwritten = 0;
            }
        }
        if let Err(error) = result {
            counts.dropped.fetch_add(std::mem::take(&mut unwritten), Ordering::Relaxed);
            if !std::mem::replace(&mut failing, true) {
                tracing::warn!(%error, "the access log cannot be written: lines are dropped and counted");
            }
            // What it holds cannot be written; a fresh one starts without it.
            if let Ok(fresh) = Output::open(output.target.clone()) {
                let old = std::mem::replace(output, fresh);
                let _ = old.writer.into_parts();
            }
        } else if unwritten == 0 {
            failing = false;
        }
        if is_over {
            return;
        }
    }
}
