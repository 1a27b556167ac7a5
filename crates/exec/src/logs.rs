//! The log of an attempt: written with rotation by the shim, read by the API.
//!
//! `log` is the newest file, `log.1` the one before, and so on. Readers follow by inode, so a
//! rotation between two reads loses nothing as long as the file is still kept.

mod follow;
mod write;

use serde::{Deserialize, Serialize};
use units::Bytes;

pub use follow::{Follower, follow, tail};
pub(crate) use write::RotatingLog;

/// How much of a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLimits {
    /// A file is rotated before it grows beyond this.
    pub file_size: Bytes,
    /// Files kept, the newest included; at least 1.
    pub n_files: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { file_size: Bytes(8 << 20), n_files: 3 }
    }
}

/// The name of the newest file.
pub(crate) const NAME: &str = "log";

/// The name of the file `age` rotations ago.
pub(crate) fn name(age: u32) -> String {
    if age == 0 { NAME.to_owned() } else { format!("{NAME}.{age}") }
}

#[cfg(test)]
mod tests;
