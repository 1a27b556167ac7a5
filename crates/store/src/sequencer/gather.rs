//! How many commands go into a batch. A lone command must never wait; many callers share one
//! append, so with many of them it pays to wait a moment until those just answered are back.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::answer::{Job, Message};

/// A pause this long between two commands ends the gathering.
const GAP_MAX: Duration = Duration::from_micros(200);

/// Takes batches from the queue.
#[derive(Debug)]
pub(crate) struct Gather {
    batch_max: usize,
    wait_max: Duration,
    // Commands of the last batch, how long it took, and when it was done.
    last_jobs: usize,
    last_took: Duration,
    last_done: Option<Instant>,
}

impl Gather {
    pub(crate) fn new(batch_max: usize, wait_max: Duration) -> Self {
        let batch_max = batch_max.max(1);
        Self { batch_max, wait_max, last_jobs: 0, last_took: Duration::ZERO, last_done: None }
    }

    /// Waits for the next batch; true with the last one there will be.
    pub(crate) fn next(&mut self, queue: &Receiver<Message>) -> (Vec<Job>, bool) {
        let mut jobs = Vec::new();
        match queue.recv() {
            Ok(Message::Submit(job)) => jobs.push(*job),
            Ok(Message::Close) | Err(_) => return (jobs, true),
        }
        // Whoever waits already comes along.
        while jobs.len() < self.batch_max {
            match queue.try_recv() {
                Ok(Message::Submit(job)) => jobs.push(*job),
                Ok(Message::Close) => return (jobs, true),
                Err(_) => break,
            }
        }
        let is_busy = jobs.len() > 1 || self.was_busy();
        let last = is_busy && self.linger(queue, &mut jobs);
        (jobs, last)
    }

    /// Remembers a batch, to judge the next one by.
    pub(crate) fn done(&mut self, n_jobs: usize, took: Duration) {
        self.last_jobs = n_jobs;
        self.last_took = took;
        self.last_done = Some(Instant::now());
    }

    fn was_busy(&self) -> bool {
        self.last_jobs > 1 && self.last_done.is_some_and(|done| done.elapsed() < self.wait_max)
    }

    /// Waits for more, at most as long as a quarter of what the last batch took: no longer than
    /// what can be won. True if the queue was closed.
    fn linger(&self, queue: &Receiver<Message>, jobs: &mut Vec<Job>) -> bool {
        let wait = (self.last_took / 4).min(self.wait_max);
        let end = Instant::now() + wait;
        while jobs.len() < self.batch_max {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match queue.recv_timeout(left.min(GAP_MAX)) {
                Ok(Message::Submit(job)) => jobs.push(*job),
                Ok(Message::Close) => return true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
        false
    }
}
