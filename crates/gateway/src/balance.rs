//! Choice of a replica: the one where a request costs least, of those that have read its beginning before and
//! of two drawn ones ("power of two choices", Mitzenmacher 2001).
//!
//! What a request costs somewhere is counted in tokens: those that this gateway has outstanding there (prompts,
//! until their answer begins, and what the answers are expected to have), a part of those sent there of late,
//! and, at several times that weight, those of its own prompt that the replica would have to read anew. So a
//! long conversation stays where it is until waiting there costs clearly more than reading it again elsewhere. Draws come from a counter put through a mixing function, so a
//! seed repeats them. ADR 26.

mod fleet;
mod health;
mod outstanding;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use units::{Id, kinds};

use crate::directory::{Replica, Route};
use crate::prefix::{BYTES_MAX, Chain, Matches, Table, hash_of};
pub(crate) use fleet::Fleet;
use fleet::State;
pub(crate) use health::{Admission, Health};
pub use outstanding::Outstanding;

/// Replicas, and endpoints, remembered before idle ones are forgotten.
const REMEMBERED_MAX: usize = 4_096;

/// How replicas are chosen.
#[derive(Debug, Clone)]
pub struct BalanceConfig {
    /// Start of the sequence of draws; any value is right, equal values repeat them.
    pub seed: u64,
    /// Beginnings of prompts that are remembered, 24 bytes each; 0 for none.
    pub prefixes_max: usize,
    /// How long one is remembered after its last use.
    pub prefix_age: Duration,
    /// What reading a token anew weighs against one outstanding token, in thousandths.
    pub miss_milli: u64,
    /// What a token sent of late weighs against one outstanding token, in thousandths.
    pub recent_milli: u64,
    /// After how long a token sent counts half.
    pub recent_half_life: Duration,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            prefixes_max: 1 << 17,
            prefix_age: Duration::from_secs(1_800),
            miss_milli: 4_000,
            recent_milli: 100,
            recent_half_life: Duration::from_secs(30),
        }
    }
}

/// What a request asks of a replica, as far as the choice of one goes.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The text that an engine may have read before: the value of `messages` or `prompt` as it came, or
    /// nothing.
    pub prompt: &'a [u8],
    /// The gateway's guess at the prompt.
    pub prompt_tokens: u64,
    /// The longest answer that was asked for, if the client said so.
    pub completion_tokens_max: Option<u64>,
    /// What the client says its requests have in common, such as a conversation.
    pub session: Option<&'a [u8]>,
}

/// What is known of replicas, and how one is chosen.
#[derive(Debug, Clone)]
pub struct Balance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: BalanceConfig,
    counter: AtomicU64,
    replicas: Mutex<BTreeMap<Arc<str>, Arc<State>>>,
    fleets: RwLock<BTreeMap<Id<kinds::Endpoint>, Arc<Fleet>>>,
    prefixes: Table,
}

/// A request on its way to a route: what its beginnings are known by.
#[derive(Debug)]
pub(crate) struct Traces {
    prompt: Chain,
    session: Option<Chain>,
    found: Matches,
    found_session: Option<Matches>,
    /// Bytes of the prompt that can match.
    prompt_bytes: usize,
}

/// A replica that can be chosen.
struct Candidate<'a> {
    replica: &'a Replica,
    slot: usize,
    state: Arc<State>,
    is_trial: bool,
    cost: u64,
    is_known: bool,
}

impl Balance {
    /// Knows of no replica yet.
    #[must_use]
    pub fn new(config: BalanceConfig) -> Self {
        let prefixes = Table::new(config.prefixes_max, config.prefix_age);
        let counter = AtomicU64::new(config.seed);
        let (replicas, fleets) = (Mutex::default(), RwLock::default());
        Self(Arc::new(Inner { config, counter, replicas, fleets, prefixes }))
    }

    /// The route that takes this request in its percentage, if one does. Requests of one session go one way.
    pub(crate) fn canary<'a>(
        &self,
        canaries: &'a [(u32, Route)],
        session: Option<&[u8]>,
    ) -> Option<&'a Route> {
        if canaries.is_empty() {
            return None;
        }
        let drawn = session.map_or_else(|| self.draw(), |session| hash_of(0, session));
        let mut drawn = drawn % 100;
        for (percent, route) in canaries {
            match drawn.checked_sub(u64::from(*percent)) {
                None => return Some(route),
                Some(rest) => drawn = rest,
            }
        }
        None
    }

    /// Chooses a replica that was not tried, and counts the request there; `None` when none is left. `now` is
    /// the time since the start.
    #[must_use]
    pub fn choose(
        &self,
        route: &Route,
        demand: &Demand<'_>,
        tried: &[Arc<str>],
        now: Duration,
    ) -> Option<Outstanding> {
        let traces = self.trace(route, demand, now);
        self.choose_traced(route, (demand, traces.as_ref()), tried, now)
    }

    /// What a request's beginnings are known by on a route; nothing where there is no choice.
    pub(crate) fn trace(
        &self,
        route: &Route,
        demand: &Demand<'_>,
        now: Duration,
    ) -> Option<Traces> {
        if route.replicas.len() < 2 || self.0.config.prefixes_max == 0 {
            return None;
        }
        let seed = hash_of(self.0.config.seed, route.endpoint.as_bytes());
        let prompt = Chain::of(seed, demand.prompt);
        let session = demand.session.map(|session| Chain::of_session(seed, session));
        let found = self.0.prefixes.look_up(&prompt, now);
        let found_session = session.as_ref().map(|chain| self.0.prefixes.look_up(chain, now));
        let prompt_bytes = demand.prompt.len().min(BYTES_MAX);
        Some(Traces { prompt, session, found, found_session, prompt_bytes })
    }

    /// The same for a request that was traced before.
    pub(crate) fn choose_traced(
        &self,
        route: &Route,
        (demand, traces): (&Demand<'_>, Option<&Traces>),
        tried: &[Arc<str>],
        now: Duration,
    ) -> Option<Outstanding> {
        let fleet = self.fleet(route.endpoint);
        let expected = fleet.expected(demand.completion_tokens_max);
        let candidates = self.candidates(&fleet, route, tried, now);
        let costed = candidates.into_iter().map(|candidate| {
            let known =
                traces.map_or(0, |traces| traces.known(candidate.slot, demand.prompt_tokens));
            self.costed(candidate, demand.prompt_tokens, known, now)
        });
        let costed: Vec<Candidate<'_>> = costed.collect();
        let chosen = self.cheapest(&costed)?;
        let known = traces.map_or(0, |traces| traces.known(chosen.slot, demand.prompt_tokens));
        let prompt_tokens = demand.prompt_tokens.saturating_sub(known);
        let answer_tokens = expected.max(1);
        if let Some(traces) = traces {
            self.0.prefixes.note(&traces.prompt, chosen.slot, now);
            if let Some(session) = &traces.session {
                self.0.prefixes.note(session, chosen.slot, now);
            }
        }
        let tokens = prompt_tokens.saturating_add(answer_tokens);
        chosen.state.begin(tokens, now, self.0.config.recent_half_life);
        Some(Outstanding {
            endpoint: route.endpoint,
            replica: chosen.replica.clone(),
            prompt_tokens,
            answer_tokens,
            is_trial: chosen.is_trial,
            state: Arc::clone(&chosen.state),
            fleet,
            load: None,
        })
    }

    /// Replicas of a route that may be asked now.
    fn candidates<'a>(
        &self,
        fleet: &Fleet,
        route: &'a Route,
        tried: &[Arc<str>],
        now: Duration,
    ) -> Vec<Candidate<'a>> {
        let mut slots = fleet.slots();
        let mut candidates = Vec::with_capacity(route.replicas.len());
        for replica in &route.replicas {
            if replica.weight == 0 || tried.contains(&replica.address) {
                continue;
            }
            let (slot, state) = slots.of(&replica.address, now, || self.state(replica));
            let max = replica.remote.as_ref().and_then(|remote| remote.in_flight_max());
            if max.is_some_and(|max| state.requests() >= u64::from(max)) {
                continue;
            }
            let is_trial = match state.health().admission(now) {
                Admission::Yes => false,
                Admission::AsTrial => true,
                Admission::No => continue,
            };
            let (cost, is_known) = (0, false);
            candidates.push(Candidate { replica, slot, state, is_trial, cost, is_known });
        }
        candidates
    }

    fn costed<'a>(
        &self,
        candidate: Candidate<'a>,
        prompt_tokens: u64,
        known: u64,
        now: Duration,
    ) -> Candidate<'a> {
        let config = &self.0.config;
        let recent = candidate.state.recent(now, config.recent_half_life);
        let recent = recent.saturating_mul(config.recent_milli) / 1_000;
        let load = candidate.state.tokens().saturating_add(recent);
        let anew = prompt_tokens.saturating_sub(known).saturating_mul(config.miss_milli) / 1_000;
        let weight = u64::from(candidate.replica.weight).max(1);
        let cost = (load.saturating_mul(100) / weight).saturating_add(anew);
        Candidate { cost, is_known: known > 0, ..candidate }
    }

    /// The cheapest of those that know the prompt and of two drawn ones. Who is to be tried comes first.
    fn cheapest<'a, 'b>(&self, all: &'b [Candidate<'a>]) -> Option<&'b Candidate<'a>> {
        if let Some(one) = all.iter().find(|one| one.is_trial && one.state.health().begin_trial()) {
            return Some(one);
        }
        let well: Vec<&Candidate<'_>> = all.iter().filter(|one| !one.is_trial).collect();
        let drawn = self.draw();
        let count = u64::try_from(well.len()).unwrap_or(u64::MAX);
        let first = drawn.checked_rem(count)?;
        // The second draw is among the others; with one replica both are the same.
        let step = (drawn >> 32).checked_rem(count.saturating_sub(1)).map_or(0, |rest| rest + 1);
        let second = (first + step) % count;
        let pick = |place: u64| well.get(usize::try_from(place).unwrap_or(0)).copied();
        let drawn = [pick(first), pick(second)].into_iter().flatten();
        // The drawn ones come first: of equals the first is taken.
        drawn.chain(well.iter().copied().filter(|one| one.is_known)).min_by_key(|one| one.cost)
    }

    fn draw(&self) -> u64 {
        mix(self.0.counter.fetch_add(1, Ordering::Relaxed))
    }

    fn fleet(&self, endpoint: Id<kinds::Endpoint>) -> Arc<Fleet> {
        let known = self.0.fleets.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(fleet) = known.get(&endpoint) {
            return Arc::clone(fleet);
        }
        drop(known);
        let mut fleets = self.0.fleets.write().unwrap_or_else(PoisonError::into_inner);
        if fleets.len() >= REMEMBERED_MAX {
            fleets.retain(|_, fleet| Arc::strong_count(fleet) > 1);
        }
        Arc::clone(fleets.entry(endpoint).or_default())
    }

    /// A replica's state, the same for all endpoints that it answers for.
    fn state(&self, replica: &Replica) -> Arc<State> {
        let mut replicas = self.0.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        if replicas.len() >= REMEMBERED_MAX {
            replicas.retain(|_, state| Arc::strong_count(state) > 1);
        }
        let state = replicas.entry(Arc::clone(&replica.address)).or_insert_with(|| {
            let health = replica.remote.as_ref().map(|remote| Arc::clone(remote.health()));
            Arc::new(State::new(health.unwrap_or_default()))
        });
        Arc::clone(state)
    }
}

impl Traces {
    /// How many of a prompt's tokens a slot's replica has read.
    fn known(&self, slot: usize, prompt_tokens: u64) -> u64 {
        let bytes = self.found.bytes_of(slot);
        let in_session = self.found_session.as_ref().is_some_and(|one| one.bytes_of(slot) > 0);
        let of = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let known = prompt_tokens.saturating_mul(of(bytes)).checked_div(of(self.prompt_bytes));
        // A session is a hint: worth half of what the client says it is.
        known.unwrap_or(0).max(if in_session { prompt_tokens / 2 } else { 0 })
    }
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): spreads a counter over 64 bits.
const fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
