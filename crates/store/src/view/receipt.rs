//! Receipts: which entries concern something, and their proofs. They must not leave out an entry of a
//! workload, nor show one of another tenant's.

use std::collections::BTreeSet;

use kernel::workload::OutputStatus;
use kernel::{Entry, Event, Subject, model, policy_set};
use ledger::receipt::TlogProof;
use ledger::{Receipt, ReceiptError};
use units::{Id, kinds};

use super::{LogView, ROWS_MAX, ViewError};
use crate::log_store::Row;

/// Entries with their positions, in order.
pub type Entries = Vec<(u64, Vec<u8>)>;

impl LogView {
    /// A receipt of all entries that concern a workload, at the newest checkpoint. It verifies offline with
    /// the log's verifier key.
    ///
    /// # Errors
    /// As [`workload_entries`](Self::workload_entries) and [`prove`](Self::prove).
    pub fn receipt(&self, workload: Id<kinds::Workload>) -> Result<Receipt, ViewError> {
        let entries = self.workload_entries(workload)?;
        self.prove(&workload.to_string(), &self.checkpoint(), entries)
    }

    /// All entries that concern a workload: its life, its placements with the policy decisions, its use as
    /// billed, refusals, and the model version or evaluation it made. O(entries since it was submitted).
    ///
    /// # Errors
    /// `NothingAbout` if there is no such workload, `Store`.
    pub fn workload_entries(&self, workload: Id<kinds::Workload>) -> Result<Entries, ViewError> {
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
        let (start, end) = range.ok_or_else(nothing)?;
        let mut entries = Vec::new();
        self.scan(start, end, |row| {
            if concerns(workload, row) {
                entries.push((row.seq, row.leaf.clone()));
            }
        })?;
        self.add_decisions(workload, &mut entries)?;
        Ok(entries)
    }

    /// The decisions that allowed its placements: of its own project, made for it or for other work
    /// before it.
    fn add_decisions(
        &self,
        workload: Id<kinds::Workload>,
        entries: &mut Entries,
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
            self.scan(seq, seq.saturating_add(1), |row| {
                entries.push((row.seq, row.leaf.clone()));
            })?;
        }
        entries.sort_by_key(|(seq, _)| *seq);
        Ok(())
    }

    /// Shows the durable rows from `start` up to `end`, in order. O(`end` - `start`).
    ///
    /// # Errors
    /// `Store`, or `EntryMissing` when the database lacks what it should have.
    pub fn scan(&self, start: u64, end: u64, mut each: impl FnMut(&Row)) -> Result<(), ViewError> {
        let mut next = start;
        while next < end {
            let left = usize::try_from(end.saturating_sub(next)).unwrap_or(usize::MAX);
            let rows = self.shared.reader().read(next, left.min(ROWS_MAX))?;
            if rows.is_empty() {
                return Err(ViewError::EntryMissing { seq: next });
            }
            next = next.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            rows.iter().for_each(&mut each);
        }
        Ok(())
    }

    /// A receipt of these entries at a signed checkpoint of this log, such as its last final one. Every
    /// proof is checked before it is handed out.
    ///
    /// # Errors
    /// `Receipt` for entries that are not in order or beyond the checkpoint, and above the format's limits.
    pub fn prove(
        &self,
        subject: &str,
        checkpoint: &str,
        entries: Entries,
    ) -> Result<Receipt, ViewError> {
        let made = self
            .shared
            .read(|committed| Receipt::build(subject, checkpoint, entries, &committed.tree));
        Ok(made?)
    }
}

/// Each entry of a receipt's file as a `.tlog-proof` of its own, with its position: files for tools of
/// others. Nothing is verified here.
///
/// # Errors
/// If that is not a receipt.
pub fn tlog_proofs(receipt: &[u8]) -> Result<Vec<(u64, String)>, ReceiptError> {
    let receipt = Receipt::parse(receipt)?;
    let proofs = (0..receipt.entries.len()).filter_map(|place| receipt.tlog_proof(place));
    Ok(proofs.map(|proof: TlogProof| (proof.index, proof.to_string())).collect())
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
