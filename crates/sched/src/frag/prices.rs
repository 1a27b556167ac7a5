//! What the room on one GPU is worth to the work to come.
//!
//! A GPU with 190 milli free is worth little if hardly any work asks 190 or less, and one with 350
//! free is worth what work of 320 is worth elsewhere. The right prices are the shadow prices of the
//! linear program "fill all GPUs of the fleet with the mix as it comes": they know which sizes are
//! plentiful, which are rare, and which go together. They must never depend on a single node.

use super::need::{Class, Gpus, WHOLE_MILLI};
use super::simplex::{FRACTION_BITS, Pattern, shadow_prices};

/// Sizes looked at; of more, those with the largest demand count.
const SIZES_MAX: usize = 64;
/// Worth is counted in millionths of a GPU.
pub(super) const MICRO: i64 = 1_000_000;
const ROOMS: usize = WHOLE_MILLI as usize + 1;

/// The worth of so much free room on one GPU.
#[derive(Debug, Clone)]
pub(super) struct Prices {
    /// By free milli, 0 to 1,000, in millionths of a GPU; never falls with more room.
    worth: Vec<i64>,
}

impl Prices {
    /// Prices for a fleet of so many GPUs whose demand, on the whole, equals the fleet.
    pub(super) fn new(classes: &[Class], gpus: usize) -> Self {
        let sizes = sizes(classes);
        let total: i128 = sizes.iter().map(|(size, count)| weight(*size, *count)).sum();
        let gpus = i128::try_from(gpus.max(1)).unwrap_or(1);
        if total == 0 {
            // Nobody asks for GPUs: room is worth its size.
            let worth = (0..ROOMS).map(|room| milli_worth(i64::try_from(room).unwrap_or(0)));
            return Self { worth: worth.collect() };
        }
        let one = 1_i128 << FRACTION_BITS;
        let fleet_milli = gpus.saturating_mul(i128::from(WHOLE_MILLI));
        let demand = |count: i128| {
            let scaled = count.saturating_mul(one).saturating_mul(fleet_milli);
            scaled.checked_div(total).unwrap_or(0)
        };
        let available = sizes.iter().map(|(_, count)| demand(*count));
        let available = available.chain([gpus.saturating_mul(one)]).collect();
        let value = |size: u16| i128::from(size).saturating_mul(one);
        let fill = |prices: &[i128]| {
            let items: Vec<(u16, i128)> = sizes
                .iter()
                .zip(prices)
                .map(|((size, _), price)| (*size, value(*size).saturating_sub(*price)))
                .collect();
            pattern(&items)
        };
        let prices = shadow_prices(available, fill);
        let items: Vec<(u16, i128)> = sizes
            .iter()
            .zip(&prices)
            .map(|((size, _), price)| (*size, value(*size).saturating_sub((*price).max(0))))
            .collect();
        let (best, _) = fullest(&items);
        let micro = |worth: &i128| {
            let scaled = worth.saturating_mul(1_000) >> FRACTION_BITS;
            i64::try_from(scaled).unwrap_or(0)
        };
        Self { worth: best.iter().map(micro).collect() }
    }

    /// The worth of a GPU with so much free, in millionths of a GPU.
    pub(super) fn of(&self, free_milli: u16) -> i64 {
        self.worth.get(usize::from(free_milli.min(WHOLE_MILLI))).copied().unwrap_or(0)
    }

    /// The worth of a free GPU.
    pub(super) fn whole(&self) -> i64 {
        self.of(WHOLE_MILLI).max(1)
    }
}

fn milli_worth(milli: i64) -> i64 {
    milli.saturating_mul(1_000)
}

fn weight(size: u16, count: i128) -> i128 {
    i128::from(size).saturating_mul(count)
}

/// Distinct sizes of a demand on one GPU in ascending order, and how many GPUs ask that.
fn sizes(classes: &[Class]) -> Vec<(u16, i128)> {
    let mut all: Vec<(u16, i128)> = classes
        .iter()
        .filter(|class| class.need.gpus != Gpus::None && class.count > 0)
        .map(|class| {
            let gpus = i128::try_from(class.need.gpus.count()).unwrap_or(0);
            (class.need.gpus.milli_each(), i128::from(class.count).saturating_mul(gpus))
        })
        .collect();
    all.sort_unstable();
    let mut merged: Vec<(u16, i128)> = Vec::new();
    for (size, count) in all {
        match merged.last_mut() {
            Some(last) if last.0 == size => last.1 = last.1.saturating_add(count),
            Some(_) | None => merged.push((size, count)),
        }
    }
    if merged.len() > SIZES_MAX {
        merged.sort_by_key(|(size, count)| (weight(*size, *count).saturating_neg(), *size));
        merged.truncate(SIZES_MAX);
        merged.sort_unstable();
    }
    merged
}

/// For each room from 0 to 1,000 milli the most that items in it are worth, and the item added
/// last.
fn fullest(items: &[(u16, i128)]) -> (Vec<i128>, Vec<Option<usize>>) {
    let mut best = vec![0_i128; ROOMS];
    let mut last: Vec<Option<usize>> = vec![None; ROOMS];
    for room in 1..ROOMS {
        let mut top = (best.get(room.saturating_sub(1)).copied().unwrap_or(0), None);
        for (index, (size, worth)) in items.iter().enumerate() {
            let Some(rest) = room.checked_sub(usize::from(*size)) else { break };
            let sum = best.get(rest).copied().unwrap_or(0).saturating_add(*worth);
            if sum > top.0 {
                top = (sum, Some(index));
            }
        }
        if let (Some(best), Some(last)) = (best.get_mut(room), last.get_mut(room)) {
            (*best, *last) = top;
        }
    }
    (best, last)
}

/// The best filling of one GPU at these values; its value is the sum of the sizes.
fn pattern(items: &[(u16, i128)]) -> Pattern {
    let (_, last) = fullest(items);
    let mut counts = vec![0_i128; items.len()];
    let mut value = 0_i128;
    let mut room = ROOMS.saturating_sub(1);
    while room > 0 {
        let added = last.get(room).copied().flatten().and_then(|at| items.get(at).map(|i| (at, i)));
        let Some((at, (size, _))) = added else {
            room = room.saturating_sub(1);
            continue;
        };
        if let Some(count) = counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        value = value.saturating_add(i128::from(*size) << FRACTION_BITS);
        room = room.saturating_sub(usize::from(*size).max(1));
    }
    Pattern { items: counts, value }
}
