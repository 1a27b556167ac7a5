//! After an append that did not say "stored": what was decided is dropped and read again from the
//! log, the way a start does. Nothing may be told failed that the log holds.

use super::answer::{Answer, SubmitError, Verdict};
use super::working::{Pending, Working};
use super::{Worker, committed, deliver};
use crate::boot::{self, BootError};
use crate::log_store::AppendError;

impl Worker {
    /// Finds out what is true and answers the callers by it.
    ///
    /// # Errors
    /// If the log cannot be read again; the sequencer then ends.
    pub(super) fn recover(
        &mut self,
        error: &AppendError,
        pending: &Pending,
        verdicts: Vec<(Answer, Verdict)>,
    ) -> Result<(), BootError> {
        tracing::warn!(append.error = %error, "a batch was not acknowledged: {error}");
        let reason = error.to_string();
        if self.nothing_changed(error) {
            self.working = self.shared.read(|committed| Working {
                state: committed.state.clone(),
                frontier: committed.tree.frontier().clone(),
            });
            deliver_all(verdicts, &SubmitError::NotStored { reason });
            return Ok(());
        }
        let rebuilt = match boot::rebuild(self.store.as_mut(), &self.key) {
            Ok(rebuilt) => rebuilt,
            Err(unreadable) => {
                deliver_all(verdicts, &SubmitError::Unknown { reason });
                return Err(unreadable);
            }
        };
        let start = usize::try_from(pending.first_seq).unwrap_or(usize::MAX);
        let stored = rebuilt.tree.level(0).get(start..).unwrap_or_default();
        let is_durable = stored.starts_with(&pending.hashes);
        let fresh = committed(&rebuilt, &self.key)?;
        self.working = Working { state: rebuilt.state, frontier: rebuilt.tree.frontier().clone() };
        self.head = rebuilt.head;
        self.shared.update(|old| *old = fresh);
        self.shared.notify(self.head.size);
        if is_durable {
            deliver(verdicts);
        } else if error.is_unknown() {
            // It is not there now, but a write may still be on its way.
            deliver_all(verdicts, &SubmitError::Unknown { reason });
        } else {
            deliver_all(verdicts, &SubmitError::NotStored { reason });
        }
        Ok(())
    }

    /// True if the store itself says that nothing was stored, and the log agrees.
    fn nothing_changed(&mut self, error: &AppendError) -> bool {
        let is_definite = match error {
            AppendError::Full
            | AppendError::Busy
            | AppendError::Malformed { .. }
            | AppendError::NotStored { .. } => true,
            AppendError::Conflict { .. } | AppendError::UnknownOutcome { .. } => false,
        };
        is_definite && self.store.head().is_ok_and(|head| head == self.head)
    }
}

/// Refusals stand on the same state as everything else in the batch, so they fail with it.
fn deliver_all(verdicts: Vec<(Answer, Verdict)>, error: &SubmitError) {
    for (answer, _) in verdicts {
        answer.give(Err(error.clone()));
    }
}
