//! How often one may try to sign in: by account and by source address.
//!
//! It slows guessing down and never locks anybody out for good: each wait has an end, and a source
//! that has signed in to an account before does not wait for what others try on it. Memory is
//! bounded, and what is remembered are keyed hashes: neither names nor addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::extract::ConnectInfo;
use sha2::{Digest as _, Sha256};
use units::{DurationMicros, UnixMicros};

/// Attempts that may fail before the first wait: people mistype.
const FREE: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST: DurationMicros = DurationMicros(1_000_000);
/// Longest wait for an account: an attacker holds its owner up for no longer.
const ACCOUNT_WAIT_MAX: DurationMicros = DurationMicros(60 * 1_000_000);
/// Longest wait for a source.
const SOURCE_WAIT_MAX: DurationMicros = DurationMicros(900 * 1_000_000);
/// A source may be a whole office behind one address: it may fail this many times more.
const SOURCE_FREE: u32 = 20;
/// After this long without an attempt everything is forgotten.
const MEMORY: DurationMicros = DurationMicros(3_600 * 1_000_000);
/// Counters of each sort that are remembered.
const COUNTERS_MAX: usize = 10_000;
/// Pairs of account and source that have signed in.
const TRUSTED_MAX: usize = 10_000;

/// A name or address, hashed with a key of this process.
type Mark = [u8; 16];

/// Come back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Milliseconds from now, at least 1.
    pub(crate) ms: u64,
}

/// Where an attempt comes from. An IPv6 network of 64 bits is one source, for it is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source([u8; 8]);

impl Source {
    /// The source of a request: the peer of its connection. What its headers say is not believed.
    pub(crate) fn of_request(extensions: &http::Extensions) -> Self {
        Self::of(extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
    }

    /// An account for what is counted by source alone.
    pub(crate) fn label(self, sort: &str) -> String {
        format!("{sort} {:?}", self.0)
    }

    /// The source of a peer; without an address, that of all who have none.
    pub(crate) fn of(peer: Option<IpAddr>) -> Self {
        Self(match peer.map(|ip| ip.to_canonical()) {
            None => [0xff; 8],
            Some(IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets();
                [0, 0, 0, 0, a, b, c, d]
            }
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                [a, b, c, d, e, f, g, h]
            }
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    failures: u32,
    /// No attempt before.
    next_at: UnixMicros,
    last_at: UnixMicros,
}

/// Counters of one sort; the one that was tried longest ago goes first when there are too many.
#[derive(Debug, Default)]
struct Counters {
    by_mark: BTreeMap<Mark, Counter>,
    by_age: BTreeSet<(UnixMicros, Mark)>,
}

impl Counters {
    fn wait(&self, mark: Mark, now: UnixMicros) -> Option<Wait> {
        let counter = self.by_mark.get(&mark)?;
        let left = counter.next_at.0.saturating_sub(now.0);
        (left > 0).then(|| Wait { ms: u64::try_from(left).unwrap_or(0).div_ceil(1_000) })
    }

    /// Counts an attempt as failed until it is known better.
    fn count(&mut self, mark: Mark, now: UnixMicros, free: u32, wait_max: DurationMicros) {
        let before = self.by_mark.get(&mark).copied();
        let fresh = before.filter(|c| now < c.last_at.plus(MEMORY));
        let failures = fresh.map_or(0, |c| c.failures).saturating_add(1);
        let wait = match failures.checked_sub(free) {
            None | Some(0) => 0,
            Some(over) => {
                let doubled = FIRST.0.saturating_mul(1_u64 << over.saturating_sub(1).min(30));
                doubled.min(wait_max.0)
            }
        };
        if let Some(before) = before {
            self.by_age.remove(&(before.last_at, mark));
        }
        let next_at = now.plus(DurationMicros(wait));
        self.by_mark.insert(mark, Counter { failures, next_at, last_at: now });
        self.by_age.insert((now, mark));
        while self.by_mark.len() > COUNTERS_MAX {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.by_mark.remove(&oldest);
        }
    }

    fn forget(&mut self, mark: Mark) {
        if let Some(counter) = self.by_mark.remove(&mark) {
            self.by_age.remove(&(counter.last_at, mark));
        }
    }

    /// Takes the last attempt back: it was none of a guesser.
    fn uncount(&mut self, mark: Mark) {
        if let Some(counter) = self.by_mark.get_mut(&mark) {
            counter.failures = counter.failures.saturating_sub(1);
            counter.next_at = counter.last_at;
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    accounts: Counters,
    sources: Counters,
    trusted: BTreeMap<Mark, UnixMicros>,
}

/// Attempts to sign in, counted.
pub(crate) struct Throttle {
    key: [u8; 32],
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle").finish_non_exhaustive()
    }
}

impl Throttle {
    /// An empty one with this key, which nobody else may know.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, inner: Mutex::default() }
    }

    /// Admits an attempt, and counts it as failed until [`Self::succeeded`]: attempts that run at the
    /// same time cannot all be the first.
    ///
    /// # Errors
    /// How long to wait. A refused attempt is not counted.
    pub(crate) fn admit(&self, now: UnixMicros, account: &str, source: Source) -> Result<(), Wait> {
        let (account_mark, source_mark) = (self.account(account), self.source(source));
        let pair = self.pair(account, source);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = inner.trusted.contains_key(&pair);
        // A source that is known to belong to the account's owner has a counter of its own.
        let account_mark = if trusted { pair } else { account_mark };
        let waits = [inner.accounts.wait(account_mark, now), inner.sources.wait(source_mark, now)];
        if let Some(wait) = waits.into_iter().flatten().max_by_key(|wait| wait.ms) {
            return Err(wait);
        }
        inner.accounts.count(account_mark, now, FREE, ACCOUNT_WAIT_MAX);
        inner.sources.count(source_mark, now, SOURCE_FREE, SOURCE_WAIT_MAX);
        Ok(())
    }

    /// The attempt was the owner's: what was counted against the account from here is forgotten. The
    /// source's other failures stay, or one good account would buy endless guesses at others.
    pub(crate) fn succeeded(&self, now: UnixMicros, account: &str, source: Source) {
        let (account_mark, source_mark) = (self.account(account), self.source(source));
        let pair = self.pair(account, source);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.accounts.forget(pair);
        inner.accounts.forget(account_mark);
        inner.sources.uncount(source_mark);
        if inner.trusted.len() >= TRUSTED_MAX && !inner.trusted.contains_key(&pair) {
            let oldest = inner.trusted.iter().min_by_key(|(_, at)| **at).map(|(mark, _)| *mark);
            if let Some(oldest) = oldest {
                inner.trusted.remove(&oldest);
            }
        }
        inner.trusted.insert(pair, now);
    }

    fn account(&self, account: &str) -> Mark {
        self.mark(b"account", account.to_lowercase().as_bytes(), &[])
    }

    fn source(&self, source: Source) -> Mark {
        self.mark(b"source", &source.0, &[])
    }

    fn pair(&self, account: &str, source: Source) -> Mark {
        self.mark(b"pair", account.to_lowercase().as_bytes(), &source.0)
    }

    fn mark(&self, sort: &[u8], text: &[u8], more: &[u8]) -> Mark {
        let mut hash = Sha256::new();
        for part in [&self.key[..], sort, text, more] {
            // Each part with its length, so that no two lists of parts read the same.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut mark = Mark::default();
        mark.copy_from_slice(&digest[..16]);
        mark
    }
}

#[cfg(test)]
mod tests;
