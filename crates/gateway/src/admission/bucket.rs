//! A token bucket in whole numbers: so many units per minute, all of them at once if nothing was taken.
//!
//! Over any time `t` at most `limit + limit · t / minute` units are taken, exactly: nothing is rounded, since
//! the level is kept in units times microseconds. It may owe: what was used beyond an estimate is taken
//! afterwards, and waits until it has flowed in again.

/// Microseconds over which a limit flows in.
pub(super) const MINUTE_US: i64 = 60_000_000;
/// Largest limit, so that products stay within 64 bits: a hundred thousand million units per minute.
pub(super) const LIMIT_MAX: u64 = 100_000_000_000;

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Units times microseconds of a minute; below zero while something is owed.
    level: i64,
    /// When it was last looked at, in microseconds of a clock that never goes back.
    at_us: u64,
}

/// The state of a limit, as `x-ratelimit-*` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Units per minute.
    pub(crate) limit: u64,
    /// Whole units that could be taken now.
    pub(crate) remaining: u64,
    /// Until all of it is there again, in microseconds.
    pub(crate) reset_us: u64,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(limit: u64, now_us: u64) -> Self {
        Self { level: scaled(limit), at_us: now_us }
    }

    /// Lets in what has flowed since; a limit that was lowered holds from now on.
    pub(super) fn refill(&mut self, limit: u64, now_us: u64) {
        let elapsed_us = i64::try_from(now_us.saturating_sub(self.at_us)).unwrap_or(i64::MAX);
        let flowed = elapsed_us.saturating_mul(units(limit));
        self.level = self.level.saturating_add(flowed).min(scaled(limit));
        self.at_us = self.at_us.max(now_us);
    }

    /// Microseconds until so many could be taken; 0 for now. More than the limit can be taken as soon as
    /// the bucket is full, and is owed then.
    pub(super) fn wait_us(&self, limit: u64, amount: u64) -> u64 {
        let missing = scaled(amount.min(limit)).saturating_sub(self.level).max(0);
        match missing {
            0 => 0,
            _ => self.flows_in_us(limit, missing),
        }
    }

    /// Takes them, whether or not they are there.
    pub(super) fn take(&mut self, amount: u64) {
        self.level = self.level.saturating_sub(scaled(amount));
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&mut self, limit: u64, amount: u64) {
        self.level = self.level.saturating_add(scaled(amount)).min(scaled(limit));
    }

    /// True if nothing is missing, so that forgetting it changes nothing.
    pub(super) fn is_full(&self, limit: u64) -> bool {
        self.level >= scaled(limit)
    }

    pub(super) fn rate(&self, limit: u64) -> Rate {
        let remaining = u64::try_from(self.level.max(0).div_euclid(MINUTE_US)).unwrap_or(0);
        let missing = scaled(limit).saturating_sub(self.level).max(0);
        Rate { limit, remaining, reset_us: self.flows_in_us(limit, missing) }
    }

    fn flows_in_us(&self, limit: u64, missing: i64) -> u64 {
        let missing = u64::try_from(missing).unwrap_or(0);
        // A limit of nothing never opens: told as a minute, after which somebody may have changed it.
        missing
            .checked_add(limit.saturating_sub(1))
            .and_then(|up| up.checked_div(limit))
            .map_or(MINUTE_US.unsigned_abs(), |us| us)
    }
}

fn units(amount: u64) -> i64 {
    i64::try_from(amount.min(LIMIT_MAX)).unwrap_or(i64::MAX)
}

fn scaled(amount: u64) -> i64 {
    units(amount).saturating_mul(MINUTE_US)
}
