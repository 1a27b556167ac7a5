//! The count of one request's tokens, settled exactly once.
//!
//! Whoever holds the tally settles it before the end of the answer is released; if the holder
//! is dropped instead (the client left, the task was cancelled), dropping settles it.

use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use units::{Id, kinds};

use crate::admission::Permit;
use crate::balance::{Fleet, Outstanding};
use crate::capture::{Draft, Facts};
use crate::directory::{Caller, Directory};
use crate::error::ApiError;
use crate::guard::{Checks, Context, Hits, Stopped};
use crate::meter::{Entry, Meter, Said};
use crate::observe::{FailureKind, Pace, Seen};

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
    draft: Option<Box<Draft>>,
    in_band_error: bool,
    settled: bool,
    seen: Arc<Seen>,
    pace: Pace,
    permit: Option<Permit>,
    fleet: Option<Arc<Fleet>>,
}

impl Tally {
    /// Starts counting a request that is about to be sent; `said` is its answer, of which nothing is said yet.
    pub(crate) fn new(
        meter: Meter,
        caller: Caller,
        (endpoint, prompt_tokens_estimate): (Id<kinds::Endpoint>, u64),
        said: Said,
        seen: Arc<Seen>,
    ) -> Self {
        let pace = seen.pace();
        Self {
            meter,
            caller,
            endpoint,
            prompt_tokens_estimate,
            deltas: 0,
            usage: None,
            said: Some(said),
            draft: None,
            in_band_error: false,
            settled: false,
            permit: None,
            fleet: None,
            seen,
            pace,
        }
    }

    /// Keeps what the request holds until it has ended.
    pub(crate) fn holding(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Notes whose replica answers, which is another endpoint's on a canary or a fallback, and where it stands;
    /// what the request may use is held there.
    pub(crate) fn answered_by(
        &mut self,
        place: &Outstanding,
        sent_at: Instant,
        directory: &dyn Directory,
    ) {
        self.seen.answering(sent_at, (place.endpoint, place.replica.site));
        self.fleet = Some(Arc::clone(place.fleet()));
        self.endpoint = place.endpoint;
        if place.replica.remote.is_some() {
            // What a registered upstream runs is nobody's word but its own: no receipt names a model for it.
            self.said = None;
        }
        if let Some(said) = &mut self.said {
            said.at(place.replica.site);
        }
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

    /// Keeps what is asked and answered, if somebody wants it.
    pub(crate) fn keep(&mut self, draft: Option<Box<Draft>>) {
        self.draft = draft;
    }

    /// Takes the data of an event as the engine has written it and the guardrails have let it pass.
    pub(crate) fn heard_event(&mut self, data: &[u8]) {
        if self.draft.is_some() && data != b"[DONE]" {
            self.draft = self.draft.take().and_then(|draft| draft.event(data));
        }
    }

    /// The same of a whole answer.
    pub(crate) fn heard_whole(&mut self, body: &[u8]) {
        self.draft = self.draft.take().and_then(|draft| draft.whole(body));
    }

    /// Counts one chunk that carries output.
    pub(crate) fn delta(&mut self) {
        self.deltas = self.deltas.saturating_add(1);
        self.pace.chunk(self.meter.metrics());
    }

    /// Counts chunks that came and were held back until the end, unless the engine told its figures.
    pub(crate) fn unshown(&mut self, (deltas, usage): (u64, Option<Usage>)) {
        self.deltas = self.deltas.saturating_add(deltas);
        self.usage = self.usage.or(usage);
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
        self.observe(end, (usage.prompt_tokens, usage.completion_tokens, estimated));
        let said = self.said.take().filter(|_| end != End::Failed);
        let at = self.meter.now();
        if let Some(draft) = self.draft.take().filter(|_| end != End::Failed) {
            let tokens = (usage.prompt_tokens, usage.completion_tokens);
            let (key, endpoint, complete) = (self.caller.key, self.endpoint, !error);
            draft.finish(Facts { key, endpoint, at, complete, tokens });
        }
        let at_ms = at.0.div_euclid(1_000);
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

    /// Looks at an answer that came whole, and asks services about it. What was generated is billed, shown or not.
    ///
    /// # Errors
    /// 400 when a guardrail refuses it, 503 when a service must be asked and cannot.
    pub(crate) async fn checked(
        &mut self,
        body: Vec<u8>,
        (checks, context): (&Checks, Option<&Context>),
    ) -> Result<Vec<u8>, ApiError> {
        let told = usage_of(&body);
        let mut answered = checks.answer(body).map_err(Stopped::Refused);
        if let (Ok((body, before)), Some(context)) = (&mut answered, context) {
            let body = std::mem::take(body);
            self.seen.hit(std::mem::take(before));
            answered = checks.ask_answer(body, context).await;
        }
        match answered {
            Ok((body, hits)) => {
                self.seen.hit(hits);
                Ok(body)
            }
            Err(stopped) => {
                self.usage = told.or(self.usage);
                self.stopped(&stopped);
                self.settle(End::Complete);
                Err(stopped.into())
            }
        }
    }

    /// Notes that a rule lets it go no further.
    pub(crate) fn stopped(&mut self, stopped: &Stopped) {
        self.in_band_error = true;
        self.seen.stopped(stopped);
    }

    /// Notes what matched and passed.
    pub(crate) fn hit(&mut self, hits: Hits) {
        self.seen.hit(hits);
    }

    fn observe(&mut self, end: End, tokens: (u64, u64, bool)) {
        self.seen.settled(tokens, &mut self.pace);
        match end {
            End::Broken => self.seen.failed(FailureKind::StreamBroken),
            End::Complete if self.in_band_error => self.seen.failed(FailureKind::Upstream),
            End::Complete | End::Failed => {}
        }
    }
}

/// What a whole answer says was used.
fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Told {
        usage: Option<Usage>,
    }
    serde_json::from_slice::<Told>(body).ok().and_then(|told| told.usage)
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !self.settled {
            // Whoever holds it settles it; if it is dropped instead, its client is gone.
            self.seen.failed(FailureKind::ClientLeft);
        }
        self.settle(End::Broken);
    }
}
