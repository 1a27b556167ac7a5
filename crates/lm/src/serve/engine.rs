//! The thread that owns the model: continuous batching of all sequences in flight.
//!
//! New sequences join between steps, in the order in which they came; a sequence whose client has gone is
//! dropped before the next step. Nothing here may wait for a client.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{metrics::Metrics, text::TextStream};
use crate::{
    generate::{Sampling, Sequence, advance},
    model::{Model, decode::Decoder},
    tokenizer::TextTokenizer,
};

/// One prompt to be answered.
#[derive(Debug)]
pub(super) struct Job {
    /// Which prompt of its request this is.
    pub(super) index: usize,
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) answer_tokens_max: usize,
    pub(super) stops: Vec<String>,
    /// Must have room for every event: one per token, one for held text, one for the end.
    pub(super) events: mpsc::Sender<(usize, Event)>,
}

/// What happens to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// More text.
    Text(String),
    /// The end.
    Done(Done),
    /// The engine could not go on.
    Failed(String),
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    /// OpenAI's `finish_reason`: `stop` or `length`.
    pub(super) reason: &'static str,
    /// Tokens generated, the end token included.
    pub(super) tokens: usize,
}

#[derive(Debug)]
struct Active {
    job: Job,
    sequence: Sequence,
    text: TextStream,
    tokens: usize,
}

/// The model with everything that is in flight.
#[derive(Debug)]
pub(super) struct Engine {
    model: Model,
    tokenizer: Arc<TextTokenizer>,
    jobs: mpsc::Receiver<Job>,
    batch_max: usize,
    metrics: Arc<Metrics>,
    active: Vec<Active>,
    decoder: Decoder,
}

impl Engine {
    pub(super) fn new(
        model: Model,
        tokenizer: Arc<TextTokenizer>,
        jobs: mpsc::Receiver<Job>,
        batch_max: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (active, decoder) = (Vec::new(), Decoder::default());
        Self { model, tokenizer, jobs, batch_max, metrics, active, decoder }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while self.admit() {
            self.active.retain(|active| !active.job.events.is_closed());
            self.metrics.set_active(self.active.len());
            if !self.active.is_empty() {
                self.step();
            }
        }
        self.metrics.set_active(0);
    }

    /// Takes waiting jobs into free places; waits only when idle. False when there is nothing left to do.
    fn admit(&mut self) -> bool {
        while self.active.len() < self.batch_max {
            let job = if self.active.is_empty() {
                match self.jobs.blocking_recv() {
                    Some(job) => job,
                    None => return false,
                }
            } else {
                match self.jobs.try_recv() {
                    Ok(job) => job,
                    Err(_) => return true,
                }
            };
            let sequence = Sequence::new(&self.model, job.prompt.clone(), job.sampling);
            self.metrics.add_prompt_tokens(job.prompt.len());
            let text = TextStream::new(job.stops.clone());
            self.active.push(Active { job, sequence, text, tokens: 0 });
        }
        true
    }

    fn step(&mut self) {
        let Self { model, tokenizer, active, decoder, .. } = self;
        let mut sequences: Vec<&mut Sequence> =
            active.iter_mut().map(|active| &mut active.sequence).collect();
        let drawn = advance(model, decoder, &mut sequences, tokenizer.len());
        self.metrics.add_step(drawn.len());
        let mut drawn = drawn.into_iter();
        active.retain_mut(|active| {
            let Some(token) = drawn.next() else { return true };
            active.take(model, tokenizer, token)
        });
    }
}

impl Active {
    /// Takes a token; false when the answer has ended.
    fn take(&mut self, model: &Model, tokenizer: &TextTokenizer, token: u32) -> bool {
        self.tokens += 1;
        let ended = model.config().eos_token_ids.contains(&token);
        let full =
            self.tokens >= self.job.answer_tokens_max || self.sequence.len() > model.context();
        let piece = if ended {
            self.text.finish(tokenizer)
        } else {
            let piece = self.text.push(tokenizer, token);
            match piece {
                Ok(piece) if full && !piece.stopped => {
                    self.text.finish(tokenizer).map(|mut last| {
                        last.text.insert_str(0, &piece.text);
                        last
                    })
                }
                other => other,
            }
        };
        match piece {
            Ok(piece) => {
                if !piece.text.is_empty() {
                    self.send(Event::Text(piece.text));
                }
                let stopped = ended || piece.stopped;
                if stopped || full {
                    let reason = if stopped { "stop" } else { "length" };
                    self.send(Event::Done(Done { reason, tokens: self.tokens }));
                }
                !(stopped || full)
            }
            Err(error) => {
                self.send(Event::Failed(error.to_string()));
                false
            }
        }
    }

    fn send(&self, event: Event) {
        // The channel has room for every event; it refuses only when the client has gone.
        let _ = self.job.events.try_send((self.job.index, event));
    }
}

#[cfg(test)]
mod tests;
