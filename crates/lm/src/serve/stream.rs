//! From the engine's events to an answer, whole or as server-sent events.
//!
//! Nothing is held that is not needed: a stream's chunks leave as their events come.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    answer::{Envelope, Kind},
    engine::{Done, Event},
    error::ApiError,
    ratings,
};
use crate::{rate::Rated, tokenizer::TextTokenizer};

/// An answer that is on its way.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) envelope: Envelope,
    pub(super) tokenizer: Arc<TextTokenizer>,
    pub(super) events: mpsc::Receiver<(usize, Event)>,
    /// The prompts' texts where the answers begin with them, one for each choice.
    pub(super) echoes: Vec<String>,
}

/// One choice as it grows.
#[derive(Debug, Clone, Default)]
struct Choice {
    text: String,
    /// Its tokens, those of an echoed prompt first.
    rated: Vec<(u32, Option<Rated>)>,
    done: Option<Done>,
}

impl Incoming {
    /// Waits for the end of all choices.
    pub(super) async fn whole(mut self, count: usize) -> Result<Value, ApiError> {
        let mut choices = vec![Choice::default(); count];
        for (choice, echo) in choices.iter_mut().zip(&self.echoes) {
            choice.text.push_str(echo);
        }
        while let Some((index, event)) = self.events.recv().await {
            let Some(choice) = choices.get_mut(index) else { continue };
            match event {
                Event::Prompt(rated) => choice.rated = rated,
                Event::Text(text, rated) => {
                    choice.text.push_str(&text);
                    choice.rated.extend(rated.map(|rated| (rated.token, Some(rated))));
                }
                Event::Done(done) => choice.done = Some(done),
                Event::Failed(message) => return Err(ApiError::internal(message)),
            }
        }
        let finished = choices.into_iter().map(|Choice { text, rated, done }| {
            let ratings = self.ratings(&rated, &mut 0);
            done.map(|done| (text, ratings, done))
        });
        let finished: Option<Vec<(String, Value, Done)>> = finished.collect();
        let finished = finished.ok_or_else(|| {
            ApiError::internal("the engine stopped before the answer was complete")
        })?;
        Ok(self.envelope.whole(&finished))
    }

    /// What is told of tokens; null where nothing was asked.
    fn ratings(&self, tokens: &[(u32, Option<Rated>)], offset: &mut usize) -> Value {
        if tokens.is_empty() {
            return Value::Null;
        }
        match self.envelope.kind {
            Kind::Chat => {
                let rated: Vec<Rated> = tokens.iter().filter_map(|(_, r)| r.clone()).collect();
                ratings::chat(&self.tokenizer, &rated)
            }
            Kind::Completion => {
                let tokens = tokens.iter().map(|(token, rated)| (*token, rated.as_ref()));
                ratings::completion(&self.tokenizer, tokens, offset)
            }
        }
    }

    /// The answer as server-sent events.
    pub(super) fn streamed(self, count: usize) -> Response {
        let chunks = stream::unfold(Stream::new(self, count), |mut stream| async move {
            let chunk = stream.next().await?;
            Some((Ok::<Bytes, Infallible>(chunk), stream))
        });
        let mut response = Response::new(Body::from_stream(chunks));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// An answer on its way out as server-sent events.
struct Stream {
    incoming: Incoming,
    /// Choices that have not ended.
    open: usize,
    generated: usize,
    /// Characters of each choice's tokens so far, for their offsets.
    offsets: Vec<usize>,
    /// Chunks that are ready, last one first.
    ready: Vec<Bytes>,
    over: bool,
}

impl Stream {
    fn new(incoming: Incoming, count: usize) -> Self {
        let openings = (0..count).rev().flat_map(|index| {
            let echo = incoming.echoes.get(index);
            let echo = echo.map(|echo| incoming.envelope.text(index, echo, &Value::Null));
            echo.into_iter().chain(incoming.envelope.opening(index))
        });
        let ready = openings.map(|chunk| frame(&chunk)).collect();
        Self { incoming, open: count, generated: 0, offsets: vec![0; count], ready, over: false }
    }

    /// The next chunk; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop() {
                return Some(chunk);
            }
            if self.over {
                return None;
            }
            let event = self.incoming.events.recv().await;
            self.take(event);
        }
    }

    /// Turns an event into chunks, last one first, because they are popped.
    fn take(&mut self, event: Option<(usize, Event)>) {
        match event {
            Some((index, Event::Prompt(rated))) => self.say(index, "", &rated),
            Some((index, Event::Text(text, rated))) => {
                let rated: Vec<_> = rated.map(|r| (r.token, Some(r))).into_iter().collect();
                self.say(index, &text, &rated);
            }
            Some((index, Event::Done(done))) => {
                let envelope = &self.incoming.envelope;
                self.open = self.open.saturating_sub(1);
                self.generated += done.tokens;
                if self.open == 0 {
                    self.over = true;
                    self.ready.push(Bytes::from_static(b"data: [DONE]\n\n"));
                    self.ready.extend(envelope.closing(self.generated).map(|c| frame(&c)));
                }
                self.ready.push(frame(&envelope.end(index, done)));
            }
            Some((_, Event::Failed(message))) => self.fail(message),
            None => self.fail("the engine stopped before the answer was complete".to_owned()),
        }
    }

    fn say(&mut self, index: usize, text: &str, rated: &[(u32, Option<Rated>)]) {
        let mut unknown = 0;
        let offset = self.offsets.get_mut(index).unwrap_or(&mut unknown);
        let ratings = self.incoming.ratings(rated, offset);
        self.ready.push(frame(&self.incoming.envelope.text(index, text, &ratings)));
    }

    fn fail(&mut self, message: String) {
        self.over = true;
        self.ready.push(frame(&ApiError::internal(message).body()));
    }
}

fn frame(chunk: &Value) -> Bytes {
    Bytes::from(format!("data: {chunk}\n\n"))
}
