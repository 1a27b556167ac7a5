//! The entries that a receipt of a model's answer rests on: the roll-up with the root over the minute's answers, the
//! decisions that the roll-up names, the deployment, and the model's version. None of another tenant's.

use std::collections::BTreeSet;

use kernel::{Entry, Event, endpoint, model, usage};
use units::{Id, UnixMicros, kinds};

use super::{Entries, LogView, ROWS_MAX, ViewError};
use crate::log_store::Row;

impl LogView {
    /// The entries of an answer, and the position of its roll-up among them: the `sequence`-th of a gateway, which
    /// came after `since`. `None` if the log does not have it yet, or not what it rests on.
    /// O(log n) reads, and the entries since then until it is found.
    ///
    /// # Errors
    /// `Store`, or `EntryMissing` when the database lacks what it should have.
    pub fn answer_entries(
        &self,
        gateway: Id<kinds::Gateway>,
        sequence: u64,
        since: UnixMicros,
    ) -> Result<Option<(u64, Entries)>, ViewError> {
        let rolled = self.find_from(self.first_at(since)?, None, "usage.tokens", |event| {
            matches!(event, Event::Usage(usage::Event::Tokens(metered))
                if (metered.gateway, metered.sequence) == (gateway, sequence))
        })?;
        let Some(rollup) = rolled else { return Ok(None) };
        let Ok(entry) = Entry::from_leaf(&rollup.leaf) else { return Ok(None) };
        let Event::Usage(usage::Event::Tokens(metered)) = entry.event else { return Ok(None) };
        let Some((created, version)) = self.deployment(metered.endpoint)? else {
            return Ok(None);
        };
        let mut wanted: BTreeSet<u64> = metered.decided.into_iter().collect();
        wanted.extend([created.seq, version.seq, rollup.seq]);
        let mut entries = Entries::new();
        for seq in wanted {
            let missing = ViewError::EntryMissing { seq };
            let row = self.rows(seq, 1)?.into_iter().next().ok_or(missing)?;
            entries.push((row.seq, row.leaf));
        }
        Ok(Some((rollup.seq, entries)))
    }

    /// The entries in which an endpoint and its model's version came to be.
    fn deployment(&self, id: Id<kinds::Endpoint>) -> Result<Option<(Row, Row)>, ViewError> {
        let times = self.shared.read(|committed| {
            let found = committed.state.endpoints.get(&id)?;
            let id = found.model?;
            let model = committed.state.models.get(&id)?;
            let version = model.version(found.model_version)?;
            let (model, number) = (id, found.model_version);
            Some((found.meta.created_at, version.created_at, model, number))
        });
        let Some((created_at, added_at, model, number)) = times else { return Ok(None) };
        let at = |at| self.first_at(at).map(|seq| (seq, Some(at)));
        let (from, until) = at(created_at)?;
        let created = self.find_from(from, until, "endpoint.created", |event| {
            matches!(event, Event::Endpoint(endpoint::Event::Created { id: made, .. }) if *made == id)
        })?;
        let (from, until) = at(added_at)?;
        let added = self.find_from(from, until, "model.version_added", |event| {
            matches!(event, Event::Model(model::Event::VersionAdded { number: made, version, .. })
                if version.id == model && *made == number)
        })?;
        Ok(created.zip(added))
    }

    /// The first entry that is not older; the log's size if all are. Times never decrease.
    fn first_at(&self, at: UnixMicros) -> Result<u64, ViewError> {
        let (mut low, mut high) = (0, self.size());
        while low < high {
            let middle = low.midpoint(high);
            let missing = ViewError::EntryMissing { seq: middle };
            let row = self.rows(middle, 1)?.into_iter().next().ok_or(missing)?;
            if row.at < at {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The first entry of a kind from a position on that is wanted, looking no further than a time.
    fn find_from(
        &self,
        from: u64,
        until: Option<UnixMicros>,
        kind: &str,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Option<Row>, ViewError> {
        let mut next = from;
        loop {
            let rows = self.rows(next, ROWS_MAX)?;
            let Some(last) = rows.last() else { return Ok(None) };
            let is_past = until.is_some_and(|until| last.at > until);
            next = last.seq.saturating_add(1);
            let found = rows.into_iter().find(|row| {
                row.kind == kind
                    && Entry::from_leaf(&row.leaf).is_ok_and(|entry| wanted(&entry.event))
            });
            if found.is_some() || is_past {
                return Ok(found);
            }
        }
    }
}
