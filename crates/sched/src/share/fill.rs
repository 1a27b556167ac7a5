//! Water-filling in whole units.
//!
//! The rule, which is policy: units are given one at a time, each to the claimant whose level
//! `(given + 1) / weight` is then the lowest, the earlier one among equals, as long as it wants
//! more. (Among claimants without caps this is Jefferson's method of apportionment.) So the sum is
//! exact, nobody gets less when there is more to give or its weight rises, and a share differs
//! from the exact one by less than the number of claimants. Computed at once, in O(n log n), not
//! unit by unit.

use std::collections::BinaryHeap;

use super::ratio::Ratio;

/// Somebody who wants units. The weights of all claimants together must fit into 64 bits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Claimant {
    /// 0 is given nothing.
    pub(crate) weight: u64,
    /// The most it wants.
    pub(crate) cap: u64,
    pub(crate) given: u64,
}

/// Sets what each claimant is given and returns what is left when nobody with a weight wants more.
pub(crate) fn fill(total: u64, claimants: &mut [Claimant]) -> u64 {
    let (mut weights, mut wanted) = (0_u64, 0_u64);
    for claimant in claimants.iter_mut() {
        claimant.given = 0;
        weights = weights.saturating_add(claimant.weight);
        wanted = wanted.saturating_add(if claimant.weight > 0 { claimant.cap } else { 0 });
    }
    if wanted <= total {
        for claimant in claimants.iter_mut().filter(|claimant| claimant.weight > 0) {
            claimant.given = claimant.cap;
        }
        return total.saturating_sub(wanted);
    }
    let mut order: Vec<(Ratio, usize)> = Vec::with_capacity(claimants.len());
    for (position, claimant) in claimants.iter().enumerate() {
        if claimant.weight > 0 {
            order.push((Ratio::new(claimant.cap, claimant.weight.into()), position));
        }
    }
    order.sort_unstable();
    let (mut left, mut satisfied) = (total, 0);
    // From the level at which a claimant has all it wants, lowest first.
    for (_, position) in &order {
        let Some(claimant) = claimants.get_mut(*position) else { break };
        // Products of two numbers below 2⁶⁴ do not wrap.
        let wants = u128::from(claimant.cap).wrapping_mul(weights.into());
        if wants > u128::from(left).wrapping_mul(claimant.weight.into()) {
            break;
        }
        claimant.given = claimant.cap;
        left = left.saturating_sub(claimant.cap);
        weights = weights.saturating_sub(claimant.weight);
        satisfied = usize::saturating_add(satisfied, 1);
    }
    let rest = order.get(satisfied..).unwrap_or(&[]);
    if rest.is_empty() { left } else { level(left, weights, rest, claimants) }
}

/// Shares among claimants none of whom can have all it wants: whole units below the common level,
/// then the few that remain, by the rule.
fn level(total: u64, weights: u64, rest: &[(Ratio, usize)], claimants: &mut [Claimant]) -> u64 {
    let mut left = total;
    let mut next = BinaryHeap::with_capacity(rest.len());
    for (_, position) in rest {
        let Some(claimant) = claimants.get_mut(*position) else { continue };
        let exact = u128::from(total).wrapping_mul(claimant.weight.into());
        let whole = exact.checked_div(weights.into()).unwrap_or(0);
        claimant.given = u64::try_from(whole).unwrap_or(claimant.cap).min(claimant.cap);
        left = left.saturating_sub(claimant.given);
        next.push(std::cmp::Reverse((level_after(claimant), *position)));
    }
    while left > 0 {
        let Some(std::cmp::Reverse((_, position))) = next.pop() else { break };
        let Some(claimant) = claimants.get_mut(position) else { continue };
        if claimant.given < claimant.cap {
            claimant.given = claimant.given.saturating_add(1);
            left = left.saturating_sub(1);
            next.push(std::cmp::Reverse((level_after(claimant), position)));
        }
    }
    left
}

fn level_after(claimant: &Claimant) -> Ratio {
    Ratio::new(claimant.given.saturating_add(1), claimant.weight.into())
}
