//! The random generator of the published runs, so that seed 42 means here what it meant there.
//!
//! The artifact shuffles with Go's `math/rand`: an additive lagged Fibonacci generator of Mitchell
//! and Reeds, x(n) = x(n-607) + x(n-273) mod 2⁶⁴, whose 607 values are those of a simple generator
//! xored with a constant table. The table is the state of the same recurrence after 7.8 × 10¹²
//! steps from seed 1. It is not stored here but computed: steps are powers of x modulo x⁶⁰⁷ - x³³⁴
//! - 1, so that 43 squarings jump there. For nothing but repeating published runs.

const LENGTH: usize = 607;
const TAP: usize = 273;
/// Where the recurrence feeds in before the first step.
const FEED: usize = LENGTH - TAP;
const STEPS: u64 = 7_800_000_000_000;

/// The constant table; compute it once and make all generators from it.
#[derive(Debug, Clone)]
pub struct Constants(Vec<u64>);

impl Constants {
    /// Computes the table; takes some ten milliseconds.
    #[must_use]
    pub fn compute() -> Self {
        let raw = simple(1, 20, 10);
        // In the order in which the recurrence consumes them: downwards from the feed.
        let start = (0..LENGTH).map(|step| value(&raw, backwards(step)));
        let mut sequence: Vec<u64> = start.collect();
        for step in LENGTH..2 * LENGTH {
            let next = value(&sequence, step - LENGTH);
            sequence.push(next.wrapping_add(value(&sequence, step - TAP)));
        }
        let jump = power_of_x(STEPS);
        let skipped = usize::try_from(STEPS % LENGTH as u64).unwrap_or(0);
        let mut table = vec![0; LENGTH];
        for offset in 0..LENGTH {
            let terms = jump.iter().zip(sequence.iter().skip(offset));
            let sum = terms.fold(0_u64, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(*b)));
            if let Some(cell) = table.get_mut(backwards(skipped + offset)) {
                *cell = sum;
            }
        }
        Self(table)
    }

    /// The generator of a seed.
    #[must_use]
    pub fn seeded(&self, seed: u32) -> Random {
        let values = simple(u64::from(seed), 40, 20);
        let values = values.iter().zip(&self.0).map(|(simple, constant)| simple ^ constant);
        Random { values: values.collect(), tap: 0, feed: FEED }
    }
}

/// A generator of the published runs.
#[derive(Debug, Clone)]
pub struct Random {
    values: Vec<u64>,
    tap: usize,
    feed: usize,
}

impl Random {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.tap = (self.tap + LENGTH - 1) % LENGTH;
        self.feed = (self.feed + LENGTH - 1) % LENGTH;
        let sum = value(&self.values, self.feed).wrapping_add(value(&self.values, self.tap));
        if let Some(cell) = self.values.get_mut(self.feed) {
            *cell = sum;
        }
        sum
    }

    /// The upper 31 of 63 bits.
    fn next_31(&mut self) -> u32 {
        u32::try_from(self.next_u64() << 1 >> 33).unwrap_or(0)
    }

    /// A number from 0 to `bound` - 1, as `Intn` draws it; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).unwrap_or(u32::MAX).clamp(1, 1 << 30);
        if bound.is_power_of_two() {
            return usize::try_from(self.next_31() & (bound - 1)).unwrap_or(0);
        }
        // Values from the last, incomplete round of the bound are drawn again.
        let limit = (1_u32 << 31) - (1_u32 << 31) % bound;
        loop {
            let drawn = self.next_31();
            if drawn < limit {
                return usize::try_from(drawn % bound).unwrap_or(0);
            }
        }
    }

    /// A number from 0 to `bound` - 1, as `Shuffle` draws it (Lemire's method).
    fn below_by_product(&mut self, bound: u32) -> u32 {
        loop {
            let drawn = u32::try_from(self.next_u64() << 1 >> 32).unwrap_or(0);
            let product = u64::from(drawn) * u64::from(bound);
            let low = u32::try_from(product & u64::from(u32::MAX)).unwrap_or(0);
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return u32::try_from(product >> 32).unwrap_or(0);
            }
        }
    }

    /// Puts a list into a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            let other = usize::try_from(self.below_by_product(bound)).unwrap_or(0);
            list.swap(last, other);
        }
    }

    /// The numbers from 0 to `many` - 1 in a random order.
    pub fn permutation(&mut self, many: usize) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::with_capacity(many);
        for next in 0..many {
            let other = self.below(next + 1);
            order.push(order.get(other).copied().unwrap_or(next));
            if let Some(cell) = order.get_mut(other) {
                *cell = next;
            }
        }
        order
    }
}

fn value(values: &[u64], at: usize) -> u64 {
    values.get(at).copied().unwrap_or(0)
}

/// The position that the recurrence replaces at a step.
fn backwards(step: usize) -> usize {
    (FEED + LENGTH - 1 - step % LENGTH) % LENGTH
}

/// 607 values, each of three draws of a Lehmer generator shifted over each other.
fn simple(seed: u64, high: u32, middle: u32) -> Vec<u64> {
    const MODULUS: u64 = (1 << 31) - 1;
    let mut state = match seed % MODULUS {
        0 => 89_482_311,
        seed => seed,
    };
    let mut draw = || {
        state = state * 48_271 % MODULUS;
        state
    };
    for _ in 0..20 {
        draw();
    }
    (0..LENGTH).map(|_| draw() << high ^ draw() << middle ^ draw()).collect()
}

/// The coefficients of x to this power, modulo x⁶⁰⁷ - x³³⁴ - 1 and 2⁶⁴.
fn power_of_x(exponent: u64) -> Vec<u64> {
    let mut power = vec![0; LENGTH];
    if let Some(one) = power.first_mut() {
        *one = 1;
    }
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = squared(&power);
        if exponent >> bit & 1 == 1 {
            power.insert(0, 0);
            reduce(&mut power);
        }
    }
    power
}

fn squared(of: &[u64]) -> Vec<u64> {
    let mut product = vec![0_u64; 2 * LENGTH - 1];
    for (at, a) in of.iter().enumerate().filter(|(_, a)| **a != 0) {
        for (cell, b) in product.iter_mut().skip(at).zip(of) {
            *cell = cell.wrapping_add(a.wrapping_mul(*b));
        }
    }
    reduce(&mut product);
    product
}

/// Replaces x⁶⁰⁷ by x³³⁴ + 1 until nothing that high is left.
fn reduce(polynomial: &mut Vec<u64>) {
    while polynomial.len() > LENGTH {
        let top = polynomial.pop().unwrap_or(0);
        let at = polynomial.len();
        for lower in [at - LENGTH, at - TAP] {
            if let Some(cell) = polynomial.get_mut(lower) {
                *cell = cell.wrapping_add(top);
            }
        }
    }
}
