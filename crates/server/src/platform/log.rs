//! The log as those see it who wait for it, prove things by it, or audit it.

use std::collections::BTreeMap;

use kernel::standing::Surroundings;
use store::{Finality, LogView, ViewError};
use tokio::sync::watch;

use super::{Platform, positions::Span};

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

    /// First and last entries, from 0, about things of the fleet within the first `size`. Blocks.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn positions(
        &self,
        size: u64,
        subjects: &[String],
    ) -> Result<BTreeMap<String, Span>, ViewError> {
        self.positions.of(&self.log, size, subjects)
    }

    /// What is known of the platform beside its log, for scores.
    pub(crate) fn surroundings(&self) -> Surroundings {
        let status = self.finality.status();
        Surroundings {
            // Where it is names addresses inside the operator's network.
            key_service: self.vault.key_is_with_service().then(|| "a key service".to_owned()),
            quorum: status.needed,
            witnesses: status.witnesses.len(),
            final_size: status.final_size,
        }
    }
}
