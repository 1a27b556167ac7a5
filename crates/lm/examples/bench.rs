//! Trains and evaluates the demo task and prints what it cost: the measurements of docs/benchmarks/lm.md.
//!
//! `cargo run -p lm --release --example bench -- FOLDER [field=value …]`, fields of `TrainConfig` as JSON.
#![expect(clippy::print_stdout, reason = "printing is what this example is for")]

use std::{path::PathBuf, sync::atomic::AtomicBool};

use lm::{
    dataset::{self, Settings},
    eval::{EvalConfig, eval},
    train::{Outcome, TrainConfig, train},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/lm-bench".to_owned()));
    let mut config = serde_json::to_value(TrainConfig::default())?;
    let mut data = serde_json::to_value(Settings::default())?;
    for argument in arguments {
        let (field, value) = argument.split_once('=').ok_or("arguments are field=value")?;
        let value: serde_json::Value = serde_json::from_str(value)?;
        match field.split_once('.') {
            Some(("data", field)) => data[field] = value,
            Some((group, field)) => config[group][field] = value,
            None => config[field] = value,
        }
    }
    let data: Settings = serde_json::from_value(data)?;
    let card = dataset::write(&data, &folder.join("data"))?;
    println!("dataset {} train, {} held out", card.train_samples, card.heldout_samples);
    let config = TrainConfig {
        dataset: folder.join("data/train.jsonl"),
        heldout: Some(folder.join("data/heldout.jsonl")),
        output: folder.join("model"),
        ..serde_json::from_value(config)?
    };
    let _ = std::fs::remove_dir_all(&config.output);
    let outcome = train(&config, &AtomicBool::new(false), &mut |p| {
        if p.step % 100 == 0 {
            println!("{:5} loss {:.4} {:.0} tokens/s", p.step, p.loss, p.tokens_per_second);
        }
    })?;
    if let Outcome::Finished(report) = outcome {
        println!("{}", serde_json::to_string(&report)?);
    }
    let report = eval(&EvalConfig {
        model: config.output.clone(),
        dataset: folder.join("data/heldout.jsonl"),
        ..EvalConfig::default()
    })?;
    println!(
        "{}/{} = {:.4} in {} ms",
        report.correct,
        report.total,
        report.exact_match(),
        report.elapsed_ms
    );
    for failure in &report.failures {
        println!("  {} -> {} (expected {})", failure.prompt, failure.answered, failure.expected);
    }
    Ok(())
}
