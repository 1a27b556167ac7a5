//! What a job may still cost: the effort for it to end, rung by rung (a Gittins index, inverted).
//!
//! Must be a pure function of the chances it is made from.

use super::ladder::{RUNGS, rung_of, rung_start, rung_width};
use super::tally::{Hazards, ONE};

/// For each rung: the least expected GPU-microseconds per end that a job standing there offers, if
/// it is served for as long as that is worth it.
///
/// A job whose kind mostly ends soon offers little effort; one that has outlived its kind much.
/// Serving the least effort first minimises the mean time to end on one machine when durations are
/// unknown (J. C. Gittins, "Bandit processes and dynamic allocation indices", 1979).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    efforts: [u64; RUNGS],
}

/// One in the fixed point of [`Stretch`]: a service times two such numbers fits 128 bits.
const CERTAIN: u64 = 1 << 30;

/// A stretch of rungs that is served as one: chance to end in it, to outlive it, and expected service.
#[derive(Clone, Copy)]
struct Stretch {
    ends: u64,
    outlives: u64,
    service: u128,
}

impl Outlook {
    pub(super) fn new(hazards: &Hazards) -> Self {
        let mut efforts = [u64::MAX; RUNGS];
        // The lower hull of (chance, service), built from the last rung to the first.
        let mut later: Vec<Stretch> = Vec::with_capacity(RUNGS);
        let rungs = efforts.iter_mut().zip(hazards).enumerate().rev();
        for (rung, (effort, hazard)) in rungs {
            let mut stretch = Stretch::of_rung(rung, *hazard);
            while let Some(next) = later.pop_if(|next| next.is_cheaper_than(&stretch)) {
                stretch = stretch.then(&next);
            }
            *effort = stretch.effort();
            later.push(stretch);
        }
        Self { efforts }
    }

    /// The effort from a standing of this much service, both in GPU-microseconds.
    #[must_use]
    pub fn effort(&self, attained: u64) -> u64 {
        self.efforts.get(rung_of(attained)).copied().unwrap_or(u64::MAX)
    }

    /// The service at which the effort first rises above a limit; `None` if it never does.
    #[must_use]
    pub fn rises_above(&self, attained: u64, limit: u64) -> Option<u64> {
        let rungs = self.efforts.iter().enumerate().skip(rung_of(attained).saturating_add(1));
        rungs.into_iter().find(|(_, effort)| **effort > limit).map(|(rung, _)| rung_start(rung))
    }
}

impl Stretch {
    fn of_rung(rung: usize, hazard: u64) -> Self {
        // 1 - exp(-h) by its first Padé approximant, below one so that something always outlives.
        let ends = hazard.saturating_mul(2).saturating_mul(CERTAIN);
        let ends = ends.checked_div(hazard.saturating_add(ONE.saturating_mul(2))).unwrap_or(0);
        let ends = ends.clamp(1, CERTAIN.saturating_sub(1));
        let spent = CERTAIN.saturating_sub(ends.checked_div(2).unwrap_or(0));
        let service = u128::from(rung_width(rung)).saturating_mul(u128::from(spent));
        Self { ends, outlives: CERTAIN.saturating_sub(ends), service }
    }

    /// This stretch followed by another.
    fn then(&self, next: &Self) -> Self {
        let share = |part: u64| scaled(u128::from(part).saturating_mul(u128::from(self.outlives)));
        let further = scaled(next.service.saturating_mul(u128::from(self.outlives)));
        Self {
            ends: self.ends.saturating_add(small(share(next.ends))),
            outlives: small(share(next.outlives)).max(1),
            service: self.service.saturating_add(further),
        }
    }

    /// Whether serving this stretch costs less per end than serving the other.
    fn is_cheaper_than(&self, other: &Self) -> bool {
        self.service.saturating_mul(u128::from(other.ends))
            < other.service.saturating_mul(u128::from(self.ends))
    }

    fn effort(&self) -> u64 {
        small(self.service.checked_div(u128::from(self.ends)).unwrap_or(u128::MAX))
    }
}

fn scaled(product: u128) -> u128 {
    product.checked_div(u128::from(CERTAIN)).unwrap_or(0)
}

fn small(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
