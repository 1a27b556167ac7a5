//! Where time and randomness enter. The real ones are here; simulation and tests bring their own.
//! Nothing else in this crate may read a clock into the log.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use units::UnixMicros;

/// Gives the time that entries are stamped with. It may jump back: the sequencer never does.
pub trait Clock: Send + fmt::Debug {
    /// The time now.
    fn now(&mut self) -> UnixMicros;
}

/// Gives the ten random bytes from which a command's ids are made.
pub trait Entropy: Send + fmt::Debug {
    /// Ten fresh bytes.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    fn draw(&mut self) -> Result<[u8; 10], EntropyError>;
}

/// The system gave no randomness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers: {reason}")]
pub struct EntropyError {
    /// What it said.
    pub reason: String,
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&mut self) -> UnixMicros {
        system_now()
    }
}

/// The system's secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&mut self) -> Result<[u8; 10], EntropyError> {
        let mut bytes = [0_u8; 10];
        fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The system's time; 1970 for a clock set before it.
pub(crate) fn system_now() -> UnixMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Fills a buffer from the system's secure random source.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|error| EntropyError { reason: error.to_string() })
}
