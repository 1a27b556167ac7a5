//! A small linear program in fixed point: the most valuable way to fill bins with items.
//!
//! Maximise the value of the patterns used, where no more bins and no more items are used than
//! there are. Patterns are not listed: the caller is asked for the best one at the prices so far
//! (column generation; Gilmore and Gomory, 1961). Only the prices matter here. The number of steps
//! is bounded, and prices from an unfinished run are merely less exact.

/// Fixed point: so many fractional bits.
pub(super) const FRACTION_BITS: u32 = 32;
/// Reduced costs and pivots below this are rounding.
const TOLERANCE: i128 = 1 << 8;
/// More steps than any mix of 64 sizes has needed, by far.
const STEPS_MAX: usize = 1_000;

/// A way to fill one bin: how many of each item, and what that is worth in fixed point.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) items: Vec<i128>,
    pub(super) value: i128,
}

/// The state between steps: the inverse of the basis, what each row is worth and holds.
#[derive(Debug)]
struct Basis {
    inverse: Vec<Vec<i128>>,
    value: Vec<i128>,
    amount: Vec<i128>,
}

/// Shadow prices of the items and, as the last one, of a bin, in fixed point.
///
/// `available` is the amount of each item and, as the last one, of bins, in fixed point. `best`
/// gives the pattern of the highest value less its items' prices.
pub(super) fn shadow_prices(
    available: Vec<i128>,
    mut best: impl FnMut(&[i128]) -> Pattern,
) -> Vec<i128> {
    let rows = available.len();
    let one = 1_i128 << FRACTION_BITS;
    let unit = |at: usize| (0..rows).map(|row| if row == at { one } else { 0 }).collect();
    let mut basis =
        Basis { inverse: (0..rows).map(unit).collect(), value: vec![0; rows], amount: available };
    for _ in 0..STEPS_MAX {
        let prices = basis.prices();
        let (column, value) = match entering_slack(&prices) {
            Some(at) => (unit(at), 0),
            None => {
                let Pattern { items, value } = best(&prices);
                let costs = items.iter().zip(&prices);
                let costs: i128 = costs.map(|(count, price)| count.saturating_mul(*price)).sum();
                let bin = prices.last().copied().unwrap_or(0);
                let gain = value.saturating_sub(costs).saturating_sub(bin);
                if gain <= TOLERANCE {
                    return prices;
                }
                let items = items.iter().map(|count| count.saturating_mul(one));
                (items.chain([one]).collect(), value)
            }
        };
        if !basis.enter(&column, value) {
            return prices;
        }
    }
    basis.prices()
}

/// A resource whose price fell below zero: leaving some of it unused would gain.
fn entering_slack(prices: &[i128]) -> Option<usize> {
    prices.iter().position(|&price| price < TOLERANCE.saturating_neg())
}

impl Basis {
    fn prices(&self) -> Vec<i128> {
        let columns = 0..self.value.len();
        columns
            .map(|column| {
                let rows = self.inverse.iter().zip(&self.value);
                rows.map(|(row, value)| product(row.get(column).copied().unwrap_or(0), *value))
                    .sum()
            })
            .collect()
    }

    /// One pivot; false if nothing bounds the column.
    fn enter(&mut self, column: &[i128], value: i128) -> bool {
        let direction: Vec<i128> = self
            .inverse
            .iter()
            .map(|row| row.iter().zip(column).map(|(a, b)| product(*a, *b)).sum())
            .collect();
        let bounds = direction.iter().zip(&self.amount).enumerate();
        let bounds = bounds.filter(|(_, (step, _))| **step > TOLERANCE);
        let leaving =
            bounds.min_by_key(|(at, (step, amount))| (ratio((**amount).max(0), **step), *at));
        let Some((leaving, (&step, _))) = leaving else { return false };
        let row: Vec<i128> = self
            .inverse
            .get(leaving)
            .map(|row| row.iter().map(|cell| ratio(*cell, step)).collect())
            .unwrap_or_default();
        let amount = ratio(self.amount.get(leaving).copied().unwrap_or(0), step);
        for (at, factor) in direction.iter().enumerate() {
            let (Some(cells), Some(held)) = (self.inverse.get_mut(at), self.amount.get_mut(at))
            else {
                continue;
            };
            if at == leaving {
                cells.clone_from(&row);
                *held = amount;
            } else {
                for (cell, pivot) in cells.iter_mut().zip(&row) {
                    *cell = cell.saturating_sub(product(*factor, *pivot));
                }
                *held = held.saturating_sub(product(*factor, amount));
            }
        }
        if let Some(held) = self.value.get_mut(leaving) {
            *held = value;
        }
        true
    }
}

fn product(a: i128, b: i128) -> i128 {
    a.saturating_mul(b) >> FRACTION_BITS
}

fn ratio(a: i128, b: i128) -> i128 {
    (a.saturating_mul(1 << FRACTION_BITS)).checked_div(b).unwrap_or(0)
}
