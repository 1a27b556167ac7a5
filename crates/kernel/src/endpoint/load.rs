//! How many replicas the load asks for: a pure function of what was agreed, what is, and what was seen.
//!
//! Never outside the bounds; never fewer for more load; and never down within the time in which as many
//! were needed as there are, so that what goes does not come back at once. It counts in integers and
//! reads no clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use units::{DurationMicros, UnixMicros};

use super::Scaling;

#[cfg(test)]
mod tests;

/// Load above what the replicas are for by this many percent asks for no more of them: a load at the edge
/// would otherwise come and go.
const TOLERANCE_PERCENT: u128 = 10;
/// Most samples that are kept of one endpoint; more often than once a second is not looked at for longer
/// than the longest window times this.
const SAMPLES_MAX: usize = 4_096;

/// What gateways saw of one endpoint at one moment, all of them together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Tokens in flight, on average since the sample before.
    pub tokens: u64,
    /// Requests that wait for a replica.
    pub waiting: u32,
    /// For how long the first of them has.
    pub wait: DurationMicros,
    /// Requests that came since the sample before.
    pub came: u64,
}

impl Sample {
    const fn is_busy(&self) -> bool {
        self.tokens > 0 || self.waiting > 0 || self.came > 0
    }
}

/// What led to a number of replicas, as it goes on record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Tokens in flight on average over the time before more are added.
    pub tokens: u64,
    /// The most of them over the time before some are taken away.
    pub tokens_max: u64,
    /// Requests that waited for a replica at last.
    pub waiting: u32,
    /// For how long the first of them had, in milliseconds.
    pub wait_ms: u64,
    /// Replicas that answered.
    pub ready: u32,
}

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Replicas wanted so far.
    pub replicas: u32,
    /// Those of them that answer.
    pub ready: u32,
    /// When the number was last changed.
    pub resized_at: Option<UnixMicros>,
}

/// What was seen of one endpoint, as far back as its decisions look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    since: Option<UnixMicros>,
    busy_at: Option<UnixMicros>,
    samples: VecDeque<(UnixMicros, Sample)>,
}

impl History {
    /// Takes a sample and forgets what lies further back than any decision looks.
    pub fn push(&mut self, now: UnixMicros, sample: Sample, scaling: &Scaling) {
        self.since.get_or_insert(now);
        if sample.is_busy() {
            self.busy_at = Some(now);
        }
        self.samples.push_back((now, sample));
        let window = scaling.up_after.max(scaling.down_after).min(super::scaling::WINDOW_MAX);
        let is_old = |at: UnixMicros| now.since(at) > window;
        while self.samples.front().is_some_and(|(at, _)| is_old(*at))
            || self.samples.len() > SAMPLES_MAX
        {
            self.samples.pop_front();
        }
    }

    /// The samples of a time until now, at least the last.
    fn last(&self, window: DurationMicros, now: UnixMicros) -> impl Iterator<Item = &Sample> {
        let newest = self.samples.len().saturating_sub(1);
        let within = move |at: UnixMicros| now.since(at) < window;
        let numbered = self.samples.iter().enumerate();
        numbered
            .filter(move |(number, (at, _))| *number == newest || within(*at))
            .map(|(_, (_, sample))| sample)
    }

    /// True once as long a time has been looked at.
    fn covers(&self, window: DurationMicros, now: UnixMicros) -> bool {
        self.since.is_some_and(|since| now.since(since) >= window)
    }

    /// For how long nothing came, as far as is known.
    fn idle_for(&self, now: UnixMicros) -> DurationMicros {
        let last = self.busy_at.max(self.since);
        last.map_or(DurationMicros(0), |at| now.since(at))
    }

    /// What a decision is made from, for the record.
    #[must_use]
    pub fn observed(&self, scaling: &Scaling, standing: Standing, now: UnixMicros) -> Observed {
        let newest = self.samples.back().map(|(_, sample)| *sample).unwrap_or_default();
        Observed {
            tokens: mean(self.last(scaling.up_after, now).map(|one| one.tokens)),
            tokens_max: self.last(scaling.down_after, now).map(|one| one.tokens).max().unwrap_or(0),
            waiting: newest.waiting,
            wait_ms: newest.wait.0 / 1_000,
            ready: standing.ready,
        }
    }
}

/// How many replicas there should be.
#[must_use]
pub fn desired_replicas(
    scaling: &Scaling,
    standing: Standing,
    history: &History,
    now: UnixMicros,
) -> u32 {
    let now_wanted = standing.replicas;
    // New bounds, or a log of before them: whatever is seen, the bounds hold.
    if scaling.bound(now_wanted) != now_wanted {
        return scaling.bound(now_wanted);
    }
    let rested = |pause: DurationMicros| {
        standing.resized_at.is_none_or(|changed| now.since(changed) >= pause)
    };
    let up = wanted_by_load(scaling, standing, history, now);
    if up > now_wanted {
        // Who wakes an endpoint waits for nothing but its start.
        let may = now_wanted == 0 || rested(scaling.up_after);
        return if may { scaling.bound(up) } else { now_wanted };
    }
    let is_idle = scaling.replicas_min == 0
        && history.covers(scaling.idle_after, now)
        && history.idle_for(now) >= scaling.idle_after;
    if is_idle && rested(scaling.idle_after) {
        return 0;
    }
    if !rested(scaling.down_after) || !history.covers(scaling.down_after, now) {
        return now_wanted;
    }
    let enough = enough_lately(scaling, standing, history, now);
    scaling.bound(enough.max(1)).min(now_wanted)
}

/// What the load of the last time asks for: never fewer than there are.
fn wanted_by_load(
    scaling: &Scaling,
    standing: Standing,
    history: &History,
    now: UnixMicros,
) -> u32 {
    let wanted = standing.replicas;
    let newest = history.samples.back().map(|(_, sample)| *sample).unwrap_or_default();
    let awake = if newest.is_busy() { wanted.max(1) } else { wanted };
    let lately = || history.last(scaling.up_after, now);
    let by_tokens = scaling.target_tokens.map_or(0, |target| {
        let tokens = u128::from(mean(lately().map(|one| one.tokens)));
        let room = u128::from(target).saturating_mul(u128::from(wanted));
        let edge = room.saturating_mul(100_u128.saturating_add(TOLERANCE_PERCENT));
        let is_over = tokens.saturating_mul(100) > edge;
        if is_over { replicas_for(tokens, target) } else { 0 }
    });
    // One that starts may be all that is missing: another is added once it answers and more wait.
    let all_answer = standing.ready >= wanted;
    let by_wait = scaling.target_wait.filter(|_| wanted > 0 && all_answer).map_or(0, |target| {
        let wait = mean(lately().map(|one| one.wait.0));
        if wait > target.0 { wanted.saturating_add((wanted / 2).max(1)) } else { 0 }
    });
    awake.max(by_tokens).max(by_wait)
}

/// How many would have been enough at any time of late.
fn enough_lately(scaling: &Scaling, standing: Standing, history: &History, now: UnixMicros) -> u32 {
    let lately = || history.last(scaling.down_after, now);
    let by_tokens = scaling.target_tokens.map(|target| {
        let most = lately().map(|one| one.tokens).max().unwrap_or(0);
        replicas_for(most.into(), target)
    });
    // Nobody can tell how many fewer would keep waits short: one at a time, while nobody waits long.
    let by_wait = scaling.target_wait.map(|target| {
        let long = lately().any(|one| one.wait.0 > target.0 / 2);
        if long { standing.replicas } else { standing.replicas.saturating_sub(1) }
    });
    by_tokens.max(by_wait).unwrap_or(standing.replicas)
}

/// Replicas for so many tokens, rounded up.
fn replicas_for(tokens: u128, target: u64) -> u32 {
    u32::try_from(tokens.div_ceil(u128::from(target.max(1)))).unwrap_or(u32::MAX)
}

fn mean(values: impl Iterator<Item = u64>) -> u64 {
    let (sum, count) = values.fold((0_u128, 0_u128), |(sum, count), one| {
        (sum.saturating_add(u128::from(one)), count.saturating_add(1))
    });
    u64::try_from(sum.checked_div(count).unwrap_or(0)).unwrap_or(u64::MAX)
}
