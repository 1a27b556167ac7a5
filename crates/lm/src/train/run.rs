//! The run itself: set up or resume, step, report, finish.

use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;

use super::{
    FLOP_METHOD, Outcome, Progress, TrainConfig, TrainReport,
    batches::{Order, Samples},
    card,
    checkpoint::{self, Header},
    measure::{Meter, Used},
    step::{self, Moments, Shard, Update},
};
use crate::{
    chat::Template,
    dataset,
    error::{LmError, Result},
    eval, files,
    kernel::{elementwise::AdamStep, lanes},
    model::Model,
    tokenizer::TextTokenizer,
};

/// A run in memory.
struct Run<'a> {
    config: &'a TrainConfig,
    tokenizer: TextTokenizer,
    samples: Samples,
    dataset_sha256: String,
    model: Model,
    moments: Moments,
    header: Header,
    meter: Meter,
}

pub(super) fn train(
    config: &TrainConfig,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    let mut run = Run::open(config)?;
    if let Some(report) = run.already_finished() {
        return Ok(Outcome::Finished(Box::new(report)));
    }
    if !run.steps(stop, progress)? {
        return Ok(Outcome::Stopped { step: run.header.step });
    }
    run.finish().map(Box::new).map(Outcome::Finished)
}

impl<'a> Run<'a> {
    fn open(config: &'a TrainConfig) -> Result<Self> {
        config.check()?;
        let meter = Meter::start();
        let data = dataset::read(&config.dataset)?;
        let dataset_bytes =
            std::fs::read(&config.dataset).map_err(|e| LmError::io("read", &config.dataset, e))?;
        let dataset_sha256 = files::sha256_hex(&dataset_bytes);
        files::create_folder(&config.output)?;
        let (tokenizer, model) = match &config.base {
            Some(folder) => (TextTokenizer::load(folder)?, Model::load(folder)?),
            None => {
                let tokenizer = TextTokenizer::learn(&data, config.shape.vocab_size_max)?;
                let model = fresh_model(config, &tokenizer)?;
                (tokenizer, model)
            }
        };
        let samples = Samples::encode(&tokenizer, &data, model.context())?;
        let start = files::sha256_hex(&model.to_safetensors()?);
        let fingerprint = fingerprint(config, [&dataset_sha256, &tokenizer.sha256()?, &start])?;
        let parameters = model.parameters() as u64;
        let zeros = vec![0.0; model.parameters()];
        let mut run = Self {
            config,
            tokenizer,
            samples,
            dataset_sha256,
            model,
            moments: Moments { first: zeros.clone(), second: zeros },
            header: Header {
                fingerprint,
                step: 0,
                tokens: 0,
                elapsed_ms: 0,
                energy_mj: Some(0),
                cpu_ms: Some(0),
                loss_train: f64::INFINITY,
                parameters,
            },
            meter,
        };
        run.resume()?;
        Ok(run)
    }

    fn checkpoints(&self) -> PathBuf {
        self.config.output.join("checkpoints")
    }

    fn metrics(&self) -> PathBuf {
        self.config.output.join("metrics.jsonl")
    }

    fn resume(&mut self) -> Result<()> {
        if let Some(saved) = checkpoint::latest(&self.checkpoints(), &self.header.fingerprint)? {
            self.model.weights = saved.weights;
            self.model.refresh(self.config.threads);
            self.moments = saved.moments;
            self.header = saved.header;
        }
        Ok(())
    }

    /// A finished run of the same settings whose weights are still what its report says.
    fn already_finished(&self) -> Option<TrainReport> {
        let report = std::fs::read(self.config.output.join("report.json")).ok()?;
        let report: TrainReport = serde_json::from_slice(&report).ok()?;
        let weights = std::fs::read(self.config.output.join("model.safetensors")).ok()?;
        let same = report.fingerprint == self.header.fingerprint
            && files::sha256_hex(&weights) == report.model_sha256;
        same.then_some(report)
    }

    /// Drops the lines a killed run wrote after the checkpoint that is resumed from.
    fn open_metrics(&self) -> Result<std::fs::File> {
        let path = self.metrics();
        let mut kept = Vec::new();
        if self.header.step > 0
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            for line in text.lines() {
                let step = serde_json::from_str::<Progress>(line).map(|progress| progress.step);
                if step.is_ok_and(|step| step <= self.header.step) {
                    kept.extend_from_slice(line.as_bytes());
                    kept.push(b'\n');
                }
            }
        }
        files::write_atomic(&path, &kept)?;
        let open = std::fs::OpenOptions::new().append(true).open(&path);
        open.map_err(|error| LmError::io("write", &path, error))
    }

    /// Steps to the end; false when stopped before it.
    fn steps(&mut self, stop: &AtomicBool, progress: &mut dyn FnMut(Progress)) -> Result<bool> {
        let config = self.config;
        let mut metrics = self.open_metrics()?;
        let shards: Vec<Mutex<Shard>> = (0..config.shards).map(|_| Mutex::default()).collect();
        let mut order = Order::new(config.seed, config.batch_samples, config.turns_max);
        let before = self.header.clone();
        let mut interval = (0.0_f64, 0_u64);
        let mut mark = (self.header.tokens, self.header.elapsed_ms);
        while self.header.step < config.steps {
            let outcome = self.step(&mut order, &shards)?;
            interval = (interval.0 + outcome.loss_sum, interval.1 + outcome.targets);
            let step = self.header.step;
            if step.is_multiple_of(config.log_every) || step == config.steps {
                self.account(&before);
                self.header.loss_train = interval.0 / interval.1.max(1) as f64;
                interval = (0.0, 0);
                let report = self.progress(mark);
                mark = (report.tokens, report.elapsed_ms);
                self.log(&mut metrics, report)?;
                progress(report);
            }
            let stopping = stop.load(Ordering::Relaxed) && step < config.steps;
            if stopping || step.is_multiple_of(config.checkpoint_every) {
                self.account(&before);
                let folder = self.checkpoints();
                checkpoint::write(&folder, &self.header, &self.model.weights, &self.moments)?;
            }
            if stopping {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn step(&mut self, order: &mut Order, shards: &[Mutex<Shard>]) -> Result<step::Outcome> {
        let config = self.config;
        {
            let mut guards: Vec<_> = shards
                .iter()
                .map(|shard| shard.lock().unwrap_or_else(|e| e.into_inner()))
                .collect();
            let mut batches: Vec<_> = guards.iter_mut().map(|shard| &mut shard.batch).collect();
            order.fill(&self.samples, self.header.step, &mut batches);
        }
        let outcome = step::gradients(&self.model, shards, config.threads);
        let number = self.header.step + 1;
        if !outcome.loss_sum.is_finite() {
            return Err(LmError::Diverged { step: number });
        }
        let correct = |beta: f64| 1.0 / (1.0 - beta.powf(number as f64));
        let adam = AdamStep {
            rate: config.learning_rate_at(self.header.step) as f32,
            beta_first: config.beta_first as f32,
            beta_second: config.beta_second as f32,
            correct_first: correct(config.beta_first) as f32,
            correct_second: correct(config.beta_second) as f32,
            epsilon: config.epsilon as f32,
            decay: config.weight_decay as f32,
            gradient_scale: 1.0,
        };
        let update = Update { adam, clip: config.gradient_clip as f32 };
        step::apply(&mut self.model, &mut self.moments, shards, update, config.threads);
        self.header.step = number;
        self.header.tokens += outcome.tokens;
        Ok(outcome)
    }

    /// Adds what this process used to what earlier ones did.
    fn account(&mut self, before: &Header) {
        let Used { elapsed_ms, cpu_ms, energy_mj } = self.meter.read();
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.saturating_add(b));
        self.header.elapsed_ms = before.elapsed_ms.saturating_add(elapsed_ms);
        self.header.cpu_ms = sum(before.cpu_ms, cpu_ms);
        self.header.energy_mj = sum(before.energy_mj, energy_mj);
    }

    fn progress(&self, mark: (u64, u64)) -> Progress {
        let seconds = self.header.elapsed_ms.saturating_sub(mark.1).max(1) as f64 / 1_000.0;
        Progress {
            step: self.header.step,
            steps: self.config.steps,
            loss: self.header.loss_train,
            learning_rate: self.config.learning_rate_at(self.header.step.saturating_sub(1)),
            tokens: self.header.tokens,
            tokens_per_second: self.header.tokens.saturating_sub(mark.0) as f64 / seconds,
            flop: self.flop(),
            elapsed_ms: self.header.elapsed_ms,
        }
    }

    fn flop(&self) -> u64 {
        self.header.parameters.saturating_mul(6).saturating_mul(self.header.tokens)
    }

    fn log(&self, metrics: &mut std::fs::File, progress: Progress) -> Result<()> {
        let path = self.metrics();
        let mut line = serde_json::to_vec(&progress)
            .map_err(|error| LmError::format(&path, "line of metrics", error))?;
        line.push(b'\n');
        metrics.write_all(&line).map_err(|error| LmError::io("write", &path, error))
    }

    fn finish(&mut self) -> Result<TrainReport> {
        let config = self.config;
        let before = self.header.clone();
        let mut meter = Meter::start();
        let loss_heldout = match &config.heldout {
            Some(path) => {
                let samples = dataset::read(path)?;
                let samples = Samples::encode(&self.tokenizer, &samples, self.model.context())?;
                Some(eval::mean_loss(&self.model, &samples, config.threads))
            }
            None => None,
        };
        self.model.save(&config.output)?;
        self.tokenizer.save(&config.output, self.model.context())?;
        std::mem::swap(&mut self.meter, &mut meter);
        self.account(&before);
        let report = TrainReport {
            fingerprint: self.header.fingerprint.clone(),
            model_sha256: files::sha256_hex(&self.model.to_safetensors()?),
            dataset_sha256: self.dataset_sha256.clone(),
            parameters: self.header.parameters,
            steps: self.header.step,
            tokens: self.header.tokens,
            flop: self.flop(),
            flop_method: FLOP_METHOD.to_owned(),
            elapsed_ms: self.header.elapsed_ms,
            cpu_ms: self.header.cpu_ms,
            energy_mj: self.header.energy_mj,
            loss_train: self.header.loss_train,
            loss_heldout,
            threads: config.threads,
            vector_unit: lanes::vector_unit(),
        };
        let card = card::render(config, &report);
        files::write_atomic(&config.output.join("README.md"), card.as_bytes())?;
        let value = serde_json::to_value(&report)
            .map_err(|error| LmError::format(&config.output, "report", error))?;
        files::write_json(&config.output.join("report.json"), &value)?;
        // The model is complete; checkpoints left behind by a failed removal only cost space.
        let _ = std::fs::remove_dir_all(self.checkpoints());
        Ok(report)
    }
}

fn fresh_model(config: &TrainConfig, tokenizer: &TextTokenizer) -> Result<Model> {
    let Template::Instruct(control) = tokenizer.template() else {
        return Err(LmError::Tokenizer("a learnt tokenizer lost its template".to_owned()));
    };
    let control = [control.begin, control.end, control.pad];
    Model::random(config.shape.model_config(tokenizer.len(), control), config.seed)
}

/// SHA-256 over settings and inputs; threads, paths and intervals of reporting are left out.
fn fingerprint(config: &TrainConfig, inputs: [&String; 3]) -> Result<String> {
    let mut settings = serde_json::to_value(config)
        .map_err(|error| LmError::format(&config.output, "set of settings", error))?;
    if let Some(fields) = settings.as_object_mut() {
        let apart = ["dataset", "heldout", "output", "base", "threads", "name", "licence"];
        for field in apart.iter().chain(&["checkpoint_every", "log_every"]) {
            fields.remove(*field);
        }
    }
    let all = json!({ "settings": settings, "inputs": inputs, "format": 1 });
    Ok(files::sha256_hex(all.to_string().as_bytes()))
}
