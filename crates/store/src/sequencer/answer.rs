//! What goes into the queue and what comes back. An answer is given exactly once: whoever drops one
//! ungiven, by a panic for example, gives the answer that the sequencer has ended.

use std::fmt;

use kernel::{Actor, Reject, Subject, Submission};
use units::UnixMicros;

/// What became of an accepted command: durable, and visible to readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Position of its first entry.
    pub first_seq: u64,
    /// Position after its last entry; equal to `first_seq` if nothing had to change.
    pub next_seq: u64,
    /// What its first entry is about; `None` if nothing had to change.
    pub subject: Option<Subject>,
    /// The time of its entries.
    pub at: UnixMicros,
    /// True if this is the answer to an earlier submission with the same idempotency key.
    pub repeated: bool,
}

/// Why a command was not answered with an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The state does not allow it.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// Too many commands wait; nothing has happened.
    #[error("{limit} commands wait already: try again in a moment")]
    Overloaded {
        /// Commands that may wait.
        limit: usize,
    },
    /// It could not be stored; nothing has happened.
    #[error("the command was not stored, nothing has changed ({reason}): try again")]
    NotStored {
        /// Why.
        reason: String,
    },
    /// Nobody knows whether it was stored.
    #[error(
        "it is not known whether the command was stored ({reason}): send it again with the same idempotency key"
    )]
    Unknown {
        /// Why.
        reason: String,
    },
    /// The sequencer has ended. What was in progress may or may not be stored.
    #[error(
        "the log has stopped ({reason}): restart, then send the command again with the same idempotency key"
    )]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// The answer to one command.
pub(crate) type Verdict = Result<Outcome, SubmitError>;

/// One command in the queue.
pub(crate) struct Job {
    pub(crate) actor: Actor,
    pub(crate) submission: Submission,
    pub(crate) answer: Answer,
}

/// What the queue carries.
pub(crate) enum Message {
    Submit(Box<Job>),
    /// Finish what came before, then end.
    Close,
}

/// A callback that is called exactly once.
pub(crate) struct Answer(Option<Box<dyn FnOnce(Verdict) + Send>>);

impl Answer {
    pub(crate) fn new(callback: Box<dyn FnOnce(Verdict) + Send>) -> Self {
        Self(Some(callback))
    }

    pub(crate) fn give(mut self, verdict: Verdict) {
        if let Some(callback) = self.0.take() {
            callback(verdict);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            let reason = "it ended before this command was answered".to_owned();
            callback(Err(SubmitError::Stopped { reason }));
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("actor", &self.actor).finish_non_exhaustive()
    }
}
