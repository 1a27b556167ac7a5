//! The count of one request's tokens, settled exactly once.
//!
//! Whoever holds the tally settles it before the end of the answer is released; if the holder
//! is dropped instead (the client left, the task was cancelled), dropping settles it.

use std::sync::Arc;

use serde::Deserialize;
use units::{Id, kinds};

use crate::admission::Permit;
use crate::balance::Fleet;
use crate::directory::{Caller, Directory};
use crate::meter::{Entry, Meter, Said};

/// The part of OpenAI's `usage` object that is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    /// Tokens read.
    pub(crate) prompt_tokens: u64,
    /// Tokens written; embeddings-like answers leave it out.
    #[serde(default)]
    pub(crate) completion_tokens: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The whole answer is there.
    Complete,
    /// The answer broke off, or the client left before it was complete.
    Broken,
    /// No replica did any work that reached us: no tokens.
    Failed,
}

/// An unsettled count.
#[derive(Debug)]
pub(crate) struct Tally {
    meter: Meter,
    caller: Caller,
    endpoint: Id<kinds::Endpoint>,
    prompt_tokens_estimate: u64,
    deltas: u64,
    usage: Option<Usage>,
    said: Option<Said>,
    in_band_error: bool,
    settled: bool,
    permit: Option<Permit>,
    fleet: Option<Arc<Fleet>>,
}

impl Tally {
    /// Starts counting a request that is about to be sent; `said` is its answer, of which nothing is said yet.
    pub(crate) fn new(
        meter: Meter,
        caller: Caller,
        endpoint: Id<kinds::Endpoint>,
        prompt_tokens_estimate: u64,
        said: Said,
    ) -> Self {
        Self {
            meter,
            caller,
            endpoint,
            prompt_tokens_estimate,
            deltas: 0,
            usage: None,
            said: Some(said),
            in_band_error: false,
            settled: false,
            permit: None,
            fleet: None,
        }
    }

    /// Keeps what the request holds until it has ended.
    pub(crate) fn holding(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Tells how long the answer was, once it is whole, to who expects the next.
    pub(crate) fn teach(&mut self, fleet: &Arc<Fleet>) {
        self.fleet = Some(Arc::clone(fleet));
    }

    /// Keeps no facts of the answer for a receipt.
    pub(crate) fn unsaid(&mut self) {
        self.said = None;
    }

    /// Notes whose replica answers, which is another endpoint's on a canary or a fallback, and where it stands.
    pub(crate) fn at(&mut self, endpoint: Id<kinds::Endpoint>, site: Option<Id<kinds::Site>>) {
        self.endpoint = endpoint;
        if let Some(said) = &mut self.said {
            said.at(site);
        }
    }

    /// Holds what the request may use where it is answered, which on a canary or a fallback is another's.
    pub(crate) fn hold_there(&mut self, directory: &dyn Directory) {
        if let Some(permit) = &mut self.permit {
            permit.moves(directory, (self.caller.key, self.endpoint));
        }
    }

    /// Takes what is about to go to the client, before it goes and before the count is settled.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        if let Some(said) = &mut self.said {
            said.add(bytes);
        }
    }

    /// Counts one chunk that carries output; tells whether it was the first.
    pub(crate) fn delta(&mut self) -> bool {
        self.deltas = self.deltas.saturating_add(1);
        self.deltas == 1
    }

    /// Whether output has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.deltas > 0
    }

    /// Takes the engine's own figures; the last ones given count.
    pub(crate) fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Whether the engine has told its figures.
    pub(crate) fn has_usage(&self) -> bool {
        self.usage.is_some()
    }

    /// Notes an error the engine reported inside a stream.
    pub(crate) fn in_band_error(&mut self) {
        self.in_band_error = true;
    }

    /// Writes the record; later calls do nothing.
    pub(crate) fn settle(&mut self, end: End) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let (usage, estimated) = match (end, self.usage) {
            (End::Failed, _) => (Usage { prompt_tokens: 0, completion_tokens: 0 }, false),
            (End::Complete | End::Broken, Some(usage)) => (usage, false),
            (End::Complete | End::Broken, None) => {
                let prompt_tokens = self.prompt_tokens_estimate;
                (Usage { prompt_tokens, completion_tokens: self.deltas }, true)
            }
        };
        if let Some(permit) = &mut self.permit {
            permit.settle(usage.prompt_tokens, usage.completion_tokens);
        }
        if let Some(charge) = &self.caller.charge {
            charge.finished(usage.prompt_tokens, usage.completion_tokens);
        }
        if let Some(fleet) = self.fleet.take().filter(|_| end == End::Complete) {
            fleet.finished(usage.completion_tokens);
        }
        let metrics = self.meter.metrics();
        metrics.prompt_tokens.add(usage.prompt_tokens);
        metrics.completion_tokens.add(usage.completion_tokens);
        metrics.usage_estimated.add(u64::from(estimated));
        metrics.streams_broken.add(u64::from(end == End::Broken));
        let error = self.in_band_error || end != End::Complete;
        let said = self.said.take().filter(|_| end != End::Failed);
        let at_ms = self.meter.now().0.div_euclid(1_000);
        let answer = said.and_then(|said| said.finish(!error, at_ms, self.meter.salt_seed()));
        self.meter.record(Entry {
            key: self.caller.key,
            project: self.caller.project,
            endpoint: self.endpoint,
            error,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            estimated,
            answer,
        });
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.settle(End::Broken);
    }
}
