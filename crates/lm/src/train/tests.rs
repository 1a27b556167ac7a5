//! Learning, and the promise of the crate: same seed, same bytes, whatever happened on the way.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{Outcome, Progress, ShapeConfig, TrainConfig, TrainReport, train};
use crate::{
    dataset::{self, Settings},
    error::LmError,
    eval::{EvalConfig, eval},
};

fn config(folder: &Path, output: &str) -> TrainConfig {
    let data = folder.join("data");
    if !data.exists() {
        let settings = Settings { number_max: 60, summand_max: 4, ..Settings::default() };
        dataset::write(&settings, &data).unwrap();
    }
    TrainConfig {
        dataset: data.join("train.jsonl"),
        heldout: Some(data.join("heldout.jsonl")),
        output: folder.join(output),
        shape: ShapeConfig {
            hidden: 32,
            layers: 2,
            heads: 4,
            key_heads: 2,
            head_dim: 8,
            intermediate: 48,
            context: 64,
            sliding_window: Some(16),
            ..ShapeConfig::default()
        },
        steps: 24,
        batch_samples: 16,
        turns_max: 2,
        warmup_steps: 4,
        checkpoint_every: 8,
        log_every: 4,
        ..TrainConfig::default()
    }
}

fn finish(config: &TrainConfig) -> TrainReport {
    match train(config, &AtomicBool::new(false), &mut |_| {}).unwrap() {
        Outcome::Finished(report) => *report,
        Outcome::Stopped { step } => panic!("stopped at {step}"),
    }
}

/// Runs until a step, then raises the stop flag.
fn stop_at(config: &TrainConfig, last: u64) -> u64 {
    let stop = AtomicBool::new(false);
    let mut watch = |progress: Progress| stop.store(progress.step >= last, Ordering::Relaxed);
    match train(config, &stop, &mut watch).unwrap() {
        Outcome::Stopped { step } => step,
        Outcome::Finished(_) => panic!("finished"),
    }
}

#[test]
fn a_tiny_dataset_is_learnt_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        steps: 400,
        turns_max: 1,
        learning_rate: 1e-2,
        log_every: 50,
        checkpoint_every: 1_000,
        ..config(folder.path(), "model")
    };
    let report = finish(&config);
    assert!(report.loss_train < 0.02, "{}", report.loss_train);
    let asked = EvalConfig {
        model: config.output.clone(),
        dataset: config.dataset.clone(),
        ..EvalConfig::default()
    };
    let result = eval(&asked).unwrap();
    assert_eq!(result.correct, result.total, "{:?}", result.failures);
    assert_eq!(result.model_sha256.as_deref(), Some(report.model_sha256.as_str()));
    let one = EvalConfig { threads: 1, ..asked };
    let again = eval(&one).unwrap();
    assert_eq!((again.correct, again.tokens_generated), (result.correct, result.tokens_generated));
}

#[test]
fn same_seed_same_bytes_with_any_number_of_threads_and_other_seed_other_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = finish(&TrainConfig { threads: 1, ..config(folder.path(), "one") });
    let second = finish(&TrainConfig { threads: 2, ..config(folder.path(), "two") });
    let third = finish(&TrainConfig { threads: 5, ..config(folder.path(), "five") });
    assert_eq!(first.model_sha256, second.model_sha256);
    assert_eq!(first.model_sha256, third.model_sha256);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_eq!(first.loss_heldout, second.loss_heldout);
    let other = finish(&TrainConfig { seed: 2, ..config(folder.path(), "other") });
    assert_ne!(first.model_sha256, other.model_sha256);
    assert_eq!(first.flop, 6 * first.parameters * first.tokens);
    assert!(first.energy_mj.is_none_or(|energy| energy > 0));
}

#[test]
fn stopped_and_resumed_equals_uninterrupted_also_from_an_older_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let whole = finish(&config(folder.path(), "whole"));
    let broken = config(folder.path(), "broken");
    assert_eq!(stop_at(&broken, 4), 4);
    assert_eq!(stop_at(&broken, 20), 20);
    let checkpoints = broken.output.join("checkpoints");
    let latest = checkpoints.join("step-0000000020.ckpt");
    // The latest checkpoint is cut short, as by a full disk: the run falls back to step 16.
    let bytes = std::fs::read(&latest).unwrap();
    std::fs::write(&latest, &bytes[..bytes.len() / 2]).unwrap();
    assert!(super::checkpoint::read(&latest).unwrap_err().to_string().contains("checksum"));
    let mut first_step = None;
    let mut watch = |progress: Progress| {
        first_step.get_or_insert(progress.step);
    };
    let outcome = train(&broken, &AtomicBool::new(false), &mut watch).unwrap();
    assert_eq!(first_step, Some(20), "resumed at 16, first report at 20");
    let Outcome::Finished(report) = outcome else { panic!("stopped") };
    assert_eq!(report.model_sha256, whole.model_sha256);
    assert_eq!(report.tokens, whole.tokens);
    assert!(!checkpoints.exists(), "checkpoints are removed once the model is complete");
    let metrics = std::fs::read_to_string(broken.output.join("metrics.jsonl")).unwrap();
    let steps: Vec<u64> =
        metrics.lines().map(|line| serde_json::from_str::<Progress>(line).unwrap().step).collect();
    assert_eq!(steps, [4, 8, 12, 16, 20, 24]);
    let mut reports = 0;
    let again = train(&broken, &AtomicBool::new(false), &mut |_| reports += 1).unwrap();
    assert_eq!((again, reports), (Outcome::Finished(report), 0), "a finished run is not repeated");
}

#[test]
fn altered_and_foreign_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "model");
    assert_eq!(stop_at(&config, 8), 8);
    let path = config.output.join("checkpoints/step-0000000008.ckpt");
    let bytes = std::fs::read(&path).unwrap();
    for at in [0, 8, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        std::fs::write(&path, &altered).unwrap();
        assert!(super::checkpoint::read(&path).is_err(), "byte {at}");
    }
    std::fs::write(&path, &bytes).unwrap();
    let other = TrainConfig { learning_rate: 1e-4, ..config.clone() };
    let error = train(&other, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LmError::ForeignCheckpoint { .. }), "{error}");
}

#[test]
fn the_output_folder_is_a_complete_model_and_can_be_trained_further() {
    let folder = tempfile::tempdir().unwrap();
    let first = config(folder.path(), "base");
    let report = finish(&first);
    for file in [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "README.md",
        "report.json",
        "metrics.jsonl",
    ] {
        assert!(first.output.join(file).is_file(), "{file}");
    }
    let card = std::fs::read_to_string(first.output.join("README.md")).unwrap();
    assert!(card.contains(&report.model_sha256) && card.contains("library_name: transformers"));
    let tuned = TrainConfig { base: Some(first.output.clone()), ..config(folder.path(), "tuned") };
    let tuned = finish(&tuned);
    assert!(tuned.loss_train < report.loss_train, "{} {}", tuned.loss_train, report.loss_train);
}

#[test]
fn settings_out_of_range_and_samples_beyond_the_context_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |config: &TrainConfig| {
        train(config, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string()
    };
    let good = config(folder.path(), "model");
    assert!(refuse(&TrainConfig { steps: 0, ..good.clone() }).starts_with("setting `steps`: 0"));
    let zero = TrainConfig { learning_rate: f64::NAN, ..good.clone() };
    assert!(refuse(&zero).contains("learning_rate"));
    let short = TrainConfig { shape: ShapeConfig { context: 4, ..good.shape.clone() }, ..good };
    assert!(refuse(&short).contains("setting `context`"));
}

#[test]
fn the_learning_rate_warms_up_and_follows_a_cosine() {
    let config = TrainConfig {
        steps: 110,
        warmup_steps: 10,
        learning_rate: 1.0,
        learning_rate_end: 0.1,
        ..TrainConfig::default()
    };
    assert!((config.learning_rate_at(0) - 0.1).abs() < 1e-12);
    assert!((config.learning_rate_at(9) - 1.0).abs() < 1e-12);
    assert!((config.learning_rate_at(60) - 0.55).abs() < 1e-12);
    assert!((config.learning_rate_at(110) - 0.1).abs() < 1e-12);
}
