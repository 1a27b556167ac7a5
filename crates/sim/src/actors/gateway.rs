//! A simulated gateway: numbered roll-ups, sent again until one is known to have arrived, and
//! sometimes twice. Token counts are invented.

use kernel::{Actor, Command, State, usage};
use units::{Digest, Id, Tokens, UnixMicros, kinds};

use super::catalogue::any;
use crate::{
    platform::{Answer, Request},
    rng::Rng,
};

/// One gateway process after the other.
#[derive(Debug)]
pub struct Gateway {
    rng: Rng,
    id: Id<kinds::Gateway>,
    sequence: u64,
    open: Option<Request>,
}

impl Gateway {
    /// A first process.
    #[must_use]
    pub fn new(mut rng: Rng) -> Self {
        let id = Id::from_parts(1, rng.ten_bytes());
        Self { rng, id, sequence: 0, open: None }
    }

    /// The process ends and another takes over, with numbers of its own. What was not known to
    /// have arrived is lost, as it would be with a process killed hard.
    pub fn restart(&mut self) {
        self.id = Id::from_parts(1, self.rng.ten_bytes());
        self.sequence = 0;
        self.open = None;
    }

    /// True while a roll-up waits for its answer.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.open.is_some()
    }

    /// Sends what waits, or counts another minute.
    pub fn round(&mut self, state: &State, now: UnixMicros) -> Vec<Request> {
        if self.open.is_none() {
            self.open = self.roll_up(state, now);
        }
        let n = if self.rng.chance(20) { 2 } else { 1 };
        self.open.iter().flat_map(|request| std::iter::repeat_n(request.clone(), n)).collect()
    }

    /// Learns an answer. A refusal is final: the key or endpoint does not exist.
    pub fn answered(&mut self, request: &Request, answer: &Answer) {
        if self.open.as_ref() != Some(request) {
            return;
        }
        match answer {
            Answer::Unknown => {}
            Answer::Accepted { .. } => {
                self.sequence = self.sequence.saturating_add(1);
                self.open = None;
            }
            Answer::Rejected(_) => self.open = None,
        }
    }

    fn roll_up(&mut self, state: &State, now: UnixMicros) -> Option<Request> {
        let key = any(&mut self.rng, &state.keys)?;
        let minute = UnixMicros(now.0.div_euclid(60_000_000).saturating_mul(60_000_000));
        // A gateway counts what it routed, and it has no route but to placed services.
        let endpoint = any(&mut self.rng, &state.endpoints)?;
        let found = state.endpoints.get(&endpoint)?;
        if found.routes_since(state, minute).is_empty() {
            return None;
        }
        let (requests, errors) = (self.rng.between(1, 100), self.rng.below(3));
        let record = usage::Command::RecordTokens {
            gateway: self.id,
            sequence: self.sequence.saturating_add(1),
            key,
            endpoint,
            minute,
            requests,
            errors,
            tokens_in: Tokens(self.rng.below(300_000)),
            tokens_out: Tokens(self.rng.below(300_000)),
            estimated: self.rng.chance(10),
            answers: answers(requests.saturating_sub(errors), self.sequence),
        };
        Some(Request::new(Actor::Gateway, Command::Usage(record)))
    }
}

/// So many answers under a root that is as invented as they are.
fn answers(count: u64, sequence: u64) -> Option<usage::Answers> {
    let mut root = [0; 32];
    root.iter_mut().zip(sequence.to_be_bytes()).for_each(|(to, from)| *to = from);
    (count > 0).then_some(usage::Answers { count, root: Digest(root) })
}
