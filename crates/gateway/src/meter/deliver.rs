//! Delivery: closed minutes become numbered roll-ups, on disk first, then at the sink, in order.
//!
//! The lock over [`Closing`] is held across a delivery, so there is one delivery at a time; the
//! request path never takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::meter::spool::{Batch, Spool, State};
use crate::meter::{Inner, MINUTE_S, Meter, MeterError, minute_of};
use crate::usage::SinkError;

/// How long after a minute's end it is closed, so that a late wake-up does not cut it.
const CLOSE_AFTER: Duration = Duration::from_millis(50);

/// What the deliverer works on.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) spool: Arc<Spool>,
    pub(super) state: State,
    /// Whether `state` differs from the disk.
    pub(super) dirty: bool,
    /// The version under which `state` was last handed to the disk.
    pub(super) version: u64,
    /// The time of the delivery, in seconds since 1970.
    pub(super) now_unix: i64,
}

/// Which minutes to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Those that have ended.
    Minute,
    /// All.
    Now,
}

impl Meter {
    /// Delivers for ever: what was missing at start at once, then every minute after its end, and
    /// refused roll-ups again after a growing pause. Spawn it once; to stop, drop it and `flush`.
    pub async fn run(&self) {
        let retry_min = self.inner.config.retry_min;
        let mut pause = retry_min;
        loop {
            let mut wait = self.until_minute_end();
            match self.deliver_closed(Cut::Minute).await {
                Ok(()) => pause = retry_min,
                Err(error) => {
                    tracing::warn!(
                        gateway.id = %self.gateway(),
                        error = &error as &dyn std::error::Error,
                        "usage of {} not delivered, will retry",
                        self.gateway()
                    );
                    wait = wait.min(pause);
                    pause = pause.saturating_mul(2).min(self.inner.config.retry_max);
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Closes the running minute too and delivers everything once; for shutdown and for demos.
    ///
    /// # Errors
    /// When the sink or the disk refuses; nothing is lost, and the next start delivers it.
    pub async fn flush(&self) -> Result<(), MeterError> {
        self.deliver_closed(Cut::Now).await
    }

    fn until_minute_end(&self) -> Duration {
        let past = self.now().0.rem_euclid(MINUTE_S * 1_000_000);
        let left = u64::try_from(MINUTE_S * 1_000_000 - past).unwrap_or(0);
        Duration::from_micros(left).saturating_add(CLOSE_AFTER)
    }

    pub(super) async fn deliver_closed(&self, cut: Cut) -> Result<(), MeterError> {
        let mut closing = self.inner.closing.lock().await;
        closing.now_unix = self.now().secs();
        self.inner.seal(&mut closing, cut);
        // Sequence numbers must be on disk before anybody can have seen them.
        closing.persist().await?;
        let delivered = self.inner.deliver(&mut closing).await;
        let persisted = closing.persist().await;
        delivered.and(persisted)
    }
}

impl Inner {
    /// Gives the closed minutes their sequence numbers.
    fn seal(&self, closing: &mut Closing, cut: Cut) {
        let mut open = self.open();
        let minute_unix = minute_of(self.config.clock.now());
        let due = cut == Cut::Now || minute_unix != open.minute_unix;
        if due
            && !open.counts.is_empty()
            && let Err(error) = open.rotate(minute_unix)
        {
            self.spool_error(&error);
        }
        let closed = std::mem::take(&mut open.closed);
        if closed.is_empty() {
            return;
        }
        let first_segment = open.segment.number();
        // Counted as waiting before the lock is gone, so that `has_room` never sees neither.
        self.waiting.fetch_add(closed.len(), Ordering::Relaxed);
        drop(open);
        let state = &mut closing.state;
        state.batches.push_back(Batch {
            minute_unix: closed.last_minute_unix().unwrap_or(minute_unix),
            first_sequence: state.next_sequence,
            from_segment: state.first_segment,
            end_segment: first_segment,
        });
        for rollup in closed.into_rollups(self.gateway, state.next_sequence) {
            state.next_sequence = rollup.sequence.saturating_add(1);
            self.books.sealed(&rollup);
            state.pending.push_back(rollup);
        }
        state.first_segment = first_segment;
        closing.dirty = true;
    }

    /// Offers the pending roll-ups in order, stopping at the first refusal.
    async fn deliver(&self, closing: &mut Closing) -> Result<(), MeterError> {
        while let Some(rollup) = closing.state.pending.front() {
            let offered = self.sink.record(rollup.clone());
            let taken = tokio::time::timeout(self.config.sink_timeout, offered).await;
            let taken = taken.unwrap_or_else(|_| {
                Err(SinkError { detail: "no answer within the sink's timeout".into() })
            });
            if let Err(source) = taken {
                self.metrics.rollup_errors.add(1);
                return Err(MeterError::Sink { undelivered: closing.state.pending.len(), source });
            }
            self.metrics.rollups_delivered.add(1);
            closing.state.pending.pop_front();
            closing.dirty = true;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Closing {
    /// Writes the state if it changed, then removes segments it has made superfluous.
    async fn persist(&mut self) -> Result<(), MeterError> {
        if !self.dirty {
            return Ok(());
        }
        self.version = self.version.saturating_add(1);
        let (spool, state, version) = (Arc::clone(&self.spool), self.state.clone(), self.version);
        // A panic inside is a bug of ours; the state then stays dirty and is written again.
        let now_unix = self.now_unix;
        let store = move || spool.store(&state, version, now_unix);
        let written = tokio::task::spawn_blocking(store).await;
        written.unwrap_or_else(|error| {
            Err(MeterError::folder(self.spool.folder(), std::io::Error::other(error)))
        })?;
        self.dirty = false;
        // Their segments have been moved away, or never will be.
        self.state.batches.clear();
        Ok(())
    }
}
