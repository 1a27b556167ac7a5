//! The log as those see it who wait for it, prove things by it, or audit it.

use store::{Finality, LogView};
use tokio::sync::watch;

use super::Platform;

impl Platform {
    /// The size of the durable log, for whoever waits for changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }

    /// The size of the durable log now.
    #[must_use]
    pub fn read_size(&self) -> u64 {
        self.handle.size()
    }

    /// The log as auditors see it.
    #[must_use]
    pub const fn log(&self) -> &LogView {
        &self.log
    }

    /// What witnesses say of the log.
    #[must_use]
    pub const fn finality(&self) -> &Finality {
        &self.finality
    }

    /// The size of the last final checkpoint, for whoever waits for it.
    #[must_use]
    pub fn watch_final(&self) -> watch::Receiver<u64> {
        self.final_size.clone()
    }
}
