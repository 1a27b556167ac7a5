//! Where in the log the fleet's things were recorded and last changed, for reports that point there.
//!
//! Derived from the log and kept in memory; each look reads only what came since the last one. Holds
//! nothing of tenants but the ids of their policies.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use store::{LogView, ViewError};

/// Kinds of ids that reports point to.
const PREFIXES: [&str; 6] = ["site_", "ent_", "sto_", "evd_", "node_", "pol_"];

/// First and last entry about something, from 0.
pub(crate) type Span = (u64, u64);

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Positions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    upto: u64,
    spans: BTreeMap<String, Span>,
}

impl Positions {
    /// Spans of these subjects in the first `size` entries; O(entries since the last look). Blocks.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(super) fn of(
        &self,
        log: &LogView,
        size: u64,
        subjects: &[String],
    ) -> Result<BTreeMap<String, Span>, ViewError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let from = known.upto;
        if from < size {
            let mut spans = std::mem::take(&mut known.spans);
            // What was read of a scan that failed is not believed.
            known.upto = 0;
            log.scan(from, size, |row| {
                if PREFIXES.iter().any(|prefix| row.subject.starts_with(prefix)) {
                    let span = spans.entry(row.subject.clone()).or_insert((row.seq, row.seq));
                    span.1 = row.seq;
                }
            })?;
            known.spans = spans;
            known.upto = size;
        }
        let found = subjects.iter().filter_map(|subject| {
            let (first, last) = *known.spans.get(subject)?;
            // Somebody else may have read on since.
            let last = if last < size { last } else { first };
            (first < size).then(|| (subject.clone(), (first, last)))
        });
        Ok(found.collect())
    }
}
