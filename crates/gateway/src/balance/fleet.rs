//! What is remembered of an endpoint's replicas: their load, how long answers are, and how many retries there
//! may be.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::health::Health;
use crate::prefix::SLOTS_MAX;

/// Tokens of an answer that are expected before any was seen.
const COMPLETION_TOKENS_FIRST: u64 = 256;
/// After how long a replica that is on no route loses its slot to another.
const SLOT_AGE: Duration = Duration::from_secs(60);
/// What each request adds to the budget of retries, in thousandths of one: a fifth.
const RETRY_SHARE: i64 = 200;
/// Most retries that can be saved up: what a quiet endpoint may spend at once.
const RETRIES_MAX: i64 = 10;

/// An endpoint's replicas.
#[derive(Debug)]
pub(crate) struct Fleet {
    slots: Mutex<Vec<Slot>>,
    /// Sixteen times the mean of an answer's tokens; 0 before the first.
    completion_16: AtomicU64,
    /// Thousandths of a retry.
    retries_milli: AtomicI64,
}

#[derive(Debug)]
struct Slot {
    address: Arc<str>,
    state: Arc<State>,
    seen: Duration,
}

/// The slots of a fleet, held for one choice.
pub(super) struct Slots<'a>(MutexGuard<'a, Vec<Slot>>);

impl Default for Fleet {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
            completion_16: AtomicU64::new(0),
            retries_milli: AtomicI64::new(RETRIES_MAX * 1_000),
        }
    }
}

impl Fleet {
    pub(super) fn slots(&self) -> Slots<'_> {
        Slots(self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tokens that an answer of at most `longest` tokens is expected to have.
    pub(super) fn expected(&self, longest: Option<u64>) -> u64 {
        let mean = match self.completion_16.load(Ordering::Relaxed) / 16 {
            0 => COMPLETION_TOKENS_FIRST,
            mean => mean,
        };
        longest.map_or(mean, |longest| longest.min(mean))
    }

    /// An answer had so many tokens; the last sixteen or so make the mean.
    pub(crate) fn finished(&self, tokens: u64) {
        let mean_16 = self.completion_16.load(Ordering::Relaxed);
        let next = match mean_16 {
            0 => tokens.saturating_mul(16),
            _ => (mean_16 - mean_16 / 16).saturating_add(tokens),
        };
        // Of two at once one may be lost: it is a guess.
        self.completion_16.store(next, Ordering::Relaxed);
    }

    /// A request came: it pays for a part of a retry.
    pub(crate) fn earn_retry(&self) {
        let held = self.retries_milli.load(Ordering::Relaxed);
        if held < RETRIES_MAX * 1_000 {
            self.retries_milli.fetch_add(RETRY_SHARE, Ordering::Relaxed);
        }
    }

    /// Whether a request may be sent once more: a fleet that fails is not asked by twice as many.
    pub(crate) fn spend_retry(&self) -> bool {
        let spent = self.retries_milli.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            (held >= 1_000).then_some(held - 1_000)
        });
        spent.is_ok()
    }
}

impl Slots<'_> {
    /// The slot of a replica and its state; a new one gets the next slot.
    pub(super) fn of(
        &mut self,
        address: &Arc<str>,
        now: Duration,
        state: impl FnOnce() -> Arc<State>,
    ) -> (usize, Arc<State>) {
        let known = self.0.iter_mut().enumerate().find(|(_, slot)| slot.address == *address);
        if let Some((place, slot)) = known {
            slot.seen = now;
            return (place, Arc::clone(&slot.state));
        }
        let (address, state) = (Arc::clone(address), state());
        let slot = Slot { address, state: Arc::clone(&state), seen: now };
        let is_full = self.0.len() >= SLOTS_MAX;
        let is_free = |one: &Slot| is_full && now.saturating_sub(one.seen) > SLOT_AGE;
        let place = self.0.iter().position(is_free).unwrap_or(self.0.len());
        match self.0.get_mut(place) {
            Some(old) => *old = slot,
            None => self.0.push(slot),
        }
        (place, state)
    }
}

/// A replica's load and health.
#[derive(Debug)]
pub(super) struct State {
    tokens: AtomicU64,
    requests: AtomicU64,
    recent: Mutex<Recent>,
    health: Arc<Health>,
}

/// Tokens sent, of which those sent a half-life ago count half.
#[derive(Debug, Default)]
struct Recent {
    tokens: u64,
    at: Duration,
}

impl State {
    pub(super) fn new(health: Arc<Health>) -> Self {
        let (tokens, requests) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { tokens, requests, recent: Mutex::default(), health }
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Tokens outstanding.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Requests outstanding.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Tokens sent of late.
    pub(super) fn recent(&self, now: Duration, half_life: Duration) -> u64 {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).at(now, half_life)
    }

    pub(super) fn begin(&self, tokens: u64, now: Duration, half_life: Duration) {
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let held = recent.at(now, half_life);
        *recent = Recent { tokens: held.saturating_add(tokens), at: now.max(recent.at) };
    }

    /// So many tokens are outstanding no more, of a request that still is.
    pub(super) fn less(&self, tokens: u64) {
        self.tokens.fetch_sub(tokens, Ordering::Relaxed);
    }

    pub(super) fn end(&self, tokens: u64) {
        self.tokens.fetch_sub(tokens, Ordering::Relaxed);
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Recent {
    /// What is left of them: halved for each whole half-life, and in a line between.
    fn at(&self, now: Duration, half_life: Duration) -> u64 {
        let passed = now.saturating_sub(self.at).as_millis();
        let half_life = half_life.as_millis().max(1);
        let Ok(halvings) = u32::try_from(passed / half_life) else { return 0 };
        let whole = u128::from(self.tokens.checked_shr(halvings).unwrap_or(0));
        let part = whole * (passed % half_life) / (2 * half_life);
        u64::try_from(whole - part).unwrap_or(u64::MAX)
    }
}
