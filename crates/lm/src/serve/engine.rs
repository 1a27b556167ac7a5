//! The thread that owns the model: continuous batching of all sequences in flight.
//!
//! New sequences join between steps, in the order in which they came; a sequence whose client has gone is
//! dropped before the next step. Nothing here may wait for a client.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{metrics::Metrics, text::TextStream};
use crate::{
    generate::{Drawn, Sampling, Sequence, advance},
    model::{
        Model,
        decode::{Cache, Decoder, Feed},
    },
    rate::Rated,
    tokenizer::TextTokenizer,
};

/// What the engine is given to do.
#[derive(Debug)]
pub(super) enum Work {
    /// A prompt to be answered.
    Answer(Job),
    /// A text to be turned into a vector.
    Embed(Embedding),
}

impl Work {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Answer(job) => !job.events.is_closed(),
            Self::Embed(embedding) => !embedding.vectors.is_closed(),
        }
    }
}

/// One text to be turned into a vector.
#[derive(Debug)]
pub(super) struct Embedding {
    /// Which text of its request this is.
    pub(super) index: usize,
    pub(super) tokens: Vec<u32>,
    /// Must have room for one vector of each text.
    pub(super) vectors: mpsc::Sender<(usize, Vec<f32>)>,
}

/// One prompt to be answered.
#[derive(Debug)]
pub(super) struct Job {
    /// Which prompt of its request this is.
    pub(super) index: usize,
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) answer_tokens_max: usize,
    pub(super) stops: Vec<String>,
    /// How many alternatives to each token are told; `None` rates nothing.
    pub(super) alternatives: Option<usize>,
    /// Whether the prompt's tokens are rated too.
    pub(super) rates_prompt: bool,
    /// Must have room for every event: one for the prompt, one per token, one for held text, one for the end.
    pub(super) events: mpsc::Sender<(usize, Event)>,
}

/// What happens to an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// The prompt's tokens as the model rates them; nothing can be said of the first.
    Prompt(Vec<(u32, Option<Rated>)>),
    /// More text, and the token behind it where that was asked for; such text may be empty.
    Text(String, Option<Rated>),
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
    jobs: mpsc::Receiver<Work>,
    batch_max: usize,
    metrics: Arc<Metrics>,
    active: Vec<Active>,
    decoder: Decoder,
}

impl Engine {
    pub(super) fn new(
        model: Model,
        tokenizer: Arc<TextTokenizer>,
        jobs: mpsc::Receiver<Work>,
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
            let work = if self.active.is_empty() {
                match self.jobs.blocking_recv() {
                    Some(work) => work,
                    None => return false,
                }
            } else {
                match self.jobs.try_recv() {
                    Ok(work) => work,
                    Err(_) => return true,
                }
            };
            if !work.is_wanted() {
                continue;
            }
            match work {
                Work::Answer(job) => self.begin(job),
                Work::Embed(embedding) => self.embed(&embedding),
            }
        }
        true
    }

    fn begin(&mut self, job: Job) {
        let Self { model, tokenizer, decoder, .. } = self;
        let mut sequence =
            Sequence::new(model, job.prompt.clone(), job.sampling).telling(job.alternatives);
        self.metrics.add_prompt_tokens(job.prompt.len());
        let text = TextStream::new(job.stops.clone());
        let prompt =
            job.rates_prompt.then(|| sequence.rate_prompt(model, decoder, tokenizer.len()));
        let active = Active { job, sequence, text, tokens: 0 };
        if let Some(prompt) = prompt {
            active.send(Event::Prompt(prompt));
        }
        if active.job.answer_tokens_max == 0 {
            active.send(Event::Done(Done { reason: "length", tokens: 0 }));
            return;
        }
        self.active.push(active);
    }

    /// The mean of the last hidden states of all tokens, made one long: a text's direction.
    fn embed(&mut self, embedding: &Embedding) {
        let Self { model, decoder, .. } = self;
        self.metrics.add_prompt_tokens(embedding.tokens.len());
        let mut cache = Cache::new(model);
        let feed = Feed { cache: &mut cache, tokens: &embedding.tokens };
        let hidden = decoder.read(model, &mut [feed]);
        let mut mean = vec![0.0_f32; model.config().hidden_size];
        for state in hidden.chunks_exact(mean.len()) {
            mean.iter_mut().zip(state).for_each(|(sum, value)| *sum += value);
        }
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            mean.iter_mut().for_each(|value| *value /= length);
        }
        // Refused only when the client has gone.
        let _ = embedding.vectors.try_send((embedding.index, mean));
    }

    fn step(&mut self) {
        let Self { model, tokenizer, active, decoder, .. } = self;
        let mut sequences: Vec<&mut Sequence> =
            active.iter_mut().map(|active| &mut active.sequence).collect();
        let drawn = advance(model, decoder, &mut sequences, tokenizer.len());
        self.metrics.add_step(drawn.len());
        let mut drawn = drawn.into_iter();
        active.retain_mut(|active| {
            let Some(drawn) = drawn.next() else { return true };
            active.take(model, tokenizer, drawn)
        });
    }
}

impl Active {
    /// Takes a drawn token; false when the answer has ended.
    fn take(&mut self, model: &Model, tokenizer: &TextTokenizer, drawn: Drawn) -> bool {
        let Drawn { token, rated } = drawn;
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
                if !piece.text.is_empty() || rated.is_some() {
                    self.send(Event::Text(piece.text, rated));
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
