//! Snapshots that are made while the log goes on: the state is copied in little time, and all else
//! happens on a thread of its own, one at a time.
//!
//! It must never hold up a command, and a snapshot that fails is only told.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kernel::State;
use ledger::SigningKey;

use crate::log_store::SaveSnapshot;
use crate::seal::{self, Seal};

/// Snapshots take at most about one part in so many of a core, however large the state grows.
const REST_FACTOR: u32 = 24;

/// One state on its way to the disk.
struct Job {
    state: State,
    seal: Seal,
    key: SigningKey,
    to: Box<dyn SaveSnapshot>,
}

/// The thread that saves, if there is one.
#[derive(Debug, Default)]
pub(super) struct Background {
    thread: Option<JoinHandle<Duration>>,
    /// Not before this time again.
    rest_until: Option<Instant>,
}

impl Background {
    /// True if another snapshot may begin.
    pub(super) fn is_free(&mut self) -> bool {
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return false;
        }
        self.wait();
        self.rest_until.is_none_or(|time| time <= Instant::now())
    }

    /// Begins one.
    pub(super) fn begin(
        &mut self,
        state: State,
        seal: Seal,
        key: SigningKey,
        to: Box<dyn SaveSnapshot>,
    ) {
        self.wait();
        let job = Job { state, seal, key, to };
        let thread = thread::Builder::new().name("snapshot".to_owned()).spawn(move || save(job));
        match thread {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => tracing::warn!("no thread for a snapshot: {error}"),
        }
    }

    /// Waits for the one that is being made.
    pub(super) fn wait(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // A panic has ended the program, or in tests is told by the panic itself.
        let took = thread.join().unwrap_or_default();
        self.rest_until = Instant::now().checked_add(took.saturating_mul(REST_FACTOR));
    }
}

/// Failing is harmless: the next start folds more.
fn save(mut job: Job) -> Duration {
    let started = Instant::now();
    let seq = job.seal.seq;
    let saved = write(&mut job);
    let took = started.elapsed();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match saved {
        Ok(bytes) => {
            tracing::info!(snapshot.seq = seq, bytes, took_ms, "snapshot at entry {seq}");
        }
        Err(reason) => {
            tracing::warn!(snapshot.seq = seq, "snapshot at entry {seq} failed: {reason}");
        }
    }
    took
}

fn write(job: &mut Job) -> Result<usize, String> {
    let state = job.state.to_snapshot().map_err(|error| error.to_string())?;
    let sealed = seal::seal(&job.key, &job.seal, &state).map_err(|error| error.to_string())?;
    // Two copies of a large state need not stand beside each other while the disk is slow.
    drop(state);
    job.to.save(job.seal.seq, &sealed).map_err(|error| error.to_string())?;
    Ok(sealed.len())
}
