//! What this gateway has in flight for each endpoint, and which of its requests wait for a replica: what
//! the number of replicas follows.
//!
//! INVARIANT: whatever begins ends, also when a client goes away: both are guards. No key, caller or
//! text is known here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use units::{Id, kinds};

use crate::uptime;

#[cfg(test)]
mod tests;

/// Endpoints, and replicas of one, remembered before idle ones are forgotten.
const REMEMBERED_MAX: usize = 4_096;

/// What is in flight for one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointLoad {
    /// Tokens in flight now: of prompts, and what the answers are expected to have.
    pub tokens: u64,
    /// Tokens in flight times the microseconds for which they were, since the start; wraps.
    pub token_micros: u64,
    /// Requests that came since the start, those that still wait included.
    pub requests: u64,
    /// Requests that wait for a replica.
    pub waiting: u32,
    /// For how long the first of them has.
    pub waited: Duration,
    /// Its replicas by address.
    pub replicas: BTreeMap<Arc<str>, ReplicaLoad>,
}

/// What is in flight at one replica.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicaLoad {
    /// Requests in flight now.
    pub in_flight: u32,
    /// Requests that were sent since the start.
    pub sent: u64,
    /// Those of them that it failed.
    pub failed: u64,
}

/// All endpoints that this gateway serves.
#[derive(Debug, Default)]
pub(crate) struct Loads(Mutex<BTreeMap<Id<kinds::Endpoint>, Arc<Mutex<State>>>>);

#[derive(Debug, Default)]
struct State {
    load: EndpointLoad,
    /// When `token_micros` was last brought up to date.
    counted_at: Duration,
    /// Since when each of those waits that do, in the order of their numbers.
    waits: BTreeMap<u64, Duration>,
    next_wait: u64,
}

impl State {
    fn count(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted_at).as_micros();
        let micros = u64::try_from(passed).unwrap_or(u64::MAX);
        let added = self.load.tokens.wrapping_mul(micros);
        self.load.token_micros = self.load.token_micros.wrapping_add(added);
        self.counted_at = now;
    }

    fn is_idle(&self) -> bool {
        self.load.tokens == 0 && self.waits.is_empty()
    }
}

/// A request that a replica works on; counted until dropped.
#[derive(Debug)]
pub(crate) struct Load {
    state: Arc<Mutex<State>>,
    address: Arc<str>,
    tokens: u64,
}

/// A request that waits for a replica; counted until dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    state: Arc<Mutex<State>>,
    number: u64,
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loads {
    fn of(&self, endpoint: Id<kinds::Endpoint>) -> Arc<Mutex<State>> {
        let mut all = lock(&self.0);
        if all.len() >= REMEMBERED_MAX && !all.contains_key(&endpoint) {
            all.retain(|_, state| Arc::strong_count(state) > 1 || !lock(state).is_idle());
        }
        Arc::clone(all.entry(endpoint).or_default())
    }

    /// A request of so many tokens goes to a replica.
    pub(crate) fn begin(
        &self,
        endpoint: Id<kinds::Endpoint>,
        address: &Arc<str>,
        tokens: u64,
    ) -> Load {
        let shared = self.of(endpoint);
        // A request without text is load as well.
        let tokens = tokens.max(1);
        let mut state = lock(&shared);
        state.count(uptime::now());
        state.load.tokens = state.load.tokens.saturating_add(tokens);
        state.load.requests = state.load.requests.wrapping_add(1);
        let replicas = &mut state.load.replicas;
        if replicas.len() >= REMEMBERED_MAX {
            replicas.retain(|_, one| one.in_flight > 0);
        }
        let replica = replicas.entry(Arc::clone(address)).or_default();
        replica.in_flight = replica.in_flight.saturating_add(1);
        replica.sent = replica.sent.wrapping_add(1);
        drop(state);
        Load { state: shared, address: Arc::clone(address), tokens }
    }

    /// A request begins to wait for a replica, unless so many do already.
    pub(crate) fn wait(&self, endpoint: Id<kinds::Endpoint>, most: usize) -> Option<Waiting> {
        let shared = self.of(endpoint);
        let mut state = lock(&shared);
        if state.waits.len() >= most {
            return None;
        }
        let number = state.next_wait;
        state.next_wait = number.wrapping_add(1);
        state.load.requests = state.load.requests.wrapping_add(1);
        state.waits.insert(number, uptime::now());
        drop(state);
        Some(Waiting { state: shared, number })
    }

    /// Everything as of now.
    pub(crate) fn read(&self) -> Vec<(Id<kinds::Endpoint>, EndpointLoad)> {
        let all: Vec<_> =
            lock(&self.0).iter().map(|(id, state)| (*id, Arc::clone(state))).collect();
        let now = uptime::now();
        let one = |(id, state): (Id<kinds::Endpoint>, Arc<Mutex<State>>)| {
            let mut state = lock(&state);
            state.count(now);
            let first = state.waits.values().next().copied();
            let waiting = u32::try_from(state.waits.len()).unwrap_or(u32::MAX);
            let waited = first.map_or(Duration::ZERO, |since| now.saturating_sub(since));
            (id, EndpointLoad { waiting, waited, ..state.load.clone() })
        };
        all.into_iter().map(one).collect()
    }
}

impl Load {
    /// The replica failed the request.
    pub(crate) fn failed(&self) {
        if let Some(replica) = lock(&self.state).load.replicas.get_mut(&self.address) {
            replica.failed = replica.failed.wrapping_add(1);
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.count(uptime::now());
        state.load.tokens = state.load.tokens.saturating_sub(self.tokens);
        if let Some(replica) = state.load.replicas.get_mut(&self.address) {
            replica.in_flight = replica.in_flight.saturating_sub(1);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.state).waits.remove(&self.number);
    }
}
