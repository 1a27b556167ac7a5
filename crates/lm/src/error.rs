//! The one error type of this crate. It must never lose the file, tensor or field an error is about.

use std::path::{Path, PathBuf};

/// Everything that can go wrong in training, evaluating, loading and serving.
#[derive(Debug, thiserror::Error)]
pub enum LmError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `create`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// A file was read but its contents are not what its format demands.
    #[error("`{}` is not a valid {what}: {detail}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A tensor is absent from the weights.
    #[error("tensor `{tensor}` is missing from `{}`; the folder is incomplete or of another architecture", path.display())]
    TensorMissing {
        /// The file or index in which the tensor was looked for.
        path: PathBuf,
        /// The Hugging Face name of the tensor.
        tensor: String,
    },
    /// A tensor has another shape than `config.json` promises.
    #[error("tensor `{tensor}` in `{}` has shape {found:?} where config.json asks for {expected:?}", path.display())]
    TensorShape {
        /// The weights file.
        path: PathBuf,
        /// The Hugging Face name of the tensor.
        tensor: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that follows from `config.json`.
        expected: Vec<usize>,
    },
    /// A tensor is stored in a number format this crate does not read.
    #[error("tensor `{tensor}` in `{}` is stored as {dtype}; only F32, F16 and BF16 are read", path.display())]
    TensorType {
        /// The weights file.
        path: PathBuf,
        /// The Hugging Face name of the tensor.
        tensor: String,
        /// The number format in the file.
        dtype: String,
    },
    /// The model is of a kind this crate does not run.
    #[error("`{}`: {detail}; this engine runs MistralForCausalLM and LlamaForCausalLM", path.display())]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// What is not supported.
        detail: String,
    },
    /// A setting is out of range or contradicts another.
    #[error("setting `{field}`: {detail}")]
    Setting {
        /// The name of the setting.
        field: &'static str,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The checkpoints in the output folder belong to another run.
    #[error("checkpoint `{}` was written by a run with other settings or data; choose another output folder or delete it", path.display())]
    ForeignCheckpoint {
        /// The checkpoint that does not fit.
        path: PathBuf,
    },
    /// The tokenizer refused.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The loss stopped being a number.
    #[error("the loss is not finite at step {step}; lower `learning_rate` or raise `warmup_steps`")]
    Diverged {
        /// The step, counted from 1.
        step: u64,
    },
    /// The server could not start or stopped unexpectedly.
    #[error("server: {0}")]
    Server(String),
}

impl LmError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn format(path: &Path, what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Format { path: path.to_path_buf(), what, detail: detail.to_string() }
    }

    pub(crate) fn setting(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Setting { field, detail: detail.into() }
    }
}

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, LmError>;
