//! Lifting power limits again after a budget rose or work ended.
//!
//! Must never take a feeder above what it is allowed, and never lower a limit.

use super::error::ReliefError;
use super::model::{PowerModel, RunningPower};
use super::relief::CapChange;
use super::tree::{FeederIdx, PowerTree};
use super::work::Work;

/// Limits that can be lifted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Limits to lift, by job.
    pub caps: Vec<CapChange>,
    /// Power to [add](PowerTree::admit_running) for it.
    pub added: Vec<(FeederIdx, u64)>,
}

/// Which limits can be lifted now: the reverse of the order in which [`relief`](super::relief)
/// lowers them, so the class whose slowing costs most is freed first, its lowest limits first. What
/// is left in force cannot be lifted by one more step. Closed feeders count as any other: whoever
/// runs already comes before new work.
///
/// # Errors
/// [`ReliefError`] if the jobs do not fit the tree or the model.
pub fn recover(
    tree: &PowerTree,
    model: &PowerModel,
    running: &[RunningPower],
) -> Result<Recovery, ReliefError> {
    let mut work = Work::new(tree, model, running)?;
    for class in model.cheapest_first().into_iter().rev() {
        let of_class = |(_, job): &(usize, &RunningPower)| job.class == class;
        let jobs: Vec<usize> =
            running.iter().enumerate().filter(of_class).map(|(job, _)| job).collect();
        for cap in (1..=model.n_caps_max()).rev() {
            for job in jobs.iter().rev() {
                let lifted = cap.saturating_sub(1);
                if work.cap(*job) == cap && work.fits_at(*job, work.gpu_mw_at(*job, lifted)) {
                    work.set_cap(*job, lifted);
                }
            }
        }
    }
    let mut recovery = Recovery::default();
    for (job, power) in
        running.iter().enumerate().filter(|(job, power)| work.cap(*job) != power.cap)
    {
        recovery.caps.push(CapChange { job, from: power.cap, to: work.cap(job) });
        let more_mw = work.gpu_mw(job).saturating_sub(work.gpu_mw_at(job, power.cap));
        let added =
            power.gpus_at.iter().map(|(at, gpus)| (*at, u64::from(*gpus).saturating_mul(more_mw)));
        recovery.added.extend(added.filter(|(_, added_mw)| *added_mw > 0));
    }
    Ok(recovery)
}
