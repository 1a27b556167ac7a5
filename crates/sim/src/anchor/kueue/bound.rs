//! What no scheduler can beat.
//!
//! Must hold for every order and every placement: only quota, creation and run times count.

use super::Generator;

/// The earliest possible end, in milliseconds since the start. The larger of
/// - the latest creation plus run time of one workload, and
/// - for each instant, that instant plus the work created from then on, divided by the quota of a
///   cohort: before that instant none of it can run.
///
/// Exact for divisible work; whole workloads and priorities only make the end later.
#[must_use]
pub fn lower_bound_ms(generator: &Generator) -> u64 {
    let quota_milli = generator.nominal_milli * u64::from(generator.queues_per_cohort);
    let mut last_end_ms = 0;
    // All cohorts are alike, so the queues of the first are enough. Later workloads first.
    let mut work_milli_ms = 0_u64;
    let mut bound_ms = 0;
    for workload in generator.workloads().iter().rev() {
        let Some(set) = generator.sets.get(workload.set) else { continue };
        last_end_ms = last_end_ms.max(workload.created_ms + set.runtime_ms);
        if workload.queue < generator.queues_per_cohort {
            work_milli_ms += set.need_milli() * set.runtime_ms;
            let all_run_ms = work_milli_ms.div_ceil(quota_milli.max(1));
            bound_ms = bound_ms.max(workload.created_ms + all_run_ms);
        }
    }
    bound_ms.max(last_end_ms)
}
