//! How much of an NVLink rack can be used in segments when trays are broken: the exact binomial.
//!
//! A rack of 18 trays promises segments of `s` trays each, any trays of the rack. Each tray is down
//! with probability q, independently. Of `up` trays, s × ⌊up / s⌋ can be used, so the usable share is
//! the mean of that over the binomial, divided by the trays. 16 of 18 is the largest segment that
//! NVIDIA and CoreWeave recommend for GB200 NVL72: two trays of each rack are then left for small
//! work.
//!
//! The arithmetic is exact to the digit that is printed: every probability is kept as a lower and an
//! upper bound in integers, rounded down and up. If both do not round to the same digit there is no
//! answer, rather than a wrong one.

/// Trays of an NVL72 rack.
pub const TRAYS: u32 = 18;

/// Trays for which the bounds are close enough to tell a digit.
pub const TRAYS_MAX: u32 = 32;

/// Units of probability: bounds differ by a few of them.
const ONE: u128 = 1_000_000_000_000_000_000;

/// A number between two bounds, in units of 1 / [`ONE`].
#[derive(Debug, Clone, Copy)]
struct Bounds {
    low: u128,
    high: u128,
}

impl Bounds {
    const fn exactly(units: u128) -> Self {
        Self { low: units, high: units }
    }

    /// The product of two numbers of at most 1.
    const fn times(self, other: Self) -> Self {
        Self { low: self.low * other.low / ONE, high: (self.high * other.high).div_ceil(ONE) }
    }

    const fn scaled(self, by: u128, over: u128) -> Self {
        Self { low: self.low * by / over, high: (self.high * by).div_ceil(over) }
    }

    const fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }
}

/// Share of a rack that segments of this size can use, in tenths of a per cent, rounded to the
/// nearest; `down_permyriad` is the probability that a tray is down, in 1 / 10,000.
///
/// `None` for a segment of no trays or more than the rack has, more than [`TRAYS_MAX`] trays, a
/// probability above 1, or a digit that the bounds cannot tell.
#[must_use]
pub fn usable_permille(trays: u32, segment: u32, down_permyriad: u32) -> Option<u32> {
    if segment == 0 || segment > trays || trays > TRAYS_MAX || down_permyriad > 10_000 {
        return None;
    }
    let down = Bounds::exactly(u128::from(down_permyriad) * (ONE / 10_000));
    let up = Bounds::exactly(ONE - down.low);
    let mut share = Bounds::exactly(0);
    for n_up in segment..=trays {
        let mut probability = Bounds::exactly(ONE);
        for tray in 0..trays {
            probability = probability.times(if tray < n_up { up } else { down });
        }
        let usable = segment * (n_up / segment);
        let ways = ways(trays, n_up).checked_mul(u128::from(usable))?;
        share = share.plus(probability.scaled(ways, u128::from(trays)));
    }
    let rounded = |units: u128| u32::try_from((units * 1_000 + ONE / 2) / ONE).ok();
    let (low, high) = (rounded(share.low)?, rounded(share.high)?);
    (low == high).then_some(low)
}

/// The number of ways to choose k of n.
fn ways(n: u32, k: u32) -> u128 {
    (0..k).fold(1, |ways, step| ways * u128::from(n - step) / u128::from(step + 1))
}

#[cfg(test)]
mod tests;
