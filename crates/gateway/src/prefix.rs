//! Which replicas have read the beginning of a prompt before: an approximate radix tree over blocks of its
//! bytes, for all endpoints together, in bounded memory.
//!
//! A block is known by the hash of everything before it and of itself (as engines know the blocks of their KV
//! caches), so one flat table of hashes is the tree: a node's children are found by computing their hash. The
//! table is a cache of sets: what was not used for the longest time in a set gives way, and what is older than
//! its age counts as forgotten, because an engine has then forgotten it too. A wrong entry costs a request
//! that could have been cheaper, never a wrong answer.
//!
//! Must never look at more than [`BYTES_MAX`] of a prompt, nor keep a byte of one.

mod hash;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(crate) use hash::{Chain, hash_of};

/// Bytes of a prompt that are looked at. Two prompts that are equal so far are taken for one conversation.
pub(crate) const BYTES_MAX: usize = 64 << 10;
/// Replicas of one endpoint that are told apart.
pub(crate) const SLOTS_MAX: usize = 64;
/// Entries of one set.
const WAYS: usize = 8;
/// Sets under one lock.
const SETS_PER_SHARD: usize = 256;

/// A prefix that some replicas have read.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The chained hash; 0 is no entry.
    hash: u64,
    /// One bit for each slot.
    slots: u64,
    /// When it was last used, in tenths of a second since the start.
    used: u32,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Vec<Mutex<Vec<[Entry; WAYS]>>>,
    age_max: u32,
}

/// How far each slot's replica has read a prompt, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matches {
    /// From the longest on: the bytes, and the slots that have read so far and no further.
    steps: Vec<(usize, u64)>,
}

impl Matches {
    /// Bytes that a slot's replica has read.
    pub(crate) fn bytes_of(&self, slot: usize) -> usize {
        let bit = 1_u64.checked_shl(u32::try_from(slot).unwrap_or(u32::MAX)).unwrap_or(0);
        self.steps.iter().find(|(_, slots)| slots & bit != 0).map_or(0, |(bytes, _)| *bytes)
    }
}

impl Table {
    /// A table of at most `entries` prefixes, of 24 bytes each, which are forgotten after `age_max`.
    pub(crate) fn new(entries: usize, age_max: Duration) -> Self {
        let n_shards = entries.div_ceil(WAYS * SETS_PER_SHARD).max(1);
        let shards = (0..n_shards).map(|_| Mutex::default()).collect();
        Self { shards, age_max: tenths(age_max) }
    }

    /// How far which replicas have read a prompt whose chain this is.
    pub(crate) fn look_up(&self, chain: &Chain, now: Duration) -> Matches {
        let (now, mut alive, mut steps) = (tenths(now), u64::MAX, Vec::new());
        let mut reached = 0;
        for (hash, bytes) in chain.blocks() {
            let slots = self.slots_of(hash, now) & alive;
            if slots != alive && reached > 0 {
                steps.push((reached, alive & !slots));
            }
            (alive, reached) = (slots, bytes);
            if alive == 0 {
                break;
            }
        }
        if alive != 0 && reached > 0 {
            steps.push((reached, alive));
        }
        steps.reverse();
        Matches { steps }
    }

    /// Notes that a slot's replica reads a prompt now.
    pub(crate) fn note(&self, chain: &Chain, slot: usize, now: Duration) {
        let Some(bit) = u32::try_from(slot).ok().and_then(|slot| 1_u64.checked_shl(slot)) else {
            return;
        };
        let now = tenths(now);
        for (hash, _) in chain.blocks() {
            self.with_set(hash, |set| {
                let is_alive = |one: &Entry| now.saturating_sub(one.used) <= self.age_max;
                if let Some(known) = set.iter_mut().find(|one| one.hash == hash) {
                    let kept = if is_alive(known) { known.slots } else { 0 };
                    *known = Entry { hash, slots: kept | bit, used: now };
                } else if let Some(oldest) = set.iter_mut().min_by_key(|one| one.used) {
                    *oldest = Entry { hash, slots: bit, used: now };
                }
            });
        }
    }

    fn slots_of(&self, hash: u64, now: u32) -> u64 {
        self.with_set(hash, |set| {
            let known = set.iter().find(|one| one.hash == hash);
            let known = known.filter(|one| now.saturating_sub(one.used) <= self.age_max);
            known.map_or(0, |one| one.slots)
        })
    }

    /// A shard takes memory when the first of its prefixes comes.
    fn with_set<T: Default>(&self, hash: u64, look: impl FnOnce(&mut [Entry; WAYS]) -> T) -> T {
        let place = usize::try_from(hash >> 32).unwrap_or(0);
        let (set, shard) = (place % SETS_PER_SHARD, place / SETS_PER_SHARD % self.shards.len());
        let Some(shard) = self.shards.get(shard) else { return T::default() };
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            sets.resize(SETS_PER_SHARD, [Entry::default(); WAYS]);
        }
        sets.get_mut(set).map_or_else(T::default, look)
    }
}

/// Tenths of a second, from 1: 0 is older than anything.
fn tenths(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / 100).unwrap_or(u32::MAX - 1).saturating_add(1)
}
