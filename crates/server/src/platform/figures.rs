//! What a gateway has counted of calls, for those whose they are.

use std::sync::OnceLock;

use units::{Id, UnixMicros, kinds};

use super::Platform;

/// Asks a gateway for all that it has counted since it started.
pub type CallFigures = Box<dyn Fn() -> Vec<CallFigure> + Send + Sync>;

/// Calls of one key at one endpoint, since the gateway started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFigure {
    /// The key's project; `None` for a key of wider scope.
    pub project: Option<Id<kinds::Project>>,
    /// The key; `None` for the rest of a project.
    pub key: Option<Id<kinds::Key>>,
    /// The endpoint; `None` for calls that reached none, and for a rest.
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// The model as it was asked for.
    pub model: String,
    /// Calls that ended.
    pub requests: u64,
    /// Those that did not end well.
    pub errors: u64,
    /// Those that a guardrail refused; errors too.
    pub refused: u64,
    /// Texts in which guardrails replaced something.
    pub redacted: u64,
    /// Matches of guardrails that only report.
    pub reported: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Time from arrival to the last byte, in microseconds.
    pub duration_us: u64,
    /// Streams that gave a token.
    pub streams: u64,
    /// Their time to the first token, in microseconds.
    pub first_token_us: u64,
}

/// Whom to ask for figures, and since when there are any.
pub(super) struct Figures {
    source: OnceLock<CallFigures>,
    since: UnixMicros,
}

impl Figures {
    /// Nobody yet.
    pub(super) const fn since(since: UnixMicros) -> Self {
        Self { source: OnceLock::new(), since }
    }
}

impl Platform {
    /// Sets who is asked for the figures of calls; once, at start.
    pub fn set_call_figures(&self, figures: CallFigures) {
        let _ = self.figures.source.set(figures);
    }

    /// What a gateway has counted of calls since it started; empty without a gateway.
    pub(crate) fn call_figures(&self) -> Vec<CallFigure> {
        self.figures.source.get().map_or_else(Vec::new, |figures| figures())
    }

    /// When this process opened the platform.
    pub(crate) const fn started_at(&self) -> UnixMicros {
        self.figures.since
    }
}
