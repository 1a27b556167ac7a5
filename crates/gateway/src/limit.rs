//! Limits per key: requests in flight and, when configured, requests per minute.
//!
//! Memory is bounded: idle keys are forgotten, and when the table is full of active keys new ones
//! are refused rather than let through unlimited.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use units::{Id, kinds};

use crate::config::GatewayConfig;

#[cfg(test)]
mod tests;

const WINDOW: Duration = Duration::from_secs(60);

/// The limits and what is used of them.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    concurrent_max: u32,
    per_minute_max: Option<u32>,
    keys_max: usize,
    retry_after_s: u32,
    slots: Arc<Mutex<BTreeMap<Id<kinds::Key>, Slot>>>,
}

#[derive(Debug)]
struct Slot {
    in_flight: u32,
    window_start: Instant,
    used: u32,
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    key: Id<kinds::Key>,
    slots: Arc<Mutex<BTreeMap<Id<kinds::Key>, Slot>>>,
    /// The state of the rate limit after this request, when there is one.
    pub(crate) rate: Option<Rate>,
}

/// The state of a rate limit, for `x-ratelimit-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    limit: u32,
    remaining: u32,
    reset_s: u32,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Seconds after which a retry is worth it.
    pub(crate) retry_after_s: u32,
    /// The state of the rate limit, when there is one.
    pub(crate) rate: Option<Rate>,
}

impl Rate {
    /// Adds OpenAI's headers.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit-requests", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining-requests", HeaderValue::from(self.remaining));
        // Digits and an `s` are always a valid header value.
        if let Ok(reset) = HeaderValue::from_str(&format!("{}s", self.reset_s)) {
            headers.insert("x-ratelimit-reset-requests", reset);
        }
    }
}

impl Limiter {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            concurrent_max: config.concurrent_max_per_key,
            per_minute_max: config.requests_per_minute_max,
            keys_max: config.keys_max,
            retry_after_s: config.retry_after_s,
            slots: Arc::default(),
        }
    }

    /// Takes a permit for a key, or says when to come back.
    pub(crate) fn acquire(&self, key: Id<kinds::Key>, now: Instant) -> Result<Permit, Exceeded> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.keys_max && !slots.contains_key(&key) {
            slots.retain(|_, slot| slot.in_flight > 0 || elapsed(slot, now) < WINDOW);
            if slots.len() >= self.keys_max {
                return Err(Exceeded { retry_after_s: self.retry_after_s, rate: None });
            }
        }
        let slot = slots.entry(key).or_insert(Slot { in_flight: 0, window_start: now, used: 0 });
        if elapsed(slot, now) >= WINDOW {
            (slot.window_start, slot.used) = (now, 0);
        }
        if self.per_minute_max.is_some_and(|limit| slot.used >= limit) {
            let rate = self.rate(slot, now);
            let retry_after_s = rate.map_or(self.retry_after_s, |rate| rate.reset_s);
            return Err(Exceeded { retry_after_s, rate });
        }
        if slot.in_flight >= self.concurrent_max {
            let rate = self.rate(slot, now);
            return Err(Exceeded { retry_after_s: self.retry_after_s, rate });
        }
        slot.in_flight = slot.in_flight.saturating_add(1);
        slot.used = slot.used.saturating_add(1);
        let rate = self.rate(slot, now);
        Ok(Permit { key, slots: Arc::clone(&self.slots), rate })
    }

    fn rate(&self, slot: &Slot, now: Instant) -> Option<Rate> {
        let limit = self.per_minute_max?;
        let left = WINDOW.saturating_sub(elapsed(slot, now));
        let reset_s = u32::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(60).max(1);
        Some(Rate { limit, remaining: limit.saturating_sub(slot.used), reset_s })
    }
}

fn elapsed(slot: &Slot, now: Instant) -> Duration {
    now.saturating_duration_since(slot.window_start)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(&self.key) {
            slot.in_flight = slot.in_flight.saturating_sub(1);
        }
    }
}
