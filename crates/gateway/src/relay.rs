//! A stream on its way from a replica to a client, one piece at a time.
//!
//! INVARIANT: holds at most one unfinished event; the next piece is read only when the client has
//! taken the last (so a slow client slows the engine, not our memory). Dropping the relay closes
//! the connection to the replica, which tells engines to stop generating.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;

use crate::answer;
use crate::backend::Flow;
use crate::balance::Outstanding;
use crate::error::ApiError;
use crate::json::{Fields, is_empty_array};
use crate::limit::Permit;
use crate::metrics::InFlight;
use crate::sse::{Item, Parser};
use crate::tally::{End, Tally};

/// How long to wait for a replica's end of body after `[DONE]`, so that the connection is reused.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// What is held for as long as a request is being answered.
#[derive(Debug)]
pub(crate) struct Held {
    /// The key's place.
    pub(crate) _permit: Permit,
    /// The gauge.
    pub(crate) _in_flight: InFlight,
    /// The replica's load.
    pub(crate) outstanding: Outstanding,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Relay {
    /// The replica's body.
    pub(crate) upstream: Flow,
    /// The reader of events.
    pub(crate) parser: Parser,
    /// The count.
    pub(crate) tally: Tally,
    /// Given back at the end.
    pub(crate) held: Held,
    /// The public model name as JSON.
    pub(crate) model_json: String,
    /// The answer's id as JSON.
    pub(crate) id_json: String,
    /// Whether the client asked for usage.
    pub(crate) include_usage: bool,
    /// Longest silence.
    pub(crate) idle: Duration,
    /// When the request arrived.
    pub(crate) started: Instant,
    /// Where the stream stands.
    pub(crate) stage: Stage,
    /// Counters.
    pub(crate) metrics: std::sync::Arc<crate::metrics::Metrics>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Events are being passed on.
    Reading,
    /// `[DONE]` was passed on; only the replica's end of body is outstanding.
    Draining,
    /// Nothing follows.
    Ended,
}

impl Relay {
    /// The relay as a response body.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(Box::new(self), |mut relay| async move {
            let piece = relay.next().await?;
            Some((Ok::<_, Infallible>(piece), relay))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.stage {
                Stage::Ended => return None,
                Stage::Draining => {
                    self.stage = Stage::Ended;
                    // Whatever comes or does not come after `[DONE]` changes nothing any more.
                    let _ = tokio::time::timeout(DRAIN_MAX, self.upstream.frame()).await;
                    return None;
                }
                Stage::Reading => {}
            }
            let frame = tokio::time::timeout(self.idle, self.upstream.frame()).await;
            let out = match frame {
                Err(_) => self.fail("the model's server fell silent"),
                Ok(Some(Err(_))) => self.fail("the model's server broke off"),
                Ok(None) => return self.end_of_body(),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.digest(&data),
                    Err(_) => continue,
                },
            };
            if !out.is_empty() {
                return Some(Bytes::from(out));
            }
        }
    }

    /// Translates what a piece completes.
    fn digest(&mut self, piece: &[u8]) -> Vec<u8> {
        let (mut items, mut out) = (Vec::new(), Vec::with_capacity(piece.len()));
        let pushed = self.parser.push(piece, &mut items);
        for item in &items {
            match item {
                Item::Event { data, .. } if data.as_slice() == b"[DONE]" => {
                    item.write(&mut out);
                    self.tally.say(&out);
                    // The record is on its way to disk before the client can see the end.
                    self.tally.settle(End::Complete);
                    self.stage = Stage::Draining;
                    return out;
                }
                Item::Event { name, data } => self.translate(name, data, &mut out),
                Item::Comment(_) => item.write(&mut out),
            }
        }
        self.tally.say(&out);
        if let Err(error) = pushed {
            tracing::warn!(%error, replica = %self.held.outstanding.replica.address, "stream given up");
            out.extend(self.fail("the model's server sent an oversized event"));
        }
        out
    }

    /// Counts one event and writes what the client may see of it.
    fn translate(&mut self, name: &[u8], data: &[u8], out: &mut Vec<u8>) {
        let Ok(mut fields) = Fields::parse(data) else {
            Item::Event { name: name.to_vec(), data: data.to_vec() }.write(out);
            return;
        };
        if let Some(usage) = answer::usage(&fields) {
            self.tally.usage(usage);
        }
        if fields.get("error").is_some() {
            self.tally.in_band_error();
        }
        let choices = fields.get("choices");
        let without_output = choices.is_some_and(is_empty_array);
        if choices.is_some() && !without_output && self.tally.delta() {
            self.metrics.first_token(self.started.elapsed());
        }
        if !self.include_usage {
            if without_output && fields.get("usage").is_some() {
                return;
            }
            // With usage asked for, every other chunk says `"usage":null`.
            if fields.get("usage").is_none() {
                fields.remove("usage");
            }
        }
        if fields.has("model") {
            fields.set("model", self.model_json.clone());
        }
        if fields.has("id") || fields.has("choices") {
            fields.set("id", self.id_json.clone());
        }
        Item::Event { name: name.to_vec(), data: fields.to_json().into_bytes() }.write(out);
    }

    /// The replica's body ended without `[DONE]`: fine only if the usage chunk came, which is last.
    fn end_of_body(&mut self) -> Option<Bytes> {
        if self.tally.has_usage() {
            let done = b"data: [DONE]\n\n";
            self.tally.say(done);
            self.tally.settle(End::Complete);
            self.stage = Stage::Ended;
            return Some(Bytes::from_static(done));
        }
        Some(Bytes::from(self.fail("the model's server ended the stream early")))
    }

    /// Ends the stream with an error event.
    fn fail(&mut self, message: &str) -> Vec<u8> {
        tracing::warn!(replica = %self.held.outstanding.replica.address, message, "stream broken");
        self.metrics.upstream_errors.add(1);
        let envelope = ApiError::bad_gateway(message).envelope().to_string();
        let mut out = Vec::new();
        Item::Event { name: Vec::new(), data: envelope.into_bytes() }.write(&mut out);
        self.tally.say(&out);
        self.tally.settle(End::Broken);
        self.stage = Stage::Ended;
        out
    }
}
