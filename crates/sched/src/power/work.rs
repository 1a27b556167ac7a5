//! The arithmetic that relief and recovery share: what each feeder draws while limits and
//! preemptions are tried out.
//!
//! Must never change the tree it was made from.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ReliefError;
use super::model::{PowerModel, RunningPower};
use super::tree::{FeederIdx, PowerTree};

/// Draw of every feeder and state of every job while a relief is worked out.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) tree: &'a PowerTree,
    model: &'a PowerModel,
    running: &'a [RunningPower],
    used_mw: BTreeMap<FeederIdx, u64>,
    /// Feeders above what they are allowed.
    pub(super) over: BTreeSet<FeederIdx>,
    jobs: Vec<JobWork>,
}

/// A job with all the feeders it draws from.
#[derive(Debug)]
struct JobWork {
    /// GPUs below each feeder, the feeders above those of the job included.
    reach: Vec<(FeederIdx, u64)>,
    cap: u32,
    stopped: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        tree: &'a PowerTree,
        model: &'a PowerModel,
        running: &'a [RunningPower],
    ) -> Result<Self, ReliefError> {
        let mut work = Self {
            tree,
            model,
            running,
            used_mw: BTreeMap::new(),
            over: tree.shortfalls().map(|shortfall| shortfall.feeder).collect(),
            jobs: Vec::with_capacity(running.len()),
        };
        let mut jobs_mw: BTreeMap<FeederIdx, u64> = BTreeMap::new();
        for (index, job) in running.iter().enumerate() {
            known(model, index, job)?;
            let reach = reach(tree, index, job)?;
            let gpu_mw = model.gpu_mw(job, job.cap).unwrap_or(0);
            for (feeder, gpus) in &reach {
                let sum = jobs_mw.entry(*feeder).or_default();
                *sum = sum.saturating_add(gpus.saturating_mul(gpu_mw));
            }
            work.jobs.push(JobWork { reach, cap: job.cap, stopped: false });
        }
        for (feeder, jobs_mw) in jobs_mw {
            let used_mw = tree.used_mw(feeder);
            if jobs_mw > used_mw {
                return Err(ReliefError::MoreThanUsed { feeder, jobs_mw, used_mw });
            }
            work.used_mw.insert(feeder, used_mw);
        }
        Ok(work)
    }

    pub(super) fn cap(&self, job: usize) -> u32 {
        self.jobs.get(job).map_or(0, |work| work.cap)
    }

    pub(super) fn is_stopped(&self, job: usize) -> bool {
        self.jobs.get(job).is_some_and(|work| work.stopped)
    }

    /// Draw of one GPU of the job as things stand.
    pub(super) fn gpu_mw(&self, job: usize) -> u64 {
        match self.is_stopped(job) {
            true => 0,
            false => self.gpu_mw_at(job, self.cap(job)),
        }
    }

    pub(super) fn gpu_mw_at(&self, job: usize, cap: u32) -> u64 {
        self.running.get(job).and_then(|running| self.model.gpu_mw(running, cap)).unwrap_or(0)
    }

    pub(super) fn n_caps(&self, job: usize) -> u32 {
        let gpu = self.running.get(job).and_then(|running| self.model.gpu(running.gpu));
        gpu.map_or(0, super::model::GpuPower::n_caps)
    }

    fn reach(&self, job: usize) -> &[(FeederIdx, u64)] {
        self.jobs.get(job).map_or(&[], |work| work.reach.as_slice())
    }

    /// GPUs of the job at the feeder or below.
    pub(super) fn gpus_below(&self, job: usize, feeder: FeederIdx) -> u64 {
        let reach = self.reach(job);
        let found = reach.binary_search_by_key(&feeder, |(at, _)| *at).ok();
        found.and_then(|position| reach.get(position)).map_or(0, |(_, gpus)| *gpus)
    }

    /// How much of what the feeders are short of the job could give if it stopped.
    pub(super) fn useful_mw(&self, job: usize) -> u64 {
        let gpu_mw = self.gpu_mw(job);
        let each = self
            .reach(job)
            .iter()
            .map(|(feeder, gpus)| gpus.saturating_mul(gpu_mw).min(self.short_mw(*feeder)));
        each.fold(0, u64::saturating_add)
    }

    /// True if the job draws from a feeder that is over.
    pub(super) fn touches_over(&self, job: usize) -> bool {
        self.reach(job).iter().any(|(feeder, gpus)| *gpus > 0 && self.over.contains(feeder))
    }

    pub(super) fn short_mw(&self, feeder: FeederIdx) -> u64 {
        self.used_mw(feeder).saturating_sub(self.tree.allowed_mw(feeder))
    }

    pub(super) fn used_mw(&self, feeder: FeederIdx) -> u64 {
        self.used_mw.get(&feeder).copied().unwrap_or_else(|| self.tree.used_mw(feeder))
    }

    pub(super) fn set_cap(&mut self, job: usize, cap: u32) {
        let before_mw = self.gpu_mw(job);
        if let Some(work) = self.jobs.get_mut(job) {
            work.cap = cap;
        }
        self.redraw(job, before_mw);
    }

    pub(super) fn set_stopped(&mut self, job: usize, stopped: bool) {
        let before_mw = self.gpu_mw(job);
        if let Some(work) = self.jobs.get_mut(job) {
            work.stopped = stopped;
        }
        self.redraw(job, before_mw);
    }

    /// True if no feeder of the job would be over if each of its GPUs drew this much.
    pub(super) fn fits_at(&self, job: usize, gpu_mw: u64) -> bool {
        let more_mw = gpu_mw.saturating_sub(self.gpu_mw(job));
        self.reach(job).iter().all(|(feeder, gpus)| {
            let added_mw = gpus.saturating_mul(more_mw);
            let wanted_mw = self.used_mw(*feeder).saturating_add(added_mw);
            added_mw == 0 || wanted_mw <= self.tree.allowed_mw(*feeder)
        })
    }

    fn redraw(&mut self, job: usize, before_mw: u64) {
        let now_mw = self.gpu_mw(job);
        let reach = self.jobs.get_mut(job).map(|work| std::mem::take(&mut work.reach));
        let reach = reach.unwrap_or_default();
        for (feeder, gpus) in &reach {
            let without_mw = self.used_mw(*feeder).saturating_sub(gpus.saturating_mul(before_mw));
            let used_mw = without_mw.saturating_add(gpus.saturating_mul(now_mw));
            self.used_mw.insert(*feeder, used_mw);
            if used_mw > self.tree.allowed_mw(*feeder) {
                self.over.insert(*feeder);
            } else {
                self.over.remove(feeder);
            }
        }
        if let Some(work) = self.jobs.get_mut(job) {
            work.reach = reach;
        }
    }
}

fn known(model: &PowerModel, index: usize, job: &RunningPower) -> Result<(), ReliefError> {
    let unknown = |field, value| ReliefError::NotInModel { job: index, field, value };
    let gpu = model.gpu(job.gpu).ok_or_else(|| unknown("gpu", job.gpu))?;
    model.class(job.class).ok_or_else(|| unknown("class", job.class))?;
    if job.cap > gpu.n_caps() {
        return Err(unknown("cap", job.cap));
    }
    Ok(())
}

fn reach(
    tree: &PowerTree,
    index: usize,
    job: &RunningPower,
) -> Result<Vec<(FeederIdx, u64)>, ReliefError> {
    let mut below: BTreeMap<FeederIdx, u64> = BTreeMap::new();
    for (feeder, gpus) in &job.gpus_at {
        if feeder.position() >= tree.len() {
            return Err(ReliefError::NoSuchFeeder { job: index, feeder: *feeder });
        }
        for on_path in tree.path(*feeder) {
            let sum = below.entry(on_path).or_default();
            *sum = sum.saturating_add(u64::from(*gpus));
        }
    }
    Ok(below.into_iter().collect())
}
