//! What each queue used in the past, forgotten by half in a fixed time.
//!
//! Kept as an average: with factor `r = 2^(-1/half-life)` each tick makes it
//! `r × average + (1 - r) × in use`. Averages of all queues decay alike, so only their ratios count
//! and the unit stays that of the resource.
//!
//! Error: averages have 32 bits behind the point and factors 64. A tick rounds by less than two
//! units of the last place, so after any number of ticks an average is within
//! `(2 + 3 × half-life) / 2³²` units and, relatively, within `ticks / 2⁶⁰` of the exact value as
//! long as ticks are below 2²⁰ half-lives.
//!
//! Must never read a clock: the caller says how many ticks passed, and calls before it changes
//! what is in use.

use super::{QueueIdx, Tree};

/// Bits of an average behind the point.
const FRACTION_BITS: u32 = 32;

/// Decayed average use by queue and resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    n_resources: usize,
    /// In 2⁻³² units.
    cells: Vec<u128>,
    /// The decay over 1, 2, 4, 8 … ticks, in 2⁻⁶⁴.
    factors: Vec<u64>,
}

impl Usage {
    /// Nothing used so far. `half_life_ticks` is how long it takes until half is forgotten; 0
    /// counts as 1. A tick is any time that the caller chooses.
    #[must_use]
    pub fn new(n_queues: usize, n_resources: usize, half_life_ticks: u32) -> Self {
        let factors = powers(per_tick(half_life_ticks.max(1)));
        Self { n_resources, cells: vec![0; n_queues.saturating_mul(n_resources)], factors }
    }

    /// Lets ticks pass during which what the tree has in use did not change. In
    /// O(queues × resources).
    pub fn advance(&mut self, tree: &Tree, ticks: u64) {
        if ticks == 0 || self.n_resources == 0 {
            return;
        }
        let factor = self.over(ticks);
        for (position, cells) in self.cells.chunks_mut(self.n_resources).enumerate() {
            let in_use = tree.allocated(QueueIdx::from_position(position)).iter();
            for (cell, amount) in cells.iter_mut().zip(in_use.chain(std::iter::repeat(&0))) {
                let target = u128::from(*amount) << FRACTION_BITS;
                let distance = times(cell.abs_diff(target), factor);
                *cell = if *cell > target {
                    target.saturating_add(distance)
                } else {
                    target.saturating_sub(distance)
                };
            }
        }
    }

    /// The average use of a resource, rounded down.
    #[must_use]
    pub fn average(&self, queue: QueueIdx, resource: usize) -> u64 {
        u64::try_from(self.cell(queue, resource) >> FRACTION_BITS).unwrap_or(u64::MAX)
    }

    /// The average in 2⁻³² units: what a caller stores to go on later with [`Usage::set_cell`].
    #[must_use]
    pub fn cell(&self, queue: QueueIdx, resource: usize) -> u128 {
        self.position(queue, resource).and_then(|at| self.cells.get(at)).copied().unwrap_or(0)
    }

    /// Sets an average in 2⁻³² units; without effect where there is none.
    pub fn set_cell(&mut self, queue: QueueIdx, resource: usize, cell: u128) {
        let at = self.position(queue, resource);
        if let Some(old) = at.and_then(|at| self.cells.get_mut(at)) {
            *old = cell.min(u128::from(u64::MAX) << FRACTION_BITS);
        }
    }

    fn position(&self, queue: QueueIdx, resource: usize) -> Option<usize> {
        let row = queue.at().checked_mul(self.n_resources)?;
        (resource < self.n_resources).then_some(row)?.checked_add(resource)
    }

    /// The decay over a number of ticks.
    fn over(&self, ticks: u64) -> u64 {
        let mut factor: Option<u64> = None;
        for (bit, power) in self.factors.iter().enumerate() {
            let shift = u32::try_from(bit).unwrap_or(u32::MAX);
            if ticks.checked_shr(shift).unwrap_or(0) & 1 == 1 {
                factor = Some(factor.map_or(*power, |factor| product(factor, *power)));
            }
        }
        factor.unwrap_or(u64::MAX)
    }
}

/// The smallest factor in 2⁻⁶⁴ whose power over a half-life is at least a half.
fn per_tick(half_life_ticks: u32) -> u64 {
    const HALF: u64 = 1 << 63;
    let reaches_half = |factor: u64| {
        let (mut rest, mut power, mut square) = (half_life_ticks, u64::MAX, factor);
        while rest > 0 {
            if rest & 1 == 1 {
                power = product(power, square);
            }
            square = product(square, square);
            rest >>= 1;
        }
        // The largest factor stands for 1, and so loses one unit.
        power.saturating_add(1) >= HALF
    };
    let (mut low, mut high) = (HALF.saturating_sub(1), u64::MAX);
    while low.saturating_add(1) < high {
        let middle = low.midpoint(high);
        if reaches_half(middle) { high = middle } else { low = middle }
    }
    high
}

/// The factor, its square, the square of that, for every bit of a number of ticks.
fn powers(factor: u64) -> Vec<u64> {
    std::iter::successors(Some(factor), |power| Some(product(*power, *power))).take(64).collect()
}

/// Product of two factors, rounded down.
fn product(a: u64, b: u64) -> u64 {
    // Two numbers below 2⁶⁴ do not wrap.
    u64::try_from(u128::from(a).wrapping_mul(b.into()) >> 64).unwrap_or(u64::MAX)
}

/// A number times a factor, rounded down.
fn times(number: u128, factor: u64) -> u128 {
    let factor = u128::from(factor);
    let low = (number & u128::from(u64::MAX)).wrapping_mul(factor) >> 64;
    // The number is below 2⁹⁶, so its upper part is below 2³².
    (number >> 64).wrapping_mul(factor).wrapping_add(low)
}
