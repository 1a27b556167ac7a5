//! Small language models on the CPU: dataset, tokenizer, training, evaluation and serving.
//!
//! The one invariant this crate guards: **the same seed gives the same bytes**, whatever the number of
//! threads, and whether or not the run was interrupted and resumed; and a request gets the same answer
//! alone as among others. It prints nothing and reads no environment variable: the application does.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numeric kernels convert between sizes and floats on purpose; every size is checked on entry"
)]

mod chat;
pub mod dataset;
mod error;
pub mod eval;
mod files;
mod generate;
mod kernel;
pub mod logits;
mod model;
mod parallel;
mod rate;
mod rng;
pub mod serve;
pub mod tokenizer;
pub mod train;

pub use error::{LmError, Result};
pub use kernel::lanes::vector_unit;
pub use model::{CONTEXT_MAX, Model, ModelConfig};
