//! Repeated commands answer as the first one did. The memory is part of the state, so it survives a
//! restart, and it is bounded: the oldest key is forgotten first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::Digest;

use crate::{Actor, Reject, Stamp, Subject, event::Idempotency, limits};

/// What is remembered of a command that came with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Whose key it was.
    pub actor: Actor,
    /// The key.
    pub key: String,
    /// The command's digest.
    pub digest: Digest,
    /// What the command's first event was about.
    pub subject: Subject,
}

/// The bounded memory of keys, by the sequence number of the command's first entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    by_seq: BTreeMap<u64, Remembered>,
    /// Derived from `by_seq`; rebuilt on load.
    #[serde(skip)]
    by_key: BTreeMap<(Actor, String), u64>,
}

impl Memory {
    /// The earlier command with this key, if it is the same command.
    pub(crate) fn find(
        &self,
        actor: Actor,
        key: &str,
        digest: Digest,
    ) -> Result<Option<(u64, &Remembered)>, Reject> {
        let Some(seq) = self.by_key.get(&(actor, key.to_owned())) else { return Ok(None) };
        match self.by_seq.get(seq) {
            Some(found) if found.digest == digest => Ok(Some((*seq, found))),
            Some(_) => Err(Reject::IdempotencyMismatch { key: key.to_owned() }),
            None => Ok(None),
        }
    }

    /// Remembers a command, forgetting the oldest above the limit.
    pub(crate) fn remember(&mut self, given: &Idempotency, subject: Subject, stamp: &Stamp) {
        let remembered = Remembered {
            actor: stamp.actor,
            key: given.key.clone(),
            digest: given.digest,
            subject,
        };
        self.by_key.insert((stamp.actor, given.key.clone()), stamp.seq);
        self.by_seq.insert(stamp.seq, remembered);
        while self.by_seq.len() > limits::IDEMPOTENCY_KEYS_KEPT {
            let Some((_, oldest)) = self.by_seq.pop_first() else { break };
            self.by_key.remove(&(oldest.actor, oldest.key));
        }
    }

    /// Rebuilds the index after a snapshot was read.
    pub(crate) fn rebuild(&mut self) {
        self.by_key = self.by_seq.iter().map(|(seq, r)| ((r.actor, r.key.clone()), *seq)).collect();
    }
}
