//! What a simulation is asked to do and what it answers.

use std::fmt;

use units::Digest;

/// The length and the dangers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Steps before the faults stop; each is a few commands and some virtual seconds.
    pub steps: u64,
    /// Chance of a failing commit, in percent per batch.
    pub commit_faults_percent: u64,
    /// Chance that an engine dies, in percent per step.
    pub engine_deaths_percent: u64,
    /// Chance that the clock jumps, in percent per step.
    pub clock_jumps_percent: u64,
    /// True if reports are lost, doubled and late.
    pub bad_network: bool,
    /// Steps between two deep checks (state, audit, replay).
    pub deep_check_every: u64,
}

impl Config {
    /// Every fault, for so many steps.
    #[must_use]
    pub const fn all_faults(steps: u64) -> Self {
        Self {
            steps,
            commit_faults_percent: 2,
            engine_deaths_percent: 4,
            clock_jumps_percent: 3,
            bad_network: true,
            deep_check_every: 300,
        }
    }

    /// No fault at all.
    #[must_use]
    pub const fn calm(steps: u64) -> Self {
        Self {
            steps,
            commit_faults_percent: 0,
            engine_deaths_percent: 0,
            clock_jumps_percent: 0,
            bad_network: false,
            deep_check_every: 150,
        }
    }
}

/// A run in which everything held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Digest of the whole trace: every request, answer, leaf and fault.
    pub trace_digest: Digest,
    /// Entries in the log.
    pub events: u64,
    /// Commands accepted.
    pub accepted: u64,
    /// Commands refused.
    pub rejected: u64,
    /// Commands whose caller got no answer.
    pub unknown: u64,
    /// Crashes and depositions.
    pub crashes: u64,
    /// Boots that used a snapshot.
    pub snapshot_boots: u64,
    /// Placements.
    pub placements: u64,
    /// Workloads that ended.
    pub ended: u64,
    /// Checkpoints proven consistent.
    pub checkpoints: u64,
}

/// A violated invariant, with what reproduces it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed}, step {step}: {message}\nreproduce with: cargo run -p app -- simulate check --seed {seed} --steps {steps}\nlast lines of the trace:\n{tail}"
)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step at which it was noticed.
    pub step: u64,
    /// Steps asked for.
    pub steps: u64,
    /// What was violated.
    pub message: String,
    /// The end of the trace.
    pub tail: String,
}

/// Several seeds, each run twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Runs in which everything held, one per seed.
    pub outcomes: Vec<Outcome>,
    /// Runs in which something did not.
    pub failures: Vec<Failure>,
}

impl Report {
    /// True if no invariant was violated.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(
                f,
                "seed {}: {} entries, {} accepted, {} refused, {} unanswered, {} crashes, trace {}",
                outcome.seed,
                outcome.events,
                outcome.accepted,
                outcome.rejected,
                outcome.unknown,
                outcome.crashes,
                outcome.trace_digest.short()
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        let (good, bad) = (self.outcomes.len(), self.failures.len());
        writeln!(f, "{good} seeds good, {bad} bad; each good seed was run twice")
    }
}
