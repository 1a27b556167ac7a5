//! Evaluation: exact match of greedy answers on a dataset, counted in whole numbers.
//!
//! The counts must never depend on batching or threads; each answer is what the sample gets alone.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    chat::{Message, Role, render},
    dataset::{self, Sample},
    error::{LmError, Result},
    files,
    generate::{Sampling, Sequence, advance},
    model::{
        Model,
        decode::Decoder,
        forward::{self, Workspace},
    },
    parallel,
    tokenizer::TextTokenizer,
    train::Samples,
};

/// Sequences decoded together by one thread.
const GROUP: usize = 64;
/// Samples whose loss is computed together.
const LOSS_GROUP: usize = 64;

/// What to evaluate, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvalConfig {
    /// The model folder.
    pub model: PathBuf,
    /// Samples in JSON lines.
    pub dataset: PathBuf,
    /// Threads; the result does not depend on them.
    pub threads: usize,
    /// Most tokens of an answer.
    pub answer_tokens_max: usize,
    /// Wrong answers to show.
    pub failures_max: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            model: PathBuf::from("model"),
            dataset: PathBuf::from("heldout.jsonl"),
            threads: 2,
            answer_tokens_max: 64,
            failures_max: 10,
        }
    }
}

/// A wrong answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was asked.
    pub prompt: String,
    /// What would have been right.
    pub expected: String,
    /// What the model said.
    pub answered: String,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Answers equal to the completion, byte for byte.
    pub correct: u64,
    /// Samples asked.
    pub total: u64,
    /// Mean loss per target token in nats; none where the model has another prompt format than ours.
    pub loss_mean: Option<f64>,
    /// Tokens generated.
    pub tokens_generated: u64,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
    /// SHA-256 of `model.safetensors`, where the weights are one file.
    pub model_sha256: Option<String>,
    /// SHA-256 of the dataset file.
    pub dataset_sha256: String,
    /// The first wrong answers, in the order of the dataset.
    pub failures: Vec<Failure>,
}

impl EvalReport {
    /// Share of right answers, for people; accounts use `correct` and `total`.
    #[must_use]
    pub fn exact_match(&self) -> f64 {
        self.correct as f64 / self.total.max(1) as f64
    }
}

/// Asks the model every sample, greedily, and compares byte for byte.
///
/// # Errors
/// When the model or the dataset cannot be read, or a prompt does not fit the context.
pub fn eval(config: &EvalConfig) -> Result<EvalReport> {
    let started = Instant::now();
    let samples = dataset::read(&config.dataset)?;
    let bytes =
        std::fs::read(&config.dataset).map_err(|e| LmError::io("read", &config.dataset, e))?;
    let tokenizer = TextTokenizer::load(&config.model)?;
    let model = Model::load(&config.model)?;
    let weights = std::fs::read(config.model.join("model.safetensors")).ok();
    let answers = answer_all(&model, &tokenizer, &samples, config)?;
    let loss_mean = Samples::encode(&tokenizer, &samples, model.context())
        .ok()
        .map(|samples| mean_loss(&model, &samples, config.threads));
    let mut report = EvalReport {
        correct: 0,
        total: samples.len() as u64,
        loss_mean,
        tokens_generated: 0,
        elapsed_ms: 0,
        model_sha256: weights.map(|weights| files::sha256_hex(&weights)),
        dataset_sha256: files::sha256_hex(&bytes),
        failures: Vec::new(),
    };
    for (sample, answer) in samples.iter().zip(answers) {
        report.tokens_generated += answer.len() as u64;
        let answered = tokenizer.decode(&answer)?;
        if answered == sample.completion {
            report.correct += 1;
        } else if report.failures.len() < config.failures_max {
            let Sample { prompt, completion } = sample.clone();
            report.failures.push(Failure { prompt, expected: completion, answered });
        }
    }
    report.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(report)
}

/// Prompts and the places for their answers.
type Group<'a> = (&'a [Vec<u32>], &'a mut [Vec<u32>]);

/// Greedy answers in the order of the samples, end tokens left out.
fn answer_all(
    model: &Model,
    tokenizer: &TextTokenizer,
    samples: &[Sample],
    config: &EvalConfig,
) -> Result<Vec<Vec<u32>>> {
    let mut prompts = Vec::with_capacity(samples.len());
    for sample in samples {
        let message = Message { role: Role::User, content: sample.prompt.clone() };
        let prompt = render(tokenizer, &[message])?;
        if prompt.is_empty() || prompt.len() >= model.context() {
            let path = Path::new(&config.dataset);
            let detail = format!("prompt `{}` does not fit the context", sample.prompt);
            return Err(LmError::format(path, "dataset for this model", detail));
        }
        prompts.push(prompt);
    }
    let mut answers: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
    let jobs = prompts.chunks(GROUP).zip(answers.chunks_mut(GROUP)).collect();
    parallel::split(config.threads, jobs, |jobs: Vec<Group<'_>>| {
        let mut decoder = Decoder::default();
        for (prompts, answers) in jobs {
            answer_group(model, &mut decoder, (prompts, answers), config, tokenizer.len());
        }
    });
    Ok(answers)
}

fn answer_group(
    model: &Model,
    decoder: &mut Decoder,
    group: Group<'_>,
    config: &EvalConfig,
    vocabulary: usize,
) {
    let (prompts, answers) = group;
    let mut running: Vec<(usize, Sequence)> = prompts
        .iter()
        .map(|prompt| Sequence::new(model, prompt.clone(), Sampling::GREEDY))
        .enumerate()
        .collect();
    while !running.is_empty() {
        let mut sequences: Vec<&mut Sequence> = running.iter_mut().map(|(_, s)| s).collect();
        let drawn = advance(model, decoder, &mut sequences, vocabulary);
        let mut tokens = drawn.iter().map(|drawn| &drawn.token);
        running.retain(|(index, sequence)| {
            let Some(token) = tokens.next() else { return false };
            if model.config().eos_token_ids.contains(token) {
                return false;
            }
            answers[*index].push(*token);
            answers[*index].len() < config.answer_tokens_max && sequence.len() <= model.context()
        });
    }
}

/// Mean loss per target token over samples, each its own document.
pub(crate) fn mean_loss(model: &Model, samples: &Samples, threads: usize) -> f64 {
    let starts: Vec<usize> = (0..samples.len()).step_by(LOSS_GROUP).collect();
    let sums = Mutex::new(vec![(0.0_f64, 0_usize); starts.len()]);
    let jobs = starts.into_iter().enumerate().collect();
    parallel::split(threads, jobs, |jobs: Vec<(usize, usize)>| {
        let mut workspace = Workspace::default();
        for (index, start) in jobs {
            let batch = samples.pack(start..samples.len().min(start + LOSS_GROUP));
            forward::run(model, &batch, 0.0, &mut workspace);
            let sum = workspace.losses.iter().copied().map(f64::from).sum();
            let mut sums = sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sums[index] = (sum, workspace.losses.len());
        }
    });
    let sums = sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (sum, count) = sums.iter().fold((0.0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    sum / count.max(1) as f64
}
