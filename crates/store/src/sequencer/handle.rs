//! The callers' end of the sequencer: submit, read what is durable, be told of news. Readers never
//! see anything that is not durable, and never wait for the disk.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use kernel::{Actor, State, Submission};
use ledger::{Tree, VerifierKey};

use super::answer::{Answer, Job, Message, Outcome, SubmitError, Verdict};
use crate::log_store::LogStore;

/// Everything durable, at one size.
#[derive(Debug)]
pub(crate) struct Committed {
    /// The fold of all entries.
    pub(crate) state: State,
    /// The hashes of all entries.
    pub(crate) tree: Tree,
    /// The signed checkpoint of this size.
    pub(crate) checkpoint: String,
}

type Watcher = Box<dyn Fn(u64) + Send + Sync>;
type EndWatcher = Box<dyn FnOnce(Option<&str>) + Send>;

/// What the thread and its callers share.
pub(crate) struct Shared {
    committed: RwLock<Committed>,
    reader: Mutex<Box<dyn LogStore>>,
    verifier: VerifierKey,
    watchers: RwLock<Vec<Watcher>>,
    end_watchers: Mutex<Vec<EndWatcher>>,
    // Set once, when the thread has ended; `None` inside for an orderly end.
    ended: OnceLock<Option<String>>,
}

impl Shared {
    pub(crate) fn new(
        committed: Committed,
        reader: Box<dyn LogStore>,
        verifier: VerifierKey,
    ) -> Self {
        Self {
            committed: RwLock::new(committed),
            reader: Mutex::new(reader),
            verifier,
            watchers: RwLock::new(Vec::new()),
            end_watchers: Mutex::new(Vec::new()),
            ended: OnceLock::new(),
        }
    }

    /// What is durable. A writer's panic ends the process, so a poisoned lock is read as it is.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Committed) -> T) -> T {
        look(&self.committed.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Committed)) {
        change(&mut self.committed.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn notify(&self, size: u64) {
        for watcher in self.watchers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            watcher(size);
        }
    }

    pub(super) fn end(&self, failure: Option<String>) {
        let told = self.ended.get_or_init(|| failure);
        let watchers =
            std::mem::take(&mut *self.end_watchers.lock().unwrap_or_else(PoisonError::into_inner));
        for watcher in watchers {
            watcher(told.as_deref());
        }
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Box<dyn LogStore>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }
}

/// Submits commands and reads what is durable; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    queue: SyncSender<Message>,
    queue_max: usize,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>, queue: SyncSender<Message>, queue_max: usize) -> Self {
        Self { shared, queue, queue_max }
    }

    /// Submits a command and waits until it is durable or refused.
    ///
    /// # Errors
    /// [`SubmitError`]; only `Unknown` and `Stopped` leave open whether it is stored.
    pub fn submit(&self, actor: Actor, submission: Submission) -> Result<Outcome, SubmitError> {
        let answer = self.submit_async(actor, submission);
        // An answer is always given, so the channel cannot close before it.
        answer.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Submits a command and returns at once; the channel gets exactly one answer.
    #[must_use]
    pub fn submit_async(&self, actor: Actor, submission: Submission) -> Receiver<Verdict> {
        let (answer_in, answer) = sync_channel(1);
        self.submit_with(actor, submission, move |verdict| {
            // A caller that no longer waits does not want to know.
            let _ = answer_in.send(verdict);
        });
        answer
    }

    /// Submits a command and returns at once; `callback` gets exactly one answer, usually on the
    /// sequencer's thread: it must not block.
    pub fn submit_with(
        &self,
        actor: Actor,
        submission: Submission,
        callback: impl FnOnce(Result<Outcome, SubmitError>) + Send + 'static,
    ) {
        let shared = Arc::clone(&self.shared);
        // A command that was queued just as the thread ended is dropped without a reason of its own.
        let answer = Answer::new(Box::new(move |verdict| {
            callback(match (verdict, shared.ended.get().cloned().flatten()) {
                (Err(SubmitError::Stopped { .. }), Some(reason)) => {
                    Err(SubmitError::Stopped { reason })
                }
                (verdict, _) => verdict,
            });
        }));
        let job = Box::new(Job { actor, submission, answer });
        match self.queue.try_send(Message::Submit(job)) {
            Ok(()) => {}
            Err(TrySendError::Full(Message::Submit(job))) => {
                job.answer.give(Err(SubmitError::Overloaded { limit: self.queue_max }));
            }
            Err(TrySendError::Disconnected(Message::Submit(job))) => {
                job.answer.give(Err(self.stopped()));
            }
            Err(
                TrySendError::Full(Message::Close) | TrySendError::Disconnected(Message::Close),
            ) => {}
        }
    }

    /// Looks at the durable state. Keep it short: the sequencer waits for lookers.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.shared.read(|committed| look(&committed.state))
    }

    /// Durable entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.read(|state| state.size)
    }

    /// Calls `watcher` after each durable batch with the new size, on the sequencer's thread: it
    /// must not block. It stays for the sequencer's life.
    pub fn on_commit(&self, watcher: Box<dyn Fn(u64) + Send + Sync>) {
        self.shared.watchers.write().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    /// Calls `watcher` once when the sequencer ends, with the reason if that was a failure. The
    /// process should then end too: a restart replays.
    pub fn on_end(&self, watcher: impl FnOnce(Option<&str>) + Send + 'static) {
        let mut waiting = self.shared.end_watchers.lock().unwrap_or_else(PoisonError::into_inner);
        match self.shared.ended.get() {
            None => waiting.push(Box::new(watcher)),
            Some(told) => {
                drop(waiting);
                watcher(told.as_deref());
            }
        }
    }

    /// Why the sequencer has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.ended.get().cloned().flatten()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits for a place in the queue, behind everything submitted so far.
    pub(super) fn close(&self) {
        // It has ended already if nobody listens.
        let _ = self.queue.send(Message::Close);
    }

    fn stopped(&self) -> SubmitError {
        let reason = self.failure().unwrap_or_else(|| "it was shut down".to_owned());
        SubmitError::Stopped { reason }
    }
}
