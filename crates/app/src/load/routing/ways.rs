//! Ways to choose a replica: the gateway's own code, and what others do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use gateway::{Balance, BalanceConfig, Demand, Outstanding, Replica, Route};
use sim::Rng;
use units::Id;

use super::Setting;
use crate::load::inference::{
    arrivals::Arrival,
    prompt::{self, Style},
};

/// Bytes of a prompt that consistent hashing looks at: what all prompts share is in the first block.
const HASHED_BYTES: usize = 8 << 10;
/// Points of each replica on the ring.
const POINTS: u64 = 100;

/// A way to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// Any, each as likely as any other
    Random,
    /// One after another
    RoundRobin,
    /// The gateway's choice without its memory of prefixes: the less busy of two drawn ones, by tokens
    TwoChoices,
    /// By the hash of a prompt's first 8 KiB on a ring
    Hash,
    /// The same, passing over who has more than 1.25 times the mean of outstanding requests
    HashBounded,
    /// The gateway's choice
    Ours,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::Random,
        Self::RoundRobin,
        Self::TwoChoices,
        Self::Hash,
        Self::HashBounded,
        Self::Ours,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::RoundRobin => "round robin",
            Self::TwoChoices => "two choices by outstanding tokens",
            Self::Hash => "consistent hashing of 8 KiB",
            Self::HashBounded => "the same with bounded load",
            Self::Ours => "ours",
        }
    }
}

/// The value of `messages` of a request of the trace, as a client would send it.
pub(super) fn prompt_of(number: usize, arrival: &Arrival) -> String {
    let model = "m".to_owned();
    let style = Style { model, stream: false, bytes_per_token: 4, salt: 0 };
    let body = prompt::body(&style, number, arrival);
    let start = body.find("\"messages\":").map_or(0, |at| at.saturating_add("\"messages\":".len()));
    body.get(start..body.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// A way at work.
pub(super) struct Chooser {
    way: Way,
    rng: Rng,
    next: usize,
    ring: BTreeMap<u64, usize>,
    outstanding: Vec<u64>,
    balance: Balance,
    route: Route,
    places: BTreeMap<Arc<str>, usize>,
    chosen: Option<Outstanding>,
    running: BinaryHeap<Reverse<Running>>,
}

/// A request that an engine works on: first its answer begins, then it ends.
struct Running {
    next_us: u64,
    /// When it ends, if its answer has not begun yet.
    end_us: Option<u64>,
    place: usize,
    tokens: u32,
    held: Option<Outstanding>,
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.next_us == other.next_us
    }
}

impl Eq for Running {}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Running {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.next_us.cmp(&other.next_us)
    }
}

impl Chooser {
    pub(super) fn new(way: Way, setting: &Setting) -> Self {
        let config = match way {
            Way::TwoChoices => {
                BalanceConfig { prefixes_max: 0, recent_milli: 0, ..setting.balance.clone() }
            }
            _ => setting.balance.clone(),
        };
        let n = u64::try_from(setting.replicas).unwrap_or(u64::MAX);
        let points = (0..n).flat_map(|place| (0..POINTS).map(move |point| (place, point)));
        let ring = points
            .map(|point| (hash(&point), usize::try_from(point.0).unwrap_or(usize::MAX)))
            .collect();
        let replicas: Vec<Replica> =
            (0..n).map(|place| Replica::new(format!("10.0.0.{place}:80"), None)).collect();
        let places = replicas.iter().map(|one| Arc::clone(&one.address)).zip(0..).collect();
        Self {
            way,
            rng: Rng::new(1),
            next: 0,
            ring,
            outstanding: vec![0; setting.replicas],
            balance: Balance::new(config),
            route: Route::new(Id::from_bytes([1; 16]), "m".to_owned(), replicas),
            places,
            chosen: None,
            running: BinaryHeap::new(),
        }
    }

    /// The replica of a request that comes now.
    pub(super) fn choose(&mut self, arrival: &Arrival, prompt: &[u8], now_us: u64) -> usize {
        self.end(now_us);
        let n = self.outstanding.len();
        match self.way {
            Way::Random => usize::try_from(self.rng.below(n as u64)).unwrap_or(0),
            Way::RoundRobin => {
                self.next = self.next.saturating_add(1);
                self.next.checked_rem(n).unwrap_or(0)
            }
            Way::Hash => self.on_ring(prompt, u64::MAX),
            Way::HashBounded => {
                let total: u64 = self.outstanding.iter().sum::<u64>().saturating_add(1);
                let limit = total.saturating_mul(5).div_ceil(4 * n as u64);
                self.on_ring(prompt, limit)
            }
            Way::TwoChoices | Way::Ours => {
                let prompt_tokens = u64::from(arrival.prompt_tokens);
                let (completion_tokens_max, session) = (None, None);
                let demand = Demand { prompt, prompt_tokens, completion_tokens_max, session };
                let now = Duration::from_micros(now_us);
                self.chosen = self.balance.choose(&self.route, &demand, &[], now);
                let chosen = self.chosen.as_ref();
                chosen.and_then(|one| self.places.get(&one.replica.address)).copied().unwrap_or(0)
            }
        }
    }

    /// The answer to the request that was just chosen for begins and ends then.
    pub(super) fn sent(&mut self, place: usize, first_us: u64, end_us: u64, tokens: u32) {
        if let Some(count) = self.outstanding.get_mut(place) {
            *count = count.saturating_add(1);
        }
        let held = self.chosen.take();
        let (next_us, end_us) = (first_us, Some(end_us));
        self.running.push(Reverse(Running { next_us, end_us, place, tokens, held }));
    }

    fn end(&mut self, now_us: u64) {
        while self.running.peek().is_some_and(|one| one.0.next_us <= now_us) {
            let Some(Reverse(mut one)) = self.running.pop() else { break };
            if let Some(next_us) = one.end_us.take() {
                if let Some(held) = &mut one.held {
                    held.begun();
                }
                self.running.push(Reverse(Running { next_us, ..one }));
                continue;
            }
            if let Some(count) = self.outstanding.get_mut(one.place) {
                *count = count.saturating_sub(1);
            }
            if let Some(held) = one.held {
                held.learn(u64::from(one.tokens));
            }
        }
    }

    /// The first replica from a prompt's point on that has less than so many requests.
    fn on_ring(&self, prompt: &[u8], limit: u64) -> usize {
        let point = hash(&prompt.get(..HASHED_BYTES).unwrap_or(prompt));
        let round = self.ring.range(point..).chain(self.ring.range(..point));
        let free = |place: &usize| self.outstanding.get(*place).is_some_and(|count| *count < limit);
        round.map(|(_, place)| *place).find(free).unwrap_or(0)
    }
}

fn hash(what: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
