//! Fractions compared exactly, by cross-multiplication.
//!
//! Must never be rounded: two queues that differ by one unit are served in the right order.

use std::cmp::Ordering;

/// A fraction; one whose lower part is 0 is larger than any other. Zero over zero has no meaning
/// and is made nowhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    over: u64,
    under: u128,
}

impl Ratio {
    pub(crate) const ZERO: Self = Self { over: 0, under: 1 };
    pub(crate) const INFINITE: Self = Self { over: 1, under: 0 };

    /// `over / under`, where nothing of nothing is zero.
    pub(crate) fn new(over: u64, under: u128) -> Self {
        if over == 0 { Self::ZERO } else { Self { over, under } }
    }
}

/// The product in two digits of which the lower has 64 bits.
fn product(a: u64, b: u128) -> (u128, u128) {
    const LOWER: u128 = u64::MAX as u128;
    // Products of two numbers below 2⁶⁴ do not wrap, and neither does adding a carry to them.
    let low = u128::from(a).wrapping_mul(b & LOWER);
    let high = u128::from(a).wrapping_mul(b >> 64).wrapping_add(low >> 64);
    (high, low & LOWER)
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        product(self.over, other.under).cmp(&product(other.over, self.under))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}
