//! Counts of jobs that ended on a rung and of jobs that were exposed to it, and the chances they give.
//!
//! Must treat a job that still runs as what it is: it counts for the rungs that it has left behind
//! and says nothing about those ahead (censored observations, as in a Kaplan-Meier estimate).

use super::ladder::RUNGS;

/// One in the fixed point of [`Hazards`].
pub(super) const ONE: u64 = 1 << 20;

/// Ends per job and rung, in millionths (2⁻²⁰); above one when most jobs end early on the rung.
pub(super) type Hazards = [u64; RUNGS];

/// What is assumed of a rung before anything is known: one end in two jobs. With rungs that double,
/// this gives a heavy tail, and serving by it is serving the least attained.
const PRIOR_ENDED: u64 = 1;
const PRIOR_EXPOSED_HALVES: u64 = 4;

/// Weights of observations add up to multiples of this.
pub(super) const FULL_WEIGHT: u64 = 1024;

/// Weighted ends and exposures of each rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Ended, and half exposures: a job that ends on a rung was exposed to half of it.
    rungs: [(u64, u64); RUNGS],
}

impl Default for Tally {
    fn default() -> Self {
        Self { rungs: [(0, 0); RUNGS] }
    }
}

impl Tally {
    /// Adds a job that moved from one rung to a later one, and perhaps ended there.
    pub(super) fn climb(&mut self, from: usize, to: usize, ended: bool, weight: u64) {
        for (rung, (ends, halves)) in self.rungs.iter_mut().enumerate() {
            if (from..to).contains(&rung) {
                *halves = halves.saturating_add(weight.saturating_mul(2));
            }
            if ended && rung == to {
                *ends = ends.saturating_add(weight);
                *halves = halves.saturating_add(weight);
            }
        }
    }

    /// Hazards of everything, from the counts and the prior.
    pub(super) fn hazards_alone(&self) -> Hazards {
        let mut hazards = [0; RUNGS];
        for (hazard, (ends, halves)) in hazards.iter_mut().zip(self.rungs) {
            let ends = ends.saturating_add(PRIOR_ENDED.saturating_mul(FULL_WEIGHT));
            let halves = halves.saturating_add(PRIOR_EXPOSED_HALVES.saturating_mul(FULL_WEIGHT));
            *hazard = ratio(ends.saturating_mul(2).saturating_mul(ONE), halves);
        }
        hazards
    }

    /// Hazards from the counts, drawn towards those of a wider group as if the latter had been seen
    /// with this weight on each rung.
    pub(super) fn hazards_towards(&self, wider: &Hazards, weight: u64) -> Hazards {
        let mut hazards = *wider;
        for (hazard, (ends, halves)) in hazards.iter_mut().zip(self.rungs) {
            let borrowed = weight.saturating_mul(2).saturating_mul(*hazard);
            let own = ends.saturating_mul(2).saturating_mul(ONE);
            let halves = halves.saturating_add(weight.saturating_mul(2));
            *hazard = ratio(own.saturating_add(borrowed), halves);
        }
        hazards
    }
}

fn ratio(above: u64, below: u64) -> u64 {
    above.checked_div(below).unwrap_or(0)
}
