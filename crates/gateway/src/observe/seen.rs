//! What is observed of one request, from its first byte to the last of its answer.
//!
//! Two hold it: the handler until the answer's head is made, and the count of its tokens until the stream is
//! over. With the later of the two it is published, whatever way the request ended. It never holds a word of
//! what was asked or answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, StatusCode};
use units::{Id, kinds};

use super::failure::FailureKind;
use super::histogram::{TOKEN_GAP, Tallied, micros};
use super::tenants::TenantSums;
use super::trace::Traced;
use crate::call::{Call, Operation};
use crate::directory::Caller;
use crate::error::ApiError;
use crate::guard::{Hits, Stopped};
use crate::metrics::Metrics;

/// A stream's gaps are made visible after so many, so that a very long one does not hide for an hour.
const GAPS_HELD_MAX: u32 = 1_024;

/// One request under observation.
#[derive(Debug)]
pub(crate) struct Seen {
    metrics: Arc<Metrics>,
    started: Instant,
    call: Call,
    traced: Option<Traced>,
    facts: Mutex<Facts>,
}

/// What becomes known on the way.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The request's id.
    pub(crate) request_id: Option<HeaderValue>,
    /// Project and key of who asks.
    pub(crate) caller: Option<(Id<kinds::Project>, Id<kinds::Key>)>,
    /// Where it went.
    pub(crate) endpoint: Option<Id<kinds::Endpoint>>,
    /// The public name of the model; only of one that exists, since a client may write anything there.
    pub(crate) model: String,
    /// Where the replica stands.
    pub(crate) site: Option<Id<kinds::Site>>,
    /// The answer's status; `None` if the client left before.
    pub(crate) status: Option<StatusCode>,
    /// Whether events were asked for.
    pub(crate) is_stream: bool,
    /// Why it failed.
    pub(crate) failure: Option<FailureKind>,
    /// Texts in which guardrails replaced something.
    pub(crate) redacted: u64,
    /// Matches of guardrails that only report.
    pub(crate) reported: u64,
    /// From arrival until it was let in.
    pub(crate) queue_us: Option<u64>,
    /// From arrival until it was sent, and then until the head of the answer.
    pub(crate) upstream: Option<(u64, u64)>,
    /// From arrival to the first token of a stream.
    pub(crate) first_token_us: Option<u64>,
    /// Tokens read and written, and whether they are estimated.
    pub(crate) tokens: Option<(u64, u64, bool)>,
}

/// A request that is over.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    /// What was asked for.
    pub(crate) call: Call,
    /// From arrival to the last byte.
    pub(crate) duration_us: u64,
    /// Its place in a trace.
    pub(crate) traced: Option<&'a Traced>,
    /// Everything else.
    pub(crate) facts: &'a Facts,
}

/// The pace of one stream.
#[derive(Debug)]
pub(crate) struct Pace {
    operation: Operation,
    started: Instant,
    first: Option<Instant>,
    last: Instant,
    chunks: u32,
    gaps: Tallied,
}

impl Pace {
    /// One more chunk that carries output has come; tells whether it was the first.
    pub(crate) fn chunk(&mut self, metrics: &Metrics) {
        let now = Instant::now();
        if self.first.is_none() {
            self.first = Some(now);
            metrics.figures.first_token.note(self.operation, micros(now - self.started));
        } else {
            self.gaps.note(TOKEN_GAP, micros(now.saturating_duration_since(self.last)));
            if self.gaps.count() >= GAPS_HELD_MAX {
                metrics.figures.token_gap.add(&mut self.gaps);
            }
        }
        self.last = now;
        self.chunks = self.chunks.saturating_add(1);
    }

    fn settle(&mut self, metrics: &Metrics) -> Option<u64> {
        let first = self.first?;
        if self.gaps.count() > 0 {
            metrics.figures.token_gap.add(&mut self.gaps);
        }
        if let Some(mean) = micros(self.last - first).checked_div(u64::from(self.chunks) - 1) {
            metrics.figures.per_token.note(self.operation, mean);
        }
        Some(micros(first - self.started))
    }
}

impl Seen {
    /// A request has arrived.
    pub(crate) fn begin(metrics: &Arc<Metrics>, call: Call, headers: &HeaderMap) -> Arc<Self> {
        let traced = metrics.figures.tracer.get().map(|tracer| tracer.place(headers));
        Arc::new(Self {
            metrics: Arc::clone(metrics),
            started: Instant::now(),
            call,
            traced,
            facts: Mutex::default(),
        })
    }

    fn note(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn since(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Who asks is known.
    pub(crate) fn asked_by(&self, caller: &Caller) {
        self.note(|facts| facts.caller = Some((caller.project, caller.key)));
    }

    /// It has waited for a replica to wake and for its place in the line, if it had to, and is sent next.
    pub(crate) fn admitted(&self) {
        let queue_us = self.since();
        self.metrics.figures.queue_wait.note(queue_us);
        self.note(|facts| facts.queue_us = Some(queue_us));
    }

    /// Where it goes is known: to this endpoint, or to one of its canaries or fallbacks.
    pub(crate) fn routed(&self, endpoint: Id<kinds::Endpoint>, model: &str, is_stream: bool) {
        self.note(|facts| {
            facts.endpoint = Some(endpoint);
            model.clone_into(&mut facts.model);
            facts.is_stream = is_stream;
        });
    }

    /// It was sent at `since`, and a replica has begun to answer.
    pub(crate) fn answering(
        &self,
        sent: Instant,
        (endpoint, site): (Id<kinds::Endpoint>, Option<Id<kinds::Site>>),
    ) {
        let sent_us = micros(sent.saturating_duration_since(self.started));
        let wait_us = self.since().saturating_sub(sent_us);
        self.metrics.figures.upstream_wait.note(wait_us);
        self.note(|facts| {
            facts.upstream = Some((sent_us, wait_us));
            facts.endpoint = Some(endpoint);
            facts.site = site;
        });
    }

    /// The head of the answer is made.
    pub(crate) fn answered(&self, status: StatusCode, request_id: Option<&HeaderValue>) {
        self.note(|facts| {
            facts.status = Some(status);
            // A status says more than that the count was dropped on the way to it; less than a guardrail.
            if facts.failure != Some(FailureKind::ContentFilter) {
                facts.failure = FailureKind::of(status).or(facts.failure);
            }
            if facts.request_id.is_none() {
                facts.request_id = request_id.cloned();
            }
        });
    }

    /// It failed for a reason that its status does not tell; the first one counts.
    pub(crate) fn failed(&self, kind: FailureKind) {
        self.note(|facts| facts.failure = facts.failure.or(Some(kind)));
    }

    /// Rules have looked at what was asked, or services have been asked about it.
    pub(crate) fn checked(&self, checked: Result<Hits, Stopped>) -> Result<(), ApiError> {
        let hits = checked.map_err(|stopped| {
            self.stopped(&stopped);
            ApiError::from(stopped)
        })?;
        self.hit(hits);
        Ok(())
    }

    /// A rule lets it go no further.
    pub(crate) fn stopped(&self, stopped: &Stopped) {
        self.failed(match stopped {
            Stopped::Refused(_) => FailureKind::ContentFilter,
            Stopped::Unavailable(_) => FailureKind::Unavailable,
        });
    }

    /// Guardrails have matched and let pass.
    pub(crate) fn hit(&self, hits: Hits) {
        if hits != Hits::default() {
            self.metrics.figures.redacted.add(hits.redacted);
            self.metrics.figures.reported.add(hits.reported);
            self.note(|facts| {
                facts.redacted = facts.redacted.saturating_add(hits.redacted);
                facts.reported = facts.reported.saturating_add(hits.reported);
            });
        }
    }

    /// Its tokens are counted.
    pub(crate) fn settled(&self, tokens: (u64, u64, bool), pace: &mut Pace) {
        let first_token_us = pace.settle(&self.metrics);
        self.note(|facts| {
            facts.tokens = Some(tokens);
            facts.first_token_us = first_token_us;
        });
    }

    /// Begins to watch its stream.
    pub(crate) fn pace(&self) -> Pace {
        let (started, gaps) = (self.started, Tallied::default());
        let operation = self.call.operation();
        Pace { operation, started, first: None, last: started, chunks: 0, gaps }
    }

    /// What a replica is told of the trace: `traceparent`, and `tracestate` if there is one.
    pub(crate) fn trace_headers(&self) -> Option<(String, Option<HeaderValue>)> {
        self.traced.as_ref().map(|traced| (traced.onward(), traced.state.clone()))
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let duration_us = self.since();
        let figures = &self.metrics.figures;
        let facts = self.facts.get_mut().unwrap_or_else(PoisonError::into_inner);
        if facts.status.is_none() {
            facts.failure = Some(FailureKind::ClientLeft);
        }
        figures.duration.note(self.call.operation(), duration_us);
        if let Some(kind) = facts.failure {
            figures.failed(kind);
        }
        if let Some(caller) = facts.caller {
            let (prompt_tokens, completion_tokens, _) = facts.tokens.unwrap_or_default();
            let is_refused = facts.failure == Some(FailureKind::ContentFilter);
            let sums = TenantSums {
                requests: 1,
                errors: u64::from(facts.failure.is_some()),
                refused: u64::from(is_refused),
                redacted: facts.redacted,
                reported: facts.reported,
                prompt_tokens,
                completion_tokens,
                duration_us,
                streams: u64::from(facts.first_token_us.is_some()),
                first_token_us: facts.first_token_us.unwrap_or(0),
            };
            figures.tenants.add(caller, facts.endpoint, &facts.model, &sums);
        }
        let traced = self.traced.as_ref();
        let finished = Finished { call: self.call, duration_us, traced, facts };
        if let Some(log) = figures.access_log.get() {
            log.take(&finished);
        }
        if let Some(tracer) = figures.tracer.get() {
            tracer.take(&finished);
        }
    }
}

/// A duration in milliseconds with three decimals, as JSON writes numbers.
pub(crate) fn millis(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64() * 1_000.0
}
