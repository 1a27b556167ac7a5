//! What is used of every limit: requests and tokens of the last minute, and requests in flight.
//!
//! All levels over a request are looked at before anything is taken from one, under one short lock, so that
//! a refusal costs nobody anything and nothing is taken twice. Memory is bounded: who has used nothing of
//! late is forgotten, and when the table is full of others, new ones are refused rather than let through
//! unlimited.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::bucket::{Bucket, LIMIT_MAX, Rate};
use super::standing::{Holder, Level, Limits};

/// How often a full table is looked through for what can be forgotten.
const SWEEP_US: u64 = 1_000_000;

/// Levels over one request: those of its caller, and the default for keys.
pub(super) type Levels = [Option<Level>; super::standing::LEVELS_MAX + 1];

/// The limits that are in use.
#[derive(Debug)]
pub(super) struct Table {
    slots: HashMap<Holder, Slot, BuildHasherDefault<IdHasher>>,
    slots_max: usize,
    swept_us: Option<u64>,
}

#[derive(Debug)]
struct Slot {
    limits: Limits,
    requests: Bucket,
    tokens: Bucket,
    in_flight: u32,
}

/// Which limit is in the way, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Requests per minute.
    Requests { wait_us: u64, rate: Rate },
    /// Tokens per minute.
    Tokens { wait_us: u64, rate: Rate },
    /// Requests in flight.
    Concurrent { limit: u32 },
    /// More tenants are active than can be counted.
    Full,
}

/// The tightest rates over a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) requests: Option<Rate>,
    pub(crate) tokens: Option<Rate>,
}

impl Table {
    pub(super) fn new(slots_max: usize) -> Self {
        Self { slots: HashMap::default(), slots_max, swept_us: None }
    }

    /// Takes one request at every level, or nothing anywhere.
    pub(super) fn enter(&mut self, levels: &Levels, now_us: u64) -> Result<Rates, Over> {
        for level in levels.iter().flatten().rev() {
            let slot = self.slot(level, now_us)?;
            if let Some(limit) = slot.limits.requests_per_minute {
                let wait_us = slot.requests.wait_us(limit, 1);
                if wait_us > 0 {
                    return Err(Over::Requests { wait_us, rate: slot.requests.rate(limit) });
                }
            }
            if let Some(limit) = slot.limits.concurrent_max.filter(|most| slot.in_flight >= *most) {
                return Err(Over::Concurrent { limit });
            }
        }
        let mut rates = Rates::default();
        for level in levels.iter().flatten() {
            let Some(slot) = self.slots.get_mut(&level.holder) else { continue };
            slot.in_flight = slot.in_flight.saturating_add(1);
            if let Some(limit) = slot.limits.requests_per_minute {
                slot.requests.take(1);
                tighter(&mut rates.requests, slot.requests.rate(limit));
            }
            if let Some(limit) = slot.limits.tokens_per_minute {
                tighter(&mut rates.tokens, slot.tokens.rate(limit));
            }
        }
        Ok(rates)
    }

    /// Takes tokens at every level, or nothing anywhere; the request has entered before.
    pub(super) fn reserve(
        &mut self,
        levels: &Levels,
        tokens: u64,
        now_us: u64,
    ) -> Result<Option<Rate>, Over> {
        for level in levels.iter().flatten().rev() {
            let slot = self.slot(level, now_us)?;
            let Some(limit) = slot.limits.tokens_per_minute else { continue };
            let wait_us = slot.tokens.wait_us(limit, tokens);
            if wait_us > 0 {
                return Err(Over::Tokens { wait_us, rate: slot.tokens.rate(limit) });
            }
        }
        let mut tightest = None;
        for level in levels.iter().flatten() {
            let Some(slot) = self.slots.get_mut(&level.holder) else { continue };
            let Some(limit) = slot.limits.tokens_per_minute else { continue };
            slot.tokens.take(tokens);
            tighter(&mut tightest, slot.tokens.rate(limit));
        }
        Ok(tightest)
    }

    /// Ends a request that entered: what it took of tokens becomes what it used.
    pub(super) fn leave(&mut self, levels: &Levels, reserved: u64, used: u64, now_us: u64) {
        for level in levels.iter().flatten() {
            let Some(slot) = self.slots.get_mut(&level.holder) else { continue };
            slot.in_flight = slot.in_flight.saturating_sub(1);
            let Some(limit) = slot.limits.tokens_per_minute else { continue };
            slot.tokens.refill(limit, now_us);
            if reserved >= used {
                slot.tokens.give_back(limit, reserved - used);
            } else {
                slot.tokens.take(used - reserved);
            }
        }
    }

    /// The slot of a level as of now; its limits are those of the latest request.
    fn slot(&mut self, level: &Level, now_us: u64) -> Result<&mut Slot, Over> {
        if self.slots.len() >= self.slots_max && !self.slots.contains_key(&level.holder) {
            self.sweep(now_us);
            if self.slots.len() >= self.slots_max {
                return Err(Over::Full);
            }
        }
        let limits = clamped(level.limits);
        let requests = limits.requests_per_minute.unwrap_or(0);
        let tokens = limits.tokens_per_minute.unwrap_or(0);
        let fresh = || Slot {
            limits,
            requests: Bucket::full(requests, now_us),
            tokens: Bucket::full(tokens, now_us),
            in_flight: 0,
        };
        let slot = self.slots.entry(level.holder).or_insert_with(fresh);
        if slot.limits != limits {
            // A limit that was not there before starts full; one that was changed goes on.
            if slot.limits.requests_per_minute.is_none() {
                slot.requests = Bucket::full(requests, now_us);
            }
            if slot.limits.tokens_per_minute.is_none() {
                slot.tokens = Bucket::full(tokens, now_us);
            }
            slot.limits = limits;
        }
        slot.requests.refill(requests, now_us);
        slot.tokens.refill(tokens, now_us);
        Ok(slot)
    }

    fn sweep(&mut self, now_us: u64) {
        if self.swept_us.is_some_and(|at| now_us < at.saturating_add(SWEEP_US)) {
            return;
        }
        self.swept_us = Some(now_us);
        self.slots.retain(|_, slot| {
            let requests = slot.limits.requests_per_minute.unwrap_or(0);
            let tokens = slot.limits.tokens_per_minute.unwrap_or(0);
            slot.requests.refill(requests, now_us);
            slot.tokens.refill(tokens, now_us);
            slot.in_flight > 0 || !slot.requests.is_full(requests) || !slot.tokens.is_full(tokens)
        });
    }
}

fn clamped(limits: Limits) -> Limits {
    Limits {
        requests_per_minute: limits.requests_per_minute.map(|limit| limit.min(LIMIT_MAX)),
        tokens_per_minute: limits.tokens_per_minute.map(|limit| limit.min(LIMIT_MAX)),
        concurrent_max: limits.concurrent_max,
    }
}

fn tighter(tightest: &mut Option<Rate>, rate: Rate) {
    if tightest.is_none_or(|known| rate.remaining < known.remaining) {
        *tightest = Some(rate);
    }
}

/// Ids are made here and end in random bits: they are their own hash.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The last eight bytes of what is hashed, mixed so that ids of tests differ as well.
        for chunk in bytes.rchunks(8).take(2) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            let mixed = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 = mixed ^ (mixed >> 29);
        }
    }
}
