//! Training: AdamW on the completions of a dataset, deterministic and resumable to the byte.
//!
//! The output folder becomes a Hugging Face model. It must never hold half a file, and a run that was
//! killed and started again must end with the bytes of one that was not.

mod batches;
mod card;
mod checkpoint;
mod config;
mod measure;
mod run;
mod step;

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::error::Result;

pub(crate) use batches::Samples;

pub use config::{ShapeConfig, TrainConfig};

/// How the compute figure is obtained, as written into reports.
pub const FLOP_METHOD: &str =
    "6·N·tokens, N = all trainable parameters, tokens = input tokens of all steps";

/// Where a run stands, given to the caller every `log_every` steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss per target token since the last report, in nats.
    pub loss: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Input tokens processed since the start of the run, interruptions included.
    pub tokens: u64,
    /// Input tokens per second of wall time since the last report.
    pub tokens_per_second: f64,
    /// Floating-point operations since the start of the run, by [`FLOP_METHOD`].
    pub flop: u64,
    /// Wall time since the start of the run without interruptions, in milliseconds.
    pub elapsed_ms: u64,
}

/// What a finished run did; also written to `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// Digest of everything the result depends on.
    pub fingerprint: String,
    /// SHA-256 of `model.safetensors`.
    pub model_sha256: String,
    /// SHA-256 of the training samples.
    pub dataset_sha256: String,
    /// Number of trainable parameters.
    pub parameters: u64,
    /// Steps.
    pub steps: u64,
    /// Input tokens processed.
    pub tokens: u64,
    /// Floating-point operations.
    pub flop: u64,
    /// How `flop` was obtained.
    pub flop_method: String,
    /// Wall time in milliseconds, interruptions not counted.
    pub elapsed_ms: u64,
    /// CPU time of the process in milliseconds, where it can be read.
    pub cpu_ms: Option<u64>,
    /// Energy of the processor packages in millijoules, where RAPL is readable; never a guess.
    pub energy_mj: Option<u64>,
    /// Mean loss per target token of the last logging interval, in nats.
    pub loss_train: f64,
    /// Mean loss per target token on the held-out samples, in nats.
    pub loss_heldout: Option<f64>,
    /// Threads used.
    pub threads: usize,
    /// Vector unit used.
    pub vector_unit: String,
}

/// How a call to [`train`] ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The model is in the output folder.
    Finished(Box<TrainReport>),
    /// The stop flag was seen; a checkpoint was written after this many steps.
    Stopped {
        /// Steps done.
        step: u64,
    },
}

/// Trains, or goes on where the output folder's latest whole checkpoint stands.
///
/// A finished run whose model is still in place is recognised and not repeated. When `stop` becomes true the
/// current step is finished, a checkpoint written, and [`Outcome::Stopped`] returned.
///
/// # Errors
/// On unreadable data, a setting out of range, a foreign checkpoint, a diverged loss, or a full disk.
pub fn train(
    config: &TrainConfig,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    run::train(config, stop, progress)
}

#[cfg(test)]
mod tests;
