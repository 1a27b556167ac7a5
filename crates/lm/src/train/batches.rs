//! Encoded samples and the order in which a run sees them.
//!
//! The order is a pure function of seed and step, so a resumed run needs no stored position.

use crate::{
    chat::Template,
    dataset::Sample,
    error::{LmError, Result},
    model::forward::Packed,
    rng::Rng,
    tokenizer::TextTokenizer,
};

/// One sample as tokens: `[INST] prompt [/INST]` and `completion </s>`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    question: Vec<u32>,
    answer: Vec<u32>,
}

/// All samples of a run, encoded once.
#[derive(Debug)]
pub(crate) struct Samples {
    begin: u32,
    turns: Vec<Turn>,
    context: usize,
}

impl Samples {
    /// Encodes samples; refuses one that is longer than the context alone.
    pub(crate) fn encode(
        tokenizer: &TextTokenizer,
        samples: &[Sample],
        context: usize,
    ) -> Result<Self> {
        let Template::Instruct(control) = tokenizer.template() else {
            let detail = "the tokenizer's chat template is not the one of this trainer";
            return Err(LmError::Tokenizer(detail.to_owned()));
        };
        let mut turns = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            let mut question = vec![control.user];
            question.extend(tokenizer.encode_literal(&sample.prompt)?);
            question.push(control.user_end);
            let mut answer = tokenizer.encode_literal(&sample.completion)?;
            answer.push(control.end);
            let len = 1 + question.len() + answer.len();
            if len > context {
                let detail =
                    format!("sample {} needs {len} tokens, more than {context}", index + 1);
                return Err(LmError::setting("context", detail));
            }
            turns.push(Turn { question, answer });
        }
        Ok(Self { begin: control.begin, turns, context })
    }

    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    /// Packs some samples, one document each.
    pub(crate) fn pack(&self, indices: std::ops::Range<usize>) -> Packed {
        let mut packed = Packed::default();
        for index in indices {
            self.push_document(&mut packed, &[index]);
        }
        packed
    }

    fn push_document(&self, packed: &mut Packed, members: &[usize]) {
        let mut tokens = vec![self.begin];
        let mut learn = vec![false];
        for member in members {
            let turn = &self.turns[*member];
            tokens.extend(&turn.question);
            learn.resize(tokens.len(), false);
            tokens.extend(&turn.answer);
            learn.resize(tokens.len(), true);
        }
        packed.push(&tokens, &learn);
    }

    fn turn_len(&self, index: usize) -> usize {
        self.turns[index].question.len() + self.turns[index].answer.len()
    }
}

/// The order of samples: a fresh shuffle for every pass over the data.
#[derive(Debug)]
pub(crate) struct Order {
    seed: u64,
    batch_samples: usize,
    turns_max: usize,
    epoch: Option<u64>,
    permutation: Vec<u32>,
}

impl Order {
    pub(crate) fn new(seed: u64, batch_samples: usize, turns_max: usize) -> Self {
        Self { seed, batch_samples, turns_max, epoch: None, permutation: Vec::new() }
    }

    /// Fills the shards with the documents of a step (counted from 0).
    ///
    /// Neighbouring samples are joined into conversations of 1 to `turns_max` turns, drawn by seed and step.
    pub(crate) fn fill(&mut self, samples: &Samples, step: u64, shards: &mut [&mut Packed]) {
        for shard in shards.iter_mut() {
            shard.clear();
        }
        let first = step * self.batch_samples as u64;
        let members: Vec<usize> =
            (first..first + self.batch_samples as u64).map(|n| self.sample(samples, n)).collect();
        let mut rng = Rng::for_stream(self.seed ^ step.rotate_left(32), "turns");
        let mut rest = members.as_slice();
        let mut document = 0;
        while !rest.is_empty() {
            let wanted = 1 + rng.below(self.turns_max);
            let mut len = 1;
            let fits = |member: &&usize| {
                len += samples.turn_len(**member);
                len <= samples.context
            };
            let count = rest.iter().take(wanted).take_while(fits).count().max(1);
            let (mine, others) = rest.split_at(count);
            let shard = document % shards.len();
            samples.push_document(shards[shard], mine);
            rest = others;
            document += 1;
        }
    }

    fn sample(&mut self, samples: &Samples, number: u64) -> usize {
        let len = samples.len() as u64;
        let epoch = number / len;
        if self.epoch != Some(epoch) {
            self.permutation = (0..samples.len() as u32).collect();
            Rng::for_stream(self.seed ^ epoch.rotate_left(32), "order")
                .shuffle(&mut self.permutation);
            self.epoch = Some(epoch);
        }
        self.permutation[(number % len) as usize] as usize
    }
}
