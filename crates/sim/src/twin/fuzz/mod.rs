//! Small random fleets with random work, run to the end by every policy of the platform's scheduler,
//! with everything on that could go wrong and every check.
//!
//! A seed is a case: the same seed gives the same fleet, jobs, failures and findings. Every job that could run
//! on the whole fleet has to, sooner or later.

mod case;
mod fleet;
mod jobs;
mod possible;
mod watch;

pub use case::{Case, case};

use super::{
    backend::{Backend, Input},
    checkers::{Bounds, Checks, Rule},
    events::Fanout,
    policies,
    time::Time,
};
use watch::Watch;

/// What was run and nothing found wrong with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs: cases times policies.
    pub runs: u64,
    /// Jobs that ran to their end, over all runs.
    pub jobs: u64,
    /// Events that were checked.
    pub events: u64,
    /// Evictions for other work.
    pub evictions: u64,
    /// Places lost to failures, maintenance and operators.
    pub losses: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs.saturating_add(other.runs),
            jobs: self.jobs.saturating_add(other.jobs),
            events: self.events.saturating_add(other.events),
            evictions: self.evictions.saturating_add(other.evictions),
            losses: self.losses.saturating_add(other.losses),
        }
    }
}

/// Calls of progress after which a run counts as one that never ends: some 250,000 instants, where
/// cases have at most a few thousand.
const CALLS_MAX: u32 = 64;

/// Runs the case of a seed by every policy of the scheduler.
///
/// # Errors
/// What was found, with seed and policy.
pub fn run(seed: u64) -> Result<Tally, String> {
    let case = case(seed)?;
    let names = policies::NAMES.iter().filter(|name| policies::scheduled(name).is_some());
    names.map(|name| run_one(&case, name)).try_fold(Tally::default(), |all, one| Ok(all.plus(one?)))
}

/// Runs a case by one policy.
///
/// # Errors
/// What was found, with seed and policy.
pub fn run_one(case: &Case, name: &str) -> Result<Tally, String> {
    let wrong = |what: String| format!("seed {}, policy `{name}`: {what}", case.seed);
    let policy = policies::scheduled(name).ok_or_else(|| wrong("is no policy".to_owned()))?;
    let mut policy = policy.with(case.extras.clone());
    let bounds = Bounds::default();
    // Who minds no topology breaks segments, as it says.
    let minds_topology = name != "cocarde-blind";
    let mut checks = Checks::new(&case.fleet, &case.jobs, bounds);
    let mut watch = Watch::new(case, minds_topology);
    let mut observers = Fanout(vec![&mut checks, &mut watch]);
    let input = Input {
        fleet: &case.fleet,
        jobs: &case.jobs,
        seed: case.seed,
        has_failures: true,
        horizon: None,
    };
    let mut calls = 0;
    let mut last = Time::ZERO;
    let end = policy.run(&input, &mut observers, &mut |progress| {
        calls += 1;
        last = progress.now;
        calls < CALLS_MAX
    });
    let end = end.map_err(wrong)?;
    if calls >= CALLS_MAX {
        return Err(wrong(format!("it does not end; it is {last}")));
    }
    let found = checks.finish(end);
    let counts = |rule: &&Rule| minds_topology || !matches!(rule, Rule::Segment | Rule::Closeness);
    if let Some(rule) = found.by_rule.keys().find(counts) {
        let first = found.first.iter().find(|finding| finding.rule == *rule);
        return Err(wrong(first.map_or_else(|| format!("{rule:?}"), ToString::to_string)));
    }
    let tally = watch.finish().map_err(wrong)?;
    Ok(Tally { runs: 1, events: found.events, ..tally })
}

#[cfg(test)]
mod tests;
