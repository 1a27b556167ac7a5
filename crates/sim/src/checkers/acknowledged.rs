//! Acknowledged means present: what a client was told is in the log, with the same subject, once.

use std::collections::BTreeMap;

use kernel::{Actor, Entry, Subject};

use crate::platform::{Answer, Request};

type Key = (Actor, String);

/// Answers on one side, entries on the other.
#[derive(Debug, Default)]
pub struct Acknowledged {
    told: BTreeMap<Key, (u64, Subject)>,
    present: BTreeMap<Key, (u64, Subject)>,
}

impl Acknowledged {
    /// Notes an answer.
    ///
    /// # Errors
    /// If the same key was answered before in another way.
    pub fn answered(&mut self, request: &Request, answer: &Answer) -> Result<(), String> {
        let Some(key) = &request.submission.idempotency_key else { return Ok(()) };
        let Answer::Accepted { seq, subject: Some(subject), .. } = answer else { return Ok(()) };
        let told = *self.told.entry((request.actor, key.clone())).or_insert((*seq, *subject));
        if told == (*seq, *subject) {
            return Ok(());
        }
        Err(format!("key `{key}` was answered with {told:?}, now with {:?}", (seq, subject)))
    }

    /// Notes an entry of the log.
    ///
    /// # Errors
    /// If a key stands in the log a second time.
    pub fn entry(&mut self, seq: u64, entry: &Entry) -> Result<(), String> {
        let Some(given) = &entry.idempotency else { return Ok(()) };
        let key = (entry.actor, given.key.clone());
        match self.present.insert(key, (seq, entry.event.subject())) {
            None => Ok(()),
            Some((earlier, _)) => {
                Err(format!("key `{}` stands in the log at {earlier} already", given.key))
            }
        }
    }

    /// Compares both sides.
    ///
    /// # Errors
    /// If something was acknowledged that the log does not hold.
    pub fn all_present(&self) -> Result<(), String> {
        for (key, told) in &self.told {
            if self.present.get(key) != Some(told) {
                let found = self.present.get(key);
                return Err(format!("{key:?} was acknowledged as {told:?}, the log has {found:?}"));
            }
        }
        Ok(())
    }
}
