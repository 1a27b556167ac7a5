//! The figures of one run. The unit is the end of each name: `_milli` thousandths, `_ppm` millionths,
//! `_ms` milliseconds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Distribution, SiteEnergy};

/// Jobs by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JobCounts {
    /// Submitted.
    pub submitted: u64,
    /// Started at least once.
    pub started: u64,
    /// Their work done.
    pub finished: u64,
    /// Ended by their limit.
    pub timed_out: u64,
    /// Given up.
    pub cancelled: u64,
    /// Running at the end.
    pub running: u64,
    /// Waiting at the end.
    pub waiting: u64,
    /// Finished after their deadline.
    pub late: u64,
}

/// Finish-time fairness over all jobs that finished: 1,000 is a fair share, more is worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FinishTimes {
    /// The distribution, in thousandths.
    pub milli: Distribution,
    /// Jobs above 1.05, in millionths of all.
    pub unfair_ppm: u64,
}

/// Waits and completion times of one class of size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeSummary {
    /// The class.
    pub size: &'static str,
    /// From submission to first start.
    pub wait_ms: Distribution,
    /// From submission to end.
    pub completion_ms: Distribution,
}

/// The same of one organisation, and what it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganisationSummary {
    /// The organisation.
    pub organisation: String,
    /// From submission to first start.
    pub wait_ms: Distribution,
    /// From submission to end.
    pub completion_ms: Distribution,
    /// GPU-hours got, in thousandths.
    pub gpu_milli_hours: u64,
    /// GPU time got over GPU time asked for while it asked, in millionths; absent if it never did.
    pub service_ppm: Option<u64>,
}

/// The figures of one run of one policy. All of it is simulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The policy.
    pub policy: String,
    /// From the start to the end of the run, in milliseconds.
    pub span_ms: u64,
    /// Jobs by what became of them.
    pub jobs: JobCounts,
    /// Preemptions by cause.
    pub preemptions: BTreeMap<&'static str, u64>,
    /// GPU time in use over GPU time installed.
    pub used_ppm: u64,
    /// GPU time in use over GPU time on nodes that worked.
    pub occupancy_ppm: u64,
    /// The same less what preemptions lost, over GPU time installed.
    pub goodput_ppm: u64,
    /// Processor time in use over processor time installed.
    pub cpu_used_ppm: u64,
    /// Free GPUs that are of no use to a job of this workload, over GPUs installed.
    pub fragmentation_ppm: u64,
    /// Jobs waiting: mean, in thousandths.
    pub waiting_jobs_mean_milli: u64,
    /// Jobs waiting: most.
    pub waiting_jobs_max: u64,
    /// GPUs that waiting jobs ask for: mean, in thousandths.
    pub waiting_gpus_mean_milli: u64,
    /// From submission to first start, of jobs that started.
    pub wait_ms: Distribution,
    /// The longest wait for a first start, jobs that still wait at the end included.
    pub longest_wait_ms: u64,
    /// From submission to end, of jobs that were not given up.
    pub completion_ms: Distribution,
    /// By class of size, those that occur.
    pub by_size: Vec<SizeSummary>,
    /// By organisation, the largest first.
    pub by_organisation: Vec<OrganisationSummary>,
    /// Jain's index over the service of organisations.
    pub jain_ppm: u64,
    /// Finish-time fairness.
    pub finish_times: FinishTimes,
    /// What GPUs were charged at the fleet's prices, in thousandths of a euro.
    pub charged_milli_eur: u64,
    /// Energy, cost and carbon of all sites.
    pub energy: SiteEnergy,
    /// The same for each site.
    pub energy_by_site: Vec<SiteEnergy>,
}
