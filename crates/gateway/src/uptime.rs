//! The clock of loads and breakers: the time since this process first looked, which never goes back.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the start.
pub(crate) fn now() -> Duration {
    START.elapsed()
}
