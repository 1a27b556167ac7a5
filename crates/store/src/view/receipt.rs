//! The receipt of a workload: everything that the log says of it, proven. It must not leave out an
//! entry of the workload, nor show one of another tenant's.

use std::collections::BTreeSet;

use kernel::workload::OutputStatus;
use kernel::{Entry, Event, Subject, model, policy_set};
use ledger::Receipt;
use units::{Id, kinds};

use super::{LogView, ROWS_MAX, ViewError};
use crate::log_store::Row;

impl LogView {
    /// A receipt of all entries that concern a workload: its life, its placements with the policy
    /// decisions, its use as billed, refusals, and the model version or evaluation it made. It
    /// verifies offline with the log's verifier key. O(entries since the workload was submitted).
    ///
    /// # Errors
    /// `NothingAbout` if there is no such workload, `Receipt` above the format's limits, `Store`.
    pub fn receipt(&self, workload: Id<kinds::Workload>) -> Result<Receipt, ViewError> {
        let nothing = || ViewError::NothingAbout { subject: workload.to_string() };
        let range = self.shared.read(|committed| {
            let found = committed.state.workloads.get(&workload)?;
            let settled = found.has_ended()
                && match found.outputs {
                    OutputStatus::None | OutputStatus::Failed { .. } => true,
                    OutputStatus::Pending | OutputStatus::Registered => false,
                };
            let size = committed.state.size;
            let end = if settled { found.last_seq.saturating_add(1).min(size) } else { size };
            Some((found.submitted_seq, end))
        });
        let (mut next, end) = range.ok_or_else(nothing)?;
        let mut entries = Vec::new();
        while next < end {
            let left = usize::try_from(end.saturating_sub(next)).unwrap_or(usize::MAX);
            let rows = self.shared.reader().read(next, left.min(ROWS_MAX))?;
            if rows.is_empty() {
                return Err(ViewError::EntryMissing { seq: next });
            }
            next = next.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            entries.extend(
                rows.into_iter()
                    .filter(|row| concerns(workload, row))
                    .map(|row| (row.seq, row.leaf)),
            );
        }
        self.add_decisions(workload, &mut entries)?;
        let subject = workload.to_string();
        let receipt = self.shared.read(|committed| {
            Receipt::build(&subject, &committed.checkpoint, entries, &committed.tree)
        })?;
        Ok(receipt)
    }
}

impl LogView {
    /// The decisions that allowed its placements: of its own project, made for it or for other work
    /// before it.
    fn add_decisions(
        &self,
        workload: Id<kinds::Workload>,
        entries: &mut Vec<(u64, Vec<u8>)>,
    ) -> Result<(), ViewError> {
        let mut decided: BTreeSet<u64> = self.shared.read(|committed| {
            let attempts = committed.state.workloads.get(&workload).map(|w| w.attempts.as_slice());
            let attempts = attempts.unwrap_or_default().iter();
            attempts.flat_map(|attempt| attempt.decided.iter().copied()).collect()
        });
        for (seq, _) in entries.iter() {
            decided.remove(seq);
        }
        for seq in decided {
            let rows = self.shared.reader().read(seq, 1)?;
            let row = rows.into_iter().next().ok_or(ViewError::EntryMissing { seq })?;
            entries.push((row.seq, row.leaf));
        }
        entries.sort_by_key(|(seq, _)| *seq);
        Ok(())
    }
}

/// True if the entry is the workload's own, or one of the few kinds that name it inside.
fn concerns(workload: Id<kinds::Workload>, row: &Row) -> bool {
    if row.subject == workload.to_string() {
        return true;
    }
    // Only these kinds name a workload that is not their subject; parsing all would be slow.
    if !matches!(row.kind.as_str(), "model.version_added" | "model.evaluated" | "policy.refused") {
        return false;
    }
    Entry::from_leaf(&row.leaf).is_ok_and(|entry| names(workload, &entry.event))
}

fn names(workload: Id<kinds::Workload>, event: &Event) -> bool {
    match event {
        Event::Model(model::Event::VersionAdded { version, .. }) => {
            version.lineage.workload == Some(workload)
        }
        Event::Model(model::Event::Evaluated { evaluation, .. }) => {
            evaluation.workload == Some(workload)
        }
        Event::PolicySet(policy_set::Event::Refused(refused)) => {
            refused.workload == workload.to_string()
        }
        _ => event.subject() == Subject::Workload(workload),
    }
}
