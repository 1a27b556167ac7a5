//! What work draws: GPUs × (idle + u × (full − idle)), cut off by a power limit.
//!
//! The figures are the caller's: measured limits and slowdowns differ by GPU, cooling and work, and
//! none is built in. Rounding is always up, so that a model never promises power that is not there.

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::tree::FeederIdx;

const ALL_PERMILLE: u32 = 1_000;

/// A power limit that a GPU can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapStep {
    /// The limit of one GPU, in milliwatts.
    pub limit_mw: u64,
    /// How much less work is done under it, in per mille, where the limit is felt at all.
    pub slowdown_permille: u32,
}

/// A kind of GPU, with the part of the machine that goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuPower {
    idle_mw: u64,
    tdp_mw: u64,
    caps: Vec<CapStep>,
}

impl GpuPower {
    /// A kind of GPU with its limits from high to low.
    ///
    /// # Errors
    /// [`ModelError`] if it draws more when idle than at most, or the limits do not fall from below
    /// `tdp_mw` to at least `idle_mw` with slowdowns that do not fall.
    pub fn new(idle_mw: u64, tdp_mw: u64, caps: Vec<CapStep>) -> Result<Self, ModelError> {
        if idle_mw > tdp_mw {
            return Err(ModelError::IdleAboveTdp { idle_mw, tdp_mw });
        }
        let mut before = CapStep { limit_mw: tdp_mw, slowdown_permille: 0 };
        for (step, cap) in caps.iter().enumerate() {
            let CapStep { limit_mw, slowdown_permille } = *cap;
            if limit_mw >= before.limit_mw || limit_mw < idle_mw {
                return Err(ModelError::CapOutOfOrder { step, limit_mw });
            }
            if !(before.slowdown_permille..=ALL_PERMILLE).contains(&slowdown_permille) {
                return Err(ModelError::SlowdownOutOfOrder { step, slowdown_permille });
            }
            before = *cap;
        }
        Ok(Self { idle_mw, tdp_mw, caps })
    }

    /// Number of limits that can be set.
    #[must_use]
    pub fn n_caps(&self) -> u32 {
        u32::try_from(self.caps.len()).unwrap_or(u32::MAX)
    }

    /// Draw of one GPU without a limit, in milliwatts.
    #[must_use]
    pub fn draw_mw(&self, utilisation_permille: u32) -> u64 {
        let range_mw = u128::from(self.tdp_mw.saturating_sub(self.idle_mw));
        let scaled = range_mw.saturating_mul(u128::from(utilisation_permille.min(ALL_PERMILLE)));
        let above_mw = u64::try_from(scaled.div_ceil(u128::from(ALL_PERMILLE)));
        self.idle_mw.saturating_add(above_mw.unwrap_or(u64::MAX))
    }

    /// Draw of one GPU under limit number `cap`; 0 is none.
    #[must_use]
    pub fn capped_mw(&self, utilisation_permille: u32, cap: u32) -> u64 {
        let draw_mw = self.draw_mw(utilisation_permille);
        self.step(cap).map_or(draw_mw, |step| draw_mw.min(step.limit_mw))
    }

    /// Work lost under limit number `cap`, in per mille; 0 where the draw stays below the limit.
    #[must_use]
    pub fn slowdown_permille(&self, utilisation_permille: u32, cap: u32) -> u32 {
        let step = self.step(cap).filter(|step| self.draw_mw(utilisation_permille) > step.limit_mw);
        step.map_or(0, |step| step.slowdown_permille)
    }

    /// Limit number `cap` of one GPU, in milliwatts; `None` for no limit.
    #[must_use]
    pub fn limit_mw(&self, cap: u32) -> Option<u64> {
        self.step(cap).map(|step| step.limit_mw)
    }

    /// Draw of one GPU when idle, in milliwatts.
    #[must_use]
    pub const fn idle_mw(&self) -> u64 {
        self.idle_mw
    }

    /// Draw of one GPU at most, in milliwatts.
    #[must_use]
    pub const fn tdp_mw(&self) -> u64 {
        self.tdp_mw
    }

    /// The same GPU where what it draws when idle is counted with its machine.
    pub(super) fn above_idle(&self) -> Self {
        let above = |mw: u64| mw.saturating_sub(self.idle_mw);
        let caps = self.caps.iter().map(|cap| CapStep { limit_mw: above(cap.limit_mw), ..*cap });
        Self { idle_mw: 0, tdp_mw: above(self.tdp_mw), caps: caps.collect() }
    }

    fn step(&self, cap: u32) -> Option<&CapStep> {
        usize::try_from(cap.checked_sub(1)?).ok().and_then(|index| self.caps.get(index))
    }
}

/// A class of work by its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassPower {
    /// Share of the range between idle and full that it draws, in per mille.
    pub utilisation_permille: u32,
    /// What slowing it costs beside the other classes, in any unit; the lowest is slowed first.
    pub cost: u32,
}

/// The kinds of GPU and the classes of work of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerModel {
    gpus: Vec<GpuPower>,
    classes: Vec<ClassPower>,
}

impl PowerModel {
    /// A model of these kinds and classes; jobs name them by position.
    ///
    /// # Errors
    /// [`ModelError::UtilisationAboveAll`].
    pub fn new(gpus: Vec<GpuPower>, classes: Vec<ClassPower>) -> Result<Self, ModelError> {
        for (class, power) in classes.iter().enumerate() {
            let utilisation_permille = power.utilisation_permille;
            if utilisation_permille > ALL_PERMILLE {
                return Err(ModelError::UtilisationAboveAll { class, utilisation_permille });
            }
        }
        Ok(Self { gpus, classes })
    }

    /// Power to ask the tree for before the job starts; `None` if the model does not know it.
    #[must_use]
    pub fn loads(&self, job: &RunningPower) -> Option<Vec<(FeederIdx, u64)>> {
        let gpu_mw = self.gpu_mw(job, job.cap)?;
        let load =
            |(feeder, gpus): &(FeederIdx, u32)| (*feeder, u64::from(*gpus).saturating_mul(gpu_mw));
        Some(job.gpus_at.iter().map(load).collect())
    }

    /// Draw of one GPU of the job under a limit, in milliwatts.
    pub(super) fn gpu_mw(&self, job: &RunningPower, cap: u32) -> Option<u64> {
        let class = self.class(job.class)?;
        Some(self.gpu(job.gpu)?.capped_mw(class.utilisation_permille, cap))
    }

    pub(super) fn gpu(&self, gpu: u32) -> Option<&GpuPower> {
        self.gpus.get(usize::try_from(gpu).ok()?)
    }

    pub(super) fn class(&self, class: u32) -> Option<&ClassPower> {
        self.classes.get(usize::try_from(class).ok()?)
    }

    /// Classes in the order in which they are slowed: by cost, then by number.
    pub(super) fn cheapest_first(&self) -> Vec<u32> {
        let mut order: Vec<(u32, u32)> =
            (0..=u32::MAX).zip(&self.classes).map(|(class, power)| (power.cost, class)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, class)| class).collect()
    }

    /// The most limits that any kind of GPU has.
    pub(super) fn n_caps_max(&self) -> u32 {
        self.gpus.iter().map(GpuPower::n_caps).max().unwrap_or(0)
    }
}

/// A job that runs, as far as power goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningPower {
    /// Kind of GPU, by position in the model.
    pub gpu: u32,
    /// Class of work, by position in the model.
    pub class: u32,
    /// Number of the power limit it runs under; 0 is none, 1 the highest.
    pub cap: u32,
    /// How many GPUs it has at which feeder.
    pub gpus_at: Vec<(FeederIdx, u32)>,
    /// Work that would be lost if it were preempted now, for example GPU-seconds since the last
    /// checkpoint × a factor of its priority.
    pub lost_work: u64,
    /// False if it must not be preempted: its minimum runtime has not passed, or it is a service.
    pub preemptible: bool,
}
