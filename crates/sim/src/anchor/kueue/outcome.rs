//! What came of a simulation, in integers.

use std::collections::BTreeMap;

/// Figures of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// When the last workload ended, since the start of the generator.
    pub makespan_ms: u64,
    /// CPU in use over time, in thousandths of a CPU times milliseconds, lost work included.
    pub used_milli_ms: u64,
    /// The part of it that was lost because its workload was preempted.
    pub lost_milli_ms: u64,
    /// Admissions, repeated ones included.
    pub n_admissions: u64,
    /// Looks at a workload, whatever came of it.
    pub n_decisions: u64,
    /// Scheduling passes: instants at which something arrived or ended.
    pub n_passes: u64,
    /// By class name.
    pub classes: BTreeMap<&'static str, ClassOutcome>,
}

/// Figures of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassOutcome {
    /// Workloads.
    pub count: u64,
    /// Sum of the times from creation to the last admission, as Kueue's recorder takes them.
    pub wait_ms_sum: u64,
    /// The longest of them.
    pub wait_ms_max: u64,
    /// How often one of them was preempted.
    pub n_preemptions: u64,
}

impl Outcome {
    /// Use of a quota over the whole run, in thousandths.
    #[must_use]
    pub fn usage_milli(&self, quota_milli: u64) -> u64 {
        let offered = u128::from(quota_milli) * u128::from(self.makespan_ms);
        let used = u128::from(self.used_milli_ms) * 1_000;
        u64::try_from(used.checked_div(offered).unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// Preemptions of all classes.
    #[must_use]
    pub fn n_preemptions(&self) -> u64 {
        self.classes.values().map(|class| class.n_preemptions).sum()
    }
}

impl ClassOutcome {
    /// Mean wait, rounded down.
    #[must_use]
    pub fn wait_ms_mean(&self) -> u64 {
        self.wait_ms_sum.checked_div(self.count).unwrap_or(0)
    }
}
