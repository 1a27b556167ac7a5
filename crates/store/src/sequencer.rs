//! The one writer: takes commands from a bounded queue, decides a batch of them against the state
//! to come, appends the batch durably, and only then shows it to readers and answers. It must never
//! answer before the append, and never write after an append whose outcome it does not know.

mod answer;
mod background;
mod gather;
mod handle;
mod recover;
mod working;

pub use answer::{Outcome, SubmitError};
pub use handle::Handle;

pub(crate) use handle::{Committed, Shared};

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ledger::{Checkpoint, CheckpointError, SigningKey};

use crate::boot::{self, BootError, BootReport, Rebuilt};
use crate::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::log_store::{AppendError, Batch, Head, LogStore, StoreError};
use crate::seal::Seal;
use answer::{Answer, Job, Message, Verdict};
use background::Background;
use gather::Gather;
use working::{Pending, Working};

/// How the sequencer works; the default is right for everything but tests.
#[derive(Debug)]
pub struct Config {
    /// Most commands in one batch.
    pub batch_max: usize,
    /// Longest wait for more commands while callers are many.
    pub gather_max: Duration,
    /// Commands that may wait; one more is refused.
    pub queue_max: usize,
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// Where entries get their time from.
    pub clock: Box<dyn Clock>,
    /// Where ids get their randomness from.
    pub entropy: Box<dyn Entropy>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // When the disk is slow, batches must grow instead of the queue.
            batch_max: 2_048,
            gather_max: Duration::from_millis(5),
            queue_max: 4_096,
            snapshot_every: 50_000,
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
        }
    }
}

/// The running sequencer. Dropping it ends the thread as [`shutdown`](Self::shutdown) does.
#[derive(Debug)]
pub struct Sequencer {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    report: BootReport,
}

impl Sequencer {
    /// Rebuilds the state from the store and starts the thread. `reader` is a second connection to
    /// the same log.
    ///
    /// # Errors
    /// If the log cannot be read, or is not as it was signed.
    pub fn start(
        mut store: Box<dyn LogStore>,
        reader: Box<dyn LogStore>,
        key: SigningKey,
        config: Config,
    ) -> Result<Self, BootError> {
        let rebuilt = boot::rebuild(store.as_mut(), &key)?;
        let report = rebuilt.report.clone();
        let (queue_in, queue) = sync_channel(config.queue_max.max(1));
        let committed = committed(&rebuilt, &key)?;
        let shared = Arc::new(Shared::new(committed, reader, key.verifier().clone()));
        let handle = Handle::new(Arc::clone(&shared), queue_in, config.queue_max);
        let working = Working { state: rebuilt.state, frontier: rebuilt.tree.frontier().clone() };
        let last_snapshot = rebuilt.report.snapshot.unwrap_or(0);
        let worker = Worker {
            gather: Gather::new(config.batch_max, config.gather_max),
            store,
            key,
            config,
            shared: Arc::clone(&shared),
            working,
            head: rebuilt.head,
            last_snapshot,
            background: Background::default(),
        };
        let thread = thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(move || live(worker, queue, &shared))
            .map_err(|error| StoreError::Failed {
                action: "start the sequencer",
                reason: error.to_string(),
            })?;
        Ok(Self { handle, thread: Some(thread), report })
    }

    /// The callers' end.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the start found.
    #[must_use]
    pub fn report(&self) -> &BootReport {
        &self.report
    }

    /// Finishes what is queued, saves a snapshot, and ends.
    ///
    /// # Errors
    /// The reason, if the thread had ended on its own before.
    pub fn shutdown(mut self) -> Result<(), String> {
        let failure = self.handle.failure();
        self.end();
        failure.map_or(Ok(()), Err)
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.handle.close();
        // A panic was caught inside and is told by `failure`.
        let _ = thread.join();
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread owns.
struct Worker {
    gather: Gather,
    store: Box<dyn LogStore>,
    key: SigningKey,
    config: Config,
    shared: Arc<Shared>,
    working: Working,
    head: Head,
    last_snapshot: u64,
    background: Background,
}

/// The thread: whatever ends it is told to every caller, present and future.
fn live(mut worker: Worker, queue: Receiver<Message>, shared: &Shared) {
    let ended = catch_unwind(AssertUnwindSafe(|| worker.run(&queue)));
    let failure = match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(format!("the sequencer panicked: {}", text_of(panic.as_ref()))),
    };
    if let Some(reason) = &failure {
        tracing::error!(sequencer.failure = %reason, "the sequencer has ended: {reason}");
    }
    // First the reason, then the queue: callers whose answers are dropped with it find the reason.
    shared.end(failure);
    drop(queue);
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

fn committed(rebuilt: &Rebuilt, key: &SigningKey) -> Result<Committed, BootError> {
    let checkpoint = match &rebuilt.head.checkpoint {
        Some(checkpoint) => checkpoint.clone(),
        // An empty log has a checkpoint too, so that a witness can begin with it; it is not stored.
        None => sign(&rebuilt.tree.head(), key).map_err(|error| BootError::LogCorrupt {
            seq: rebuilt.head.size,
            reason: error.to_string(),
        })?,
    };
    Ok(Committed { state: rebuilt.state.clone(), tree: rebuilt.tree.clone(), checkpoint })
}

fn sign(head: &ledger::TreeHead, key: &SigningKey) -> Result<String, CheckpointError> {
    Ok(Checkpoint::new(key.name(), *head)?.sign(key)?.to_string())
}

impl Worker {
    fn run(&mut self, queue: &Receiver<Message>) -> Result<(), BootError> {
        loop {
            let (jobs, last) = self.gather.next(queue);
            let n_jobs = jobs.len();
            let started = Instant::now();
            if !jobs.is_empty() {
                self.process(jobs)?;
            }
            self.gather.done(n_jobs, started.elapsed());
            if last {
                self.snapshot();
                self.background.wait();
                return Ok(());
            }
        }
    }

    fn process(&mut self, jobs: Vec<Job>) -> Result<(), BootError> {
        let mut pending = Pending::new(self.working.state.size);
        let mut verdicts: Vec<(Answer, Verdict)> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let verdict = self.decide(job.actor, &job.submission, &mut pending);
            verdicts.push((job.answer, verdict));
        }
        if pending.is_empty() {
            deliver(verdicts);
            return Ok(());
        }
        match self.append(&mut pending) {
            Ok(head) => {
                self.commit(pending, head);
                deliver(verdicts);
            }
            Err(error) => self.recover(&error, &pending, verdicts)?,
        }
        let since = self.working.state.size.saturating_sub(self.last_snapshot);
        if since >= self.config.snapshot_every && self.background.is_free() {
            self.snapshot();
        }
        Ok(())
    }

    fn append(&mut self, pending: &mut Pending) -> Result<Head, AppendError> {
        let checkpoint = sign(&self.working.frontier.head(), &self.key)
            .map_err(|error| AppendError::NotStored { reason: error.to_string() })?;
        let batch = Batch { rows: std::mem::take(&mut pending.rows), checkpoint };
        self.store.append(&self.head, &batch)
    }

    /// Shows a durable batch to readers, then wakes who waits for it.
    fn commit(&mut self, pending: Pending, head: Head) {
        let checkpoint = head.checkpoint.clone().unwrap_or_default();
        let size = head.size;
        self.head = head;
        self.shared.update(|committed| {
            for entry in &pending.entries {
                committed.state.apply(entry);
            }
            for hash in &pending.hashes {
                committed.tree.append(*hash);
            }
            committed.checkpoint = checkpoint;
            committed.state.share_ended(&self.working.state, &pending.entries);
            // INVARIANT: what readers see is what was decided on.
            assert_eq!(committed.state.size, size, "the committed state has another size");
            debug_assert_eq!(committed.tree.root(), self.working.frontier.root());
        });
        self.shared.notify(size);
    }

    /// Begins a snapshot of what is durable. Failing is harmless: the next start folds more.
    fn snapshot(&mut self) {
        let seq = self.working.state.size;
        if seq == self.last_snapshot {
            return;
        }
        match self.store.snapshots() {
            Ok(to) => {
                let seal = Seal { seq, root: self.working.frontier.root() };
                let (state, key) = (self.working.state.frozen(), self.key.clone());
                self.background.begin(state, seal, key, to);
                self.last_snapshot = seq;
            }
            Err(error) => {
                tracing::warn!(snapshot.seq = seq, "no snapshot at entry {seq}: {error}");
            }
        }
    }
}

fn deliver(verdicts: Vec<(Answer, Verdict)>) {
    for (answer, verdict) in verdicts {
        answer.give(verdict);
    }
}
