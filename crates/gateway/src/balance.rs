//! Choice of a replica: the less busy of two drawn ones ("power of two choices").
//!
//! Load is the number of tokens that this gateway has outstanding there: those of the prompts and those
//! that the answers are expected to have. Draws come from a counter put through a mixing function, so a
//! seed repeats them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use units::{Id, kinds};

use crate::directory::{Replica, Route};

#[cfg(test)]
mod tests;

/// Replicas remembered before idle ones are forgotten.
const REPLICAS_MAX: usize = 4_096;

/// Outstanding tokens per replica.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    counter: Arc<AtomicU64>,
    outstanding: Arc<Mutex<BTreeMap<Arc<str>, u64>>>,
}

/// One outstanding request at a replica; counted until dropped.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// Whose replica it is.
    pub(crate) endpoint: Id<kinds::Endpoint>,
    /// The replica.
    pub(crate) replica: Replica,
    tokens: u64,
    outstanding: Arc<Mutex<BTreeMap<Arc<str>, u64>>>,
}

impl Balance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { counter: Arc::new(AtomicU64::new(seed)), outstanding: Arc::default() }
    }

    /// The route that takes this request in its percentage, if one does.
    pub(crate) fn canary<'a>(&self, canaries: &'a [(u32, Route)]) -> Option<&'a Route> {
        if canaries.is_empty() {
            return None;
        }
        let mut draw = mix(self.counter.fetch_add(1, Ordering::Relaxed)) % 100;
        for (percent, route) in canaries {
            match draw.checked_sub(u64::from(*percent)) {
                None => return Some(route),
                Some(rest) => draw = rest,
            }
        }
        None
    }

    /// Chooses among the replicas that were not tried for a request of so many tokens; `None` when none
    /// is left.
    pub(crate) fn choose(
        &self,
        route: &Route,
        tried: &[Arc<str>],
        tokens: u64,
    ) -> Option<Outstanding> {
        let usable = |one: &&Replica| one.weight > 0 && !tried.contains(&one.address);
        let left: Vec<&Replica> = route.replicas.iter().filter(usable).collect();
        let draw = mix(self.counter.fetch_add(1, Ordering::Relaxed));
        let count = u64::try_from(left.len()).unwrap_or(u64::MAX);
        let first = draw.checked_rem(count)?;
        // The second draw is among the others; with one replica both are the same.
        let step = (draw >> 32).checked_rem(count.saturating_sub(1)).map_or(0, |rest| rest + 1);
        let pick = |index: u64| left.get(usize::try_from(index % count).unwrap_or(0)).copied();
        let (first, second) = (pick(first)?, pick(first.saturating_add(step))?);
        let mut loads = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |one: &Replica| u128::from(loads.get(&one.address).copied().unwrap_or(0));
        // Compared by load over weight.
        let (of_first, of_second) =
            (load(first) * u128::from(second.weight), load(second) * u128::from(first.weight));
        let chosen = if of_second < of_first { second } else { first };
        if loads.len() >= REPLICAS_MAX {
            loads.retain(|_, load| *load > 0);
        }
        // A request without text is load as well.
        let tokens = tokens.max(1);
        let load = loads.entry(Arc::clone(&chosen.address)).or_insert(0);
        *load = load.saturating_add(tokens);
        let outstanding = Arc::clone(&self.outstanding);
        Some(Outstanding { endpoint: route.endpoint, replica: chosen.clone(), tokens, outstanding })
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        let mut loads = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.get_mut(&self.replica.address) {
            *load = load.saturating_sub(self.tokens);
        }
    }
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): spreads a counter over 64 bits.
const fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
