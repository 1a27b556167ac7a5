//! Capture: questions and answers that a project has asked to keep, on their way to a dataset of its own.
//!
//! INVARIANT: nothing is kept that the directory did not ask for, call by call; what is kept is what the engine was
//! sent and what came back *after* the guardrails. A call never waits for it and never fails by it: what finds no room
//! is dropped and counted. Nothing here writes to a disk or a log.

mod fold;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use api::text::Timestamp;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use units::{Id, UnixMicros, kinds};

use fold::Fold;

/// Bytes that one record may hold while it is gathered; a longer one is dropped.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes counted for a record besides its texts.
const RECORD_BYTES: usize = 1_024;

/// What a directory wants kept of a call.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Where it goes.
    pub dataset: Id<kinds::Dataset>,
    /// Of a thousand calls, so many; which ones follows from their ids.
    pub permille: u16,
    /// Who takes it.
    pub recorder: Arc<Recorder>,
}

/// Takes records from calls and gives them to whoever writes them down.
#[derive(Debug)]
pub struct Recorder {
    bytes_held: AtomicUsize,
    bytes_held_max: usize,
    /// Bounded by the bytes that all records together may hold.
    queue: mpsc::UnboundedSender<Captured>,
    dropped: Mutex<BTreeMap<Id<kinds::Project>, u64>>,
}

/// One record.
#[derive(Debug)]
pub struct Captured {
    /// Whose it is.
    pub project: Id<kinds::Project>,
    /// Where it goes.
    pub dataset: Id<kinds::Dataset>,
    /// When the answer ended.
    pub at: UnixMicros,
    /// A JSON object on one line, with its end.
    pub line: Vec<u8>,
    /// Its place among what may be held; given back when the record is dropped.
    _held: Held,
}

/// Bytes that a record holds.
#[derive(Debug)]
struct Held {
    recorder: Arc<Recorder>,
    bytes: usize,
}

/// A record that is being gathered.
#[derive(Debug)]
pub(crate) struct Draft {
    dataset: Id<kinds::Dataset>,
    about: About,
    request: Bytes,
    answer: Answer,
    held: Held,
}

/// Which call it is.
#[derive(Debug)]
pub(crate) struct About {
    /// Whose key has asked.
    pub(crate) project: Id<kinds::Project>,
    /// The answer's id.
    pub(crate) id: String,
    /// The public model name.
    pub(crate) model: String,
    /// The path at the engine, which says what form both texts have.
    pub(crate) path: &'static str,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The key.
    pub(crate) key: Id<kinds::Key>,
    /// Whose replica has answered.
    pub(crate) endpoint: Id<kinds::Endpoint>,
    /// When.
    pub(crate) at: UnixMicros,
    /// Whether the whole answer is there.
    pub(crate) complete: bool,
    /// Tokens read and written.
    pub(crate) tokens: (u64, u64),
}

#[derive(Debug)]
enum Answer {
    None,
    Whole(Vec<u8>),
    Events(Box<Fold>),
}

/// A line, in the order of its fields.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    at: Timestamp,
    key: Id<kinds::Key>,
    endpoint: Id<kinds::Endpoint>,
    model: &'a str,
    path: &'a str,
    complete: bool,
    tokens_in: u64,
    tokens_out: u64,
    request: Option<&'a RawValue>,
    response: Option<Box<RawValue>>,
}

impl Recorder {
    /// A recorder whose records hold at most so many bytes together, those in the queue included, and the other
    /// end of the queue.
    #[must_use]
    pub fn new(bytes_held_max: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<Captured>) {
        let (queue, records) = mpsc::unbounded_channel();
        let (bytes_held, dropped) = (AtomicUsize::new(0), Mutex::default());
        (Arc::new(Self { bytes_held, bytes_held_max, queue, dropped }), records)
    }

    /// Counts records that could not be kept, here or by whoever writes them.
    pub fn drop_records(&self, project: Id<kinds::Project>, n: u64) {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        let count = dropped.entry(project).or_default();
        *count = count.saturating_add(n);
    }

    /// Takes the counts of records that could not be kept, for whoever counts them elsewhere.
    #[must_use]
    pub fn take_dropped(&self) -> BTreeMap<Id<kinds::Project>, u64> {
        std::mem::take(&mut self.dropped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records of a project that could not be kept since the start.
    #[must_use]
    pub fn dropped(&self, project: Id<kinds::Project>) -> u64 {
        let dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        dropped.get(&project).copied().unwrap_or(0)
    }
}

impl Held {
    /// Holds so much more; `false` if there is no room.
    fn grow(&mut self, bytes: usize) -> bool {
        let own = self.bytes.saturating_add(bytes);
        if own > RECORD_BYTES_MAX {
            return false;
        }
        let most = self.recorder.bytes_held_max;
        let more = |all: usize| all.checked_add(bytes).filter(|all| *all <= most);
        let order = Ordering::Relaxed;
        let grown = self.recorder.bytes_held.fetch_update(order, order, more).is_ok();
        if grown {
            self.bytes = own;
        }
        grown
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.recorder.bytes_held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Draft {
    /// Begins a record if this call is one of those that are kept and there is room for it.
    pub(crate) fn begin(capture: Capture, about: About, request: &Bytes) -> Option<Box<Self>> {
        let Capture { dataset, permille, recorder } = capture;
        if !is_chosen(&about.id, permille) {
            return None;
        }
        let mut held = Held { recorder, bytes: 0 };
        if !held.grow(request.len().saturating_add(RECORD_BYTES)) {
            held.recorder.drop_records(about.project, 1);
            return None;
        }
        let request = request.clone();
        Some(Box::new(Self { dataset, about, request, answer: Answer::None, held }))
    }

    /// Takes a whole answer; `None` if there is no room for it.
    pub(crate) fn whole(mut self: Box<Self>, body: &[u8]) -> Option<Box<Self>> {
        let has_room = self.held.grow(body.len());
        self.answer = Answer::Whole(if has_room { body.to_vec() } else { Vec::new() });
        self.kept(has_room)
    }

    /// Takes the data of an event; `None` if there is no room for it.
    pub(crate) fn event(mut self: Box<Self>, data: &[u8]) -> Option<Box<Self>> {
        let mut has_room = self.held.grow(data.len());
        if has_room {
            if !matches!(self.answer, Answer::Events(_)) {
                self.answer = Answer::Events(Box::default());
            }
            if let Answer::Events(fold) = &mut self.answer {
                has_room = fold.add(data).is_ok();
            }
        }
        self.kept(has_room)
    }

    fn kept(self: Box<Self>, has_room: bool) -> Option<Box<Self>> {
        if !has_room {
            self.held.recorder.drop_records(self.about.project, 1);
        }
        has_room.then_some(self)
    }

    /// Ends the record and hands it on.
    pub(crate) fn finish(self, facts: Facts) {
        let Self { dataset, about, request, answer, held } = self;
        let response = match answer {
            Answer::None => None,
            Answer::Whole(body) => {
                String::from_utf8(body).ok().and_then(|text| RawValue::from_string(text).ok())
            }
            Answer::Events(fold) => fold.finish(),
        };
        let Facts { key, endpoint, at, complete, tokens } = facts;
        let line = Line {
            id: &about.id,
            at: Timestamp(at),
            key,
            endpoint,
            model: &about.model,
            path: about.path,
            complete,
            tokens_in: tokens.0,
            tokens_out: tokens.1,
            request: serde_json::from_slice(&request).ok(),
            response,
        };
        let project = about.project;
        let Ok(mut line) = serde_json::to_vec(&line) else {
            return held.recorder.drop_records(project, 1);
        };
        // In a JSON text they stand between tokens only: within a string they are escaped.
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        line.push(b'\n');
        let recorder = Arc::clone(&held.recorder);
        if recorder.queue.send(Captured { project, dataset, at, line, _held: held }).is_err() {
            recorder.drop_records(project, 1);
        }
    }
}

/// Whether a call is among so many of a thousand. It follows from its id, which the client can know.
fn is_chosen(id: &str, permille: u16) -> bool {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(id.as_bytes()));
    u32::from_be_bytes([a, b, c, d]) % 1_000 < u32::from(permille)
}
