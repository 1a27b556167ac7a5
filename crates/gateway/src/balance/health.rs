//! Whether a replica is asked at all: a circuit breaker, fed by how requests end and by probes.
//!
//! States: closed → (some failures in a row, or a probe) open for a while → one trial → closed, or open for
//! twice as long. A replica that answers, whatever it answers, is well: a tenant's bad request must not close
//! a replica to others.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 3;
/// How long it is open at first.
const OPEN_MIN: Duration = Duration::from_secs(1);
/// How long it is open at most; doubled each time until then.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// The breaker of one replica; times are since the gateway's start.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: AtomicU32,
    /// Microseconds; 0 while closed.
    open_until: AtomicU64,
    /// How often it was opened since the last success.
    openings: AtomicU32,
    has_trial: AtomicBool,
}

/// Whether a request may go to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Like any.
    Yes,
    /// As the one that finds out whether it is well again; see [`Health::begin_trial`].
    AsTrial,
    /// Not now.
    No,
}

impl Health {
    pub(crate) fn admission(&self, now: Duration) -> Admission {
        match self.open_until.load(Ordering::Relaxed) {
            0 => Admission::Yes,
            until if micros(now) < until || self.has_trial.load(Ordering::Relaxed) => Admission::No,
            _ => Admission::AsTrial,
        }
    }

    /// True for the one request that may try.
    pub(crate) fn begin_trial(&self) -> bool {
        !self.has_trial.swap(true, Ordering::AcqRel)
    }

    /// A trial ended without telling anything: the client left.
    pub(crate) fn give_up_trial(&self) {
        self.has_trial.store(false, Ordering::Release);
    }

    /// It answered.
    pub(crate) fn succeeded(&self) {
        // Nearly always there is nothing to change, and the line stays shared between processors.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.open_until.load(Ordering::Relaxed) != 0 {
            self.openings.store(0, Ordering::Relaxed);
            self.open_until.store(0, Ordering::Relaxed);
            self.has_trial.store(false, Ordering::Release);
        }
    }

    /// It could not be reached, or broke off, or did not answer in time.
    pub(crate) fn failed(&self, now: Duration) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let until = self.open_until.load(Ordering::Relaxed);
        let was_trial = until != 0 && self.has_trial.swap(false, Ordering::AcqRel);
        if was_trial || (until == 0 && failures >= FAILURES_MAX) {
            self.open(now);
        }
    }

    /// A probe says that it is not well: no request is spent on finding out.
    pub(crate) fn probe_failed(&self, now: Duration) {
        let until = self.open_until.load(Ordering::Relaxed);
        if until <= micros(now) {
            self.open(now);
        }
    }

    /// Whether requests go elsewhere now.
    pub(crate) fn is_open(&self) -> bool {
        self.open_until.load(Ordering::Relaxed) != 0
    }

    fn open(&self, now: Duration) {
        let openings = self.openings.fetch_add(1, Ordering::Relaxed).min(16);
        let pause = OPEN_MIN.saturating_mul(1 << openings).min(OPEN_MAX);
        self.open_until.store(micros(now + pause).max(1), Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Admission, Health};
    use std::time::Duration;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_breaker_opens_tries_once_and_closes() {
        let health = Health::default();
        health.failed(S);
        health.failed(S);
        health.succeeded();
        health.failed(S);
        health.failed(S);
        assert_eq!(health.admission(S), Admission::Yes, "not in a row");
        health.failed(S);
        assert_eq!(health.admission(S), Admission::No);
        assert_eq!(health.admission(2 * S), Admission::AsTrial);
        assert!(health.begin_trial() && !health.begin_trial(), "one at a time");
        assert_eq!(health.admission(2 * S), Admission::No);
        health.failed(2 * S);
        assert_eq!(health.admission(3 * S), Admission::No, "twice as long");
        assert_eq!(health.admission(4 * S), Admission::AsTrial);
        assert!(health.begin_trial());
        health.give_up_trial();
        assert!(health.begin_trial());
        health.succeeded();
        assert_eq!(health.admission(4 * S), Admission::Yes);
        assert!(!health.is_open());
    }

    #[test]
    fn requests_that_were_under_way_do_not_lengthen_the_pause() {
        let health = Health::default();
        for _ in 0..50 {
            health.failed(S);
        }
        assert_eq!(health.admission(2 * S), Admission::AsTrial);
    }

    #[test]
    fn a_probe_opens_and_closes_too() {
        let health = Health::default();
        health.probe_failed(S);
        assert_eq!(health.admission(S), Admission::No);
        health.succeeded();
        assert_eq!(health.admission(S), Admission::Yes);
        for second in 1..200 {
            health.probe_failed(second * S);
        }
        assert!(health.is_open());
        assert_eq!(health.admission(231 * S), Admission::AsTrial, "never longer than 30 s");
    }
}
