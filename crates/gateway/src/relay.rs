//! A stream on its way from a replica to a client, one piece at a time.
//!
//! INVARIANT: holds at most one unfinished event; the next piece is read only when the client has
//! taken the last (so a slow client slows the engine, not our memory). Dropping the relay closes
//! the connection to the replica, which tells engines to stop generating.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::backend::Flow;
use crate::balance::Outstanding;
use crate::error::ApiError;
use crate::guard::{Gate, Screen, Stopped};
use crate::metrics::{InFlight, Metrics};
use crate::silence::Silence;
use crate::sse::Item;
use crate::sse::cut::Cutter;
use crate::surface::Reshaper;
use crate::tally::{End, Tally};
use crate::translate::{Names, Translator, Verdict};

/// What is held for as long as a request is being answered.
#[derive(Debug)]
pub(crate) struct Held {
    /// The gauge.
    pub(crate) _in_flight: InFlight,
    /// The replica's load.
    pub(crate) outstanding: Outstanding,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Relay {
    upstream: Flow,
    screen: Option<Box<Screen>>,
    gate: Option<Box<Gate>>,
    cutter: Cutter,
    translator: Translator,
    held: Held,
    silence: Silence,
    is_over: bool,
    /// Nothing more comes from the replica, though a service may still be asked about what came.
    has_ended: bool,
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(screen) = &self.screen {
            self.translator.tally.hit(screen.hits);
        }
        self.count_unshown();
        if let Some(gate) = &self.gate {
            self.translator.tally.hit(gate.hits);
        }
    }
}

/// What a relay is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The replica's body.
    pub(crate) upstream: Flow,
    /// What looks at the answer, if anything does.
    pub(crate) screen: Option<Box<Screen>>,
    /// What asks services about the answer, after that.
    pub(crate) gate: Option<Box<Gate>>,
    /// Largest event in bytes.
    pub(crate) event_bytes_max: usize,
    /// Longest silence.
    pub(crate) idle: Duration,
    /// The count.
    pub(crate) tally: Tally,
    /// Given back at the end.
    pub(crate) held: Held,
    /// What the client knows the answer by.
    pub(crate) names: Names,
    /// Whether the client asked for usage.
    pub(crate) include_usage: bool,
    /// What makes the client's events of the engine's, if they differ.
    pub(crate) reshaper: Option<Reshaper>,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
}

impl Relay {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { upstream, event_bytes_max, idle, tally, held, names, .. } = parts;
        let Parts { include_usage, reshaper, screen, gate, metrics, .. } = parts;
        Self {
            upstream,
            screen,
            gate,
            cutter: Cutter::new(event_bytes_max),
            translator: Translator { tally, names, include_usage, reshaper, metrics },
            held,
            silence: Silence::new(idle, None),
            is_over: false,
            has_ended: false,
        }
    }

    /// Whether nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next piece for the client.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.is_over {
            if self.gate.as_ref().is_some_and(|gate| gate.is_asking()) {
                let out = std::task::ready!(self.poll_gate(cx));
                if !out.is_empty() {
                    return Poll::Ready(Some(Bytes::from(out)));
                }
                continue;
            }
            let Self { upstream, screen, gate, cutter, translator, .. } = self;
            let (mut out, mut verdict) = (Vec::new(), Verdict::GoesOn);
            let mut refused = None;
            let read = upstream.poll_pieces(cx, |piece| {
                if let (Some(screen), None) = (&mut *screen, &refused) {
                    let mut passed = Vec::with_capacity(piece.len());
                    refused = screen.pass(piece, &mut passed).err();
                    if let Some(gate) = gate {
                        gate.take(&passed);
                    } else if verdict == Verdict::GoesOn {
                        verdict = translator.digest(cutter, &passed, &mut out);
                    }
                } else if verdict == Verdict::GoesOn && refused.is_none() {
                    // An id is longer than what engines give; a few events fit without growing.
                    out.reserve(piece.len().saturating_add(piece.len() / 4));
                    verdict = translator.digest(cutter, piece, &mut out);
                }
            });
            if let Some(refused) = refused.filter(|_| verdict == Verdict::GoesOn) {
                self.stop(Stopped::Refused(refused), &mut out);
                return Poll::Ready(Some(Bytes::from(out)));
            }
            match read {
                Poll::Pending => {
                    if self.silence.is_too_long(cx) {
                        self.fail("the model's server fell silent", &mut out);
                    } else {
                        return Poll::Pending;
                    }
                }
                Poll::Ready(None) => self.end_of_body(&mut out),
                Poll::Ready(Some(Err(_))) => self.fail("the model's server broke off", &mut out),
                Poll::Ready(Some(Ok(()))) => {
                    if let Some(gate) = &mut self.gate {
                        let ready = gate.turn(false);
                        verdict = self.translator.digest(&mut self.cutter, &ready, &mut out);
                    }
                    self.judge(verdict, &mut out);
                }
            }
            self.silence.heard();
            if !out.is_empty() {
                return Poll::Ready(Some(Bytes::from(out)));
            }
        }
        Poll::Ready(None)
    }

    fn judge(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        if self.translator.tally.has_begun() {
            self.held.outstanding.begun();
        }
        match verdict {
            Verdict::GoesOn => {}
            Verdict::Done => {
                // Whatever comes or does not come after `[DONE]` changes nothing any more.
                self.upstream.leave();
                self.is_over = true;
            }
            Verdict::TooLong => {
                tracing::warn!(replica = %self.held.outstanding.replica.address, "stream given up");
                self.fail("the model's server sent an oversized event", out);
            }
        }
    }

    /// The replica's body ended without `[DONE]`: fine only if the usage chunk came, which is last.
    fn end_of_body(&mut self, out: &mut Vec<u8>) {
        if let Some(screen) = &mut self.screen {
            let mut rest = Vec::new();
            if let Err(refused) = screen.finish(&mut rest) {
                return self.stop(Stopped::Refused(refused), out);
            }
            if let Some(gate) = &mut self.gate {
                gate.take(&rest);
                rest = gate.turn(true);
                self.has_ended = true;
            }
            self.translator.digest(&mut self.cutter, &rest, out);
        }
        if !self.gate.as_ref().is_some_and(|gate| gate.is_asking()) {
            self.ended(out);
        }
    }

    /// Ends the stream as its replica did.
    fn ended(&mut self, out: &mut Vec<u8>) {
        if !self.translator.tally.has_usage() {
            return self.fail("the model's server ended the stream early", out);
        }
        let from = out.len();
        self.translator.finish(out);
        self.translator.tally.say(out.get(from..).unwrap_or_default());
        self.translator.tally.settle(End::Complete);
        self.is_over = true;
    }

    /// Waits for a service that is asked about the answer; gives what the client gets next.
    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        let mut out = Vec::new();
        let Some(gate) = &mut self.gate else { return Poll::Ready(out) };
        let answered = std::task::ready!(gate.poll(cx));
        // The replica was not asked for more meanwhile.
        self.silence.heard();
        self.upstream.rested();
        match answered {
            Ok(shown) => {
                let verdict = self.translator.digest(&mut self.cutter, &shown, &mut out);
                self.judge(verdict, &mut out);
                if self.has_ended && !self.is_over {
                    self.ended(&mut out);
                }
            }
            Err(stopped) => self.stop(stopped, &mut out),
        }
        Poll::Ready(out)
    }

    /// Ends the stream because a rule refuses the answer, or a service cannot be asked about it; what was
    /// generated is billed.
    fn stop(&mut self, stopped: Stopped, out: &mut Vec<u8>) {
        self.translator.tally.stopped(&stopped);
        self.end(&ApiError::from(stopped), out);
    }

    /// Ends the stream with an error event.
    fn fail(&mut self, message: &str, out: &mut Vec<u8>) {
        tracing::warn!(replica = %self.held.outstanding.replica.address, message, "stream broken");
        self.translator.metrics.upstream_errors.add(1);
        self.end(&ApiError::bad_gateway(message), out);
    }

    /// What was generated and is not shown is billed.
    fn count_unshown(&mut self) {
        if let Some(gate) = &mut self.gate {
            self.translator.tally.unshown(gate.take_unshown());
        }
    }

    fn end(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.count_unshown();
        let envelope = error.envelope().to_string();
        let from = out.len();
        Item::Event { name: Vec::new(), data: envelope.into_bytes() }.write(out);
        self.translator.tally.say(out.get(from..).unwrap_or_default());
        self.translator.tally.settle(End::Broken);
        self.is_over = true;
    }
}
