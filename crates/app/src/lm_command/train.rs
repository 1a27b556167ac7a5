//! `lm train`: one line of progress each interval; a stop writes a checkpoint and says so by its
//! exit code, and the same command goes on from there.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use lm::train::{Outcome, Progress, TrainConfig, TrainReport, train};

use super::threads;
use crate::{
    cli::{exit::Exit, failure::Failure, input, interrupt, session::Session},
    output::{Format, say, table::Table, write_bytes},
};

/// Largest settings file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Train a small Mistral-architecture model; resumes by itself
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde lm train --data data --out model --steps 200 --threads 2
  cocarde lm train --data data --out tuned --base model --learning-rate 0.0005
  cocarde lm train --data data --out model --config settings.json

Writes a model in the Hugging Face layout. SIGTERM, SIGUSR1, SIGUSR2 or Ctrl-C writes a checkpoint
and ends with exit code 143 (Ctrl-C: 130); the same command then goes on and ends with the same bytes
as an uninterrupted run. A second signal ends it at once.")]
pub(crate) struct TrainArgs {
    /// Folder with train.jsonl and perhaps heldout.jsonl
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder that becomes the model
    #[arg(long, value_name = "DIR", env = "COCARDE_OUT", hide_env_values = true)]
    out: PathBuf,
    /// Folder for checkpoints [default: `checkpoints` in the output folder]
    #[arg(long, value_name = "DIR", env = "COCARDE_CHECKPOINT", hide_env_values = true)]
    checkpoint_dir: Option<PathBuf>,
    /// Settings as JSON, with the names that report errors use; flags win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Model folder to start from instead of random weights
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Name for the model card
    #[arg(long)]
    name: Option<String>,
    /// Optimisation steps
    #[arg(long)]
    steps: Option<u64>,
    /// Samples in a batch
    #[arg(long)]
    batch: Option<usize>,
    /// Threads; not part of the result [default: as many as there are cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of weights and order
    #[arg(long)]
    seed: Option<u64>,
    /// Learning rate after warm-up
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Steps of warm-up
    #[arg(long, value_name = "STEPS")]
    warmup_steps: Option<u64>,
    /// Steps between checkpoints
    #[arg(long, value_name = "STEPS")]
    checkpoint_every: Option<u64>,
    /// Steps between lines of progress
    #[arg(long, value_name = "STEPS")]
    log_every: Option<u64>,
}

/// Trains, or goes on.
pub(super) fn run(args: TrainArgs, session: &Session) -> Result<Exit, Failure> {
    let checkpoints = args.checkpoint_dir.clone();
    let config = settings(args)?;
    let place = Checkpoints::prepare(&config.output, checkpoints)?;
    let asked = interrupt::flag_on_stop();
    let mut gone = None;
    let table = session.output.format() == Format::Table;
    let outcome = train(&config, &asked.stop, &mut |progress| {
        let line = line(&progress);
        // With `-o json` stdout is for the report alone. Without a reader the work still goes on.
        if !table {
            say(&line);
        } else if gone.is_none() {
            gone = write_bytes(format!("{line}\n").as_bytes()).err();
        }
        place.keep_metrics();
    })?;
    match outcome {
        Outcome::Stopped { step } => {
            place.keep_metrics();
            say(&format!("stopped after step {step} with a checkpoint: run it again to go on"));
            Ok(asked.exit())
        }
        Outcome::Finished(report) => {
            place.clear();
            session.output.show(&report, || summary(&report, &config.output))?;
            Ok(Exit::Ok)
        }
    }
}

fn settings(args: TrainArgs) -> Result<TrainConfig, Failure> {
    let mut config = match &args.config {
        None => TrainConfig::default(),
        Some(path) => {
            let bytes = input::bytes(path, CONFIG_BYTES_MAX)?;
            serde_json::from_slice(&bytes).map_err(|error| {
                Failure::invalid(format!("`{}` is not a settings file: {error}", path.display()))
            })?
        }
    };
    config.dataset = args.data.join("train.jsonl");
    config.heldout = Some(args.data.join("heldout.jsonl")).filter(|path| path.exists());
    config.output = args.out;
    config.threads = threads(args.threads);
    config.base = args.base.or(config.base);
    config.name = args.name.unwrap_or(config.name);
    config.steps = args.steps.unwrap_or(config.steps);
    config.batch_samples = args.batch.unwrap_or(config.batch_samples);
    config.seed = args.seed.unwrap_or(config.seed);
    config.learning_rate = args.learning_rate.unwrap_or(config.learning_rate);
    // A short run must not spend all of its steps warming up.
    let warmup = args.warmup_steps.unwrap_or(config.warmup_steps.min(config.steps / 4));
    config.warmup_steps = warmup;
    config.checkpoint_every = args.checkpoint_every.unwrap_or(config.checkpoint_every);
    config.log_every = args.log_every.unwrap_or(config.log_every);
    Ok(config)
}

/// `step 100/2000 loss 0.532 lr 3.0e-3 12345 tokens/s`
fn line(progress: &Progress) -> String {
    let Progress { step, steps, loss, learning_rate, tokens_per_second, .. } = progress;
    format!(
        "step {step}/{steps} loss {loss:.3} lr {learning_rate:.1e} {tokens_per_second:.0} tokens/s"
    )
}

fn summary(report: &TrainReport, output: &Path) -> Table {
    let energy = report.energy_mj.map(|mj| format!("{mj} mJ (RAPL, whole package)"));
    Table::fields()
        .field("model", output.display())
        .field("parameters", report.parameters)
        .field("steps", report.steps)
        .field("tokens", report.tokens)
        .field("loss", format!("{:.4}", report.loss_train))
        .field_if("held-out loss", report.loss_heldout.map(|loss| format!("{loss:.4}")))
        .field("time", format!("{} ms", report.elapsed_ms))
        .field_if("cpu time", report.cpu_ms.map(|ms| format!("{ms} ms")))
        .field("energy", energy.unwrap_or_else(|| "not readable here".to_owned()))
        .field("floating-point operations", format!("{} ({})", report.flop, report.flop_method))
        .field("sha-256", &report.model_sha256)
}

/// Checkpoints in a folder of their own: the training writes to `OUT/checkpoints`, which is then a
/// link to it. Progress so far is kept beside them, for an output folder that does not survive.
#[derive(Debug)]
struct Checkpoints {
    folder: Option<PathBuf>,
    link: PathBuf,
    metrics: PathBuf,
}

impl Checkpoints {
    fn prepare(output: &Path, folder: Option<PathBuf>) -> Result<Self, Failure> {
        let (link, metrics) = (output.join("checkpoints"), output.join("metrics.jsonl"));
        // A folder that is there already, and not our link, holds the run's checkpoints.
        let taken = link.exists() && !link.is_symlink();
        let Some(folder) = folder.filter(|folder| !taken && *folder != link) else {
            return Ok(Self { folder: None, link, metrics });
        };
        for path in [output, &folder] {
            fs::create_dir_all(path).map_err(|error| Failure::file("make", path, &error))?;
        }
        let wrong = |error: std::io::Error| Failure::file("use", &folder, &error);
        let target = folder.canonicalize().map_err(wrong)?;
        if link.is_symlink() {
            fs::remove_file(&link).map_err(|error| Failure::file("replace", &link, &error))?;
        }
        symlink(&target, &link).map_err(|error| Failure::file("make", &link, &error))?;
        let kept = target.join("metrics.jsonl");
        if kept.exists() && !metrics.exists() {
            fs::copy(&kept, &metrics).map_err(|error| Failure::file("copy", &kept, &error))?;
        }
        Ok(Self { folder: Some(target), link, metrics })
    }

    /// Progress is for people: failing to keep it must not end a training.
    fn keep_metrics(&self) {
        if let Some(folder) = &self.folder {
            let _ = fs::copy(&self.metrics, folder.join("metrics.jsonl"));
        }
    }

    /// The model is complete: what is left only costs space.
    fn clear(&self) {
        let Some(folder) = &self.folder else { return };
        if self.link.is_symlink() {
            let _ = fs::remove_file(&self.link);
        }
        let _ = fs::remove_file(folder.join("metrics.jsonl"));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "ckpt") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line() {
        let progress = Progress {
            step: 100,
            steps: 2_000,
            loss: 0.5321,
            learning_rate: 3e-3,
            tokens: 1,
            tokens_per_second: 12_345.4,
            flop: 1,
            elapsed_ms: 1,
        };
        assert_eq!(line(&progress), "step 100/2000 loss 0.532 lr 3.0e-3 12345 tokens/s");
    }

    #[test]
    fn checkpoints_go_to_their_own_folder_and_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let (out, kept) = (folder.path().join("out"), folder.path().join("kept"));
        for _ in 0..2 {
            let place = Checkpoints::prepare(&out, Some(kept.clone())).unwrap();
            fs::write(out.join("checkpoints/step-1.ckpt"), b"x").unwrap();
            fs::write(out.join("metrics.jsonl"), b"{}").unwrap();
            place.keep_metrics();
            assert!(kept.join("step-1.ckpt").exists() && kept.join("metrics.jsonl").exists());
        }
        fs::remove_file(out.join("metrics.jsonl")).unwrap();
        let place = Checkpoints::prepare(&out, Some(kept.clone())).unwrap();
        assert!(out.join("metrics.jsonl").exists(), "progress comes back with the checkpoints");
        place.clear();
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
        assert!(!out.join("checkpoints").is_symlink());
    }

    #[test]
    fn a_folder_of_checkpoints_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("checkpoints")).unwrap();
        let place = Checkpoints::prepare(folder.path(), Some(folder.path().join("b"))).unwrap();
        assert_eq!(place.folder, None);
        assert!(!folder.path().join("checkpoints").is_symlink());
    }
}
