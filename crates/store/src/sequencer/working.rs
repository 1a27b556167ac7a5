//! The state to come: decides commands one after the other and collects their entries. Nothing in
//! here is visible to anybody until the batch is durable.

use kernel::{
    Actor, Ctx, Entry, EntryError, Event, Idempotency, Reject, Remembered, State, Submission,
    policy_set,
};
use ledger::{Frontier, Hash, leaf_hash};
use units::UnixMicros;

use super::Worker;
use super::answer::{Outcome, SubmitError, Verdict};
use crate::log_store::Row;

/// Rows read at once when an earlier command's entries are counted.
const REPEAT_ROWS: usize = 64;

/// The state and tree with everything decided, durable or not.
pub(crate) struct Working {
    pub(crate) state: State,
    pub(crate) frontier: Frontier,
}

/// The entries of a batch that is being made.
pub(crate) struct Pending {
    pub(crate) first_seq: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) hashes: Vec<Hash>,
}

impl Pending {
    pub(crate) fn new(first_seq: u64) -> Self {
        Self { first_seq, rows: Vec::new(), entries: Vec::new(), hashes: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Worker {
    /// Decides one command; its entries join the batch.
    pub(super) fn decide(
        &mut self,
        actor: Actor,
        submission: &Submission,
        pending: &mut Pending,
    ) -> Verdict {
        let state = &self.working.state;
        if let Some((seq, remembered)) = state.repeated(actor, submission)? {
            return self.repeat(seq, &remembered, pending);
        }
        let earliest = UnixMicros(state.last_at.0.saturating_add(1));
        let now = self.config.clock.now().max(earliest);
        let random = self.config.entropy.draw();
        let random =
            random.map_err(|error| SubmitError::NotStored { reason: error.to_string() })?;
        let ctx = Ctx { now, actor, random };
        match kernel::decide(state, submission, &ctx) {
            Ok(events) => {
                let idempotency = idempotency(submission)?;
                let first_seq = self.working.state.size;
                let subject = events.first().map(Event::subject);
                self.take(&ctx, idempotency, events, pending)?;
                let next_seq = self.working.state.size;
                Ok(Outcome { first_seq, next_seq, subject, at: now, repeated: false })
            }
            Err(Reject::ForbiddenByPolicy(refused)) => {
                let event = Event::PolicySet(policy_set::Event::Refused((*refused).clone()));
                // No key is remembered with it: a refusal is asked anew, the policy may change.
                if let Err(reject) = self.take(&ctx, None, vec![event], pending) {
                    tracing::warn!("a refusal could not be recorded: {reject}");
                }
                Err(Reject::ForbiddenByPolicy(refused).into())
            }
            Err(Reject::ForbiddenToPlatform { event, refusal }) => {
                if let Err(reject) = self.take(&ctx, None, vec![(*event).clone()], pending) {
                    tracing::warn!("a refusal could not be recorded: {reject}");
                }
                Err(Reject::ForbiddenToPlatform { event, refusal }.into())
            }
            Err(reject) => Err(reject.into()),
        }
    }

    /// Makes leaves of a command's events and applies them, all or none.
    fn take(
        &mut self,
        ctx: &Ctx,
        mut idempotency: Option<Idempotency>,
        events: Vec<Event>,
        pending: &mut Pending,
    ) -> Result<(), Reject> {
        let mut made = Vec::with_capacity(events.len());
        for event in events {
            let entry =
                Entry { at: ctx.now, actor: ctx.actor, idempotency: idempotency.take(), event };
            let leaf = entry.to_leaf().map_err(reject_of)?;
            made.push((entry, leaf));
        }
        for (entry, leaf) in made {
            let hash = leaf_hash(&leaf);
            let seq = self.working.frontier.append(hash);
            pending.rows.push(Row {
                seq,
                at: entry.at,
                kind: entry.event.kind().to_owned(),
                subject: entry.event.subject().to_string(),
                leaf,
            });
            pending.hashes.push(hash);
            self.working.state.apply(&entry);
            pending.entries.push(entry);
        }
        Ok(())
    }

    /// The answer that an earlier command got, from its entries: they share one time, which no
    /// other command has.
    fn repeat(&mut self, first_seq: u64, remembered: &Remembered, pending: &Pending) -> Verdict {
        let missing = |reason: String| SubmitError::NotStored { reason };
        let mut at: Option<UnixMicros> = None;
        let mut next_seq = first_seq;
        loop {
            let rows = if next_seq >= pending.first_seq {
                let skip = usize::try_from(next_seq.saturating_sub(pending.first_seq));
                let rest = pending.rows.get(skip.unwrap_or(usize::MAX)..).unwrap_or_default();
                rest.iter().map(|row| row.at).collect::<Vec<_>>()
            } else {
                let left = usize::try_from(pending.first_seq.saturating_sub(next_seq));
                let limit = left.unwrap_or(usize::MAX).min(REPEAT_ROWS);
                let rows = self.store.read(next_seq, limit);
                let rows = rows.map_err(|error| missing(error.to_string()))?;
                rows.iter().map(|row| row.at).collect()
            };
            let same = rows.iter().take_while(|time| **time == *at.get_or_insert(**time)).count();
            next_seq = next_seq.saturating_add(u64::try_from(same).unwrap_or(u64::MAX));
            if same < rows.len() || rows.is_empty() || next_seq >= self.working.state.size {
                break;
            }
        }
        let at = at.ok_or_else(|| missing(format!("entry {first_seq} cannot be read")))?;
        let subject = Some(remembered.subject);
        Ok(Outcome { first_seq, next_seq, subject, at, repeated: true })
    }
}

fn idempotency(submission: &Submission) -> Result<Option<Idempotency>, Reject> {
    let Some(key) = &submission.idempotency_key else { return Ok(None) };
    Ok(Some(Idempotency { key: key.clone(), digest: submission.command.digest()? }))
}

fn reject_of(error: EntryError) -> Reject {
    match error {
        EntryError::TooLarge { bytes, limit } => Reject::EntryTooLarge { bytes, limit },
        EntryError::Json(error) => Reject::Invalid { field: "command", message: error.to_string() },
    }
}
