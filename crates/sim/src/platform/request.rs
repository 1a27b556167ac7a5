//! What goes into the simulated sequencer and what comes out, and what can go wrong in between.

use kernel::{Actor, Reject, Subject, Submission};

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub actor: Actor,
    /// What is asked.
    pub submission: Submission,
}

impl Request {
    /// A command without conditions.
    #[must_use]
    pub const fn new(actor: Actor, command: kernel::Command) -> Self {
        Self { actor, submission: Submission::new(command) }
    }

    /// The same, to be done once however often it is sent.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.submission.idempotency_key = Some(key.to_owned());
        self
    }
}

/// What the caller learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is durable. `subject` is `None` for a command that was already true.
    Accepted {
        /// Position of its first entry, or the log's size where there is none.
        seq: u64,
        /// What its first event is about.
        subject: Option<Subject>,
        /// True if an earlier submission with the same key did it.
        repeated: bool,
    },
    /// It was refused; nothing changed but a logged refusal.
    Rejected(Box<Reject>),
    /// The connection broke: it may or may not have happened.
    Unknown,
}

/// A request with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What was asked.
    pub request: Request,
    /// What came back.
    pub answer: Answer,
}

/// What goes wrong while one batch is being committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The process dies before the append: the batch is lost.
    CrashBeforeAppend,
    /// The process dies after the append: the batch is durable, nobody was told.
    CrashAfterAppend,
    /// Another leader has appended meanwhile: the append conflicts and the process boots again.
    Deposed,
}

impl Fault {
    /// For traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::CrashBeforeAppend => "crash-before-append",
            Self::CrashAfterAppend => "crash-after-append",
            Self::Deposed => "deposed",
        }
    }
}
