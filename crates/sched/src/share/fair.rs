//! What each queue is entitled to: its deserved amount, then its part of what is left.
//!
//! From the roots down and for each resource on its own:
//! 1. Each queue is given what it deserves, as far as it wants it. If not even that is there
//!    (machines are down), it is shared in proportion to what is deserved.
//! 2. The rest is given band by band, highest first, by weight, until nobody in the band wants
//!    more. Time-decayed usage shifts the weights here and nowhere else; queues whose weight it
//!    takes away, then queues of weight 0, get what the others of the band leave.
//!
//! A queue wants what its leaves want, but at most its limit, and what it deserves with what it
//! may borrow. Lending limits are left out: they bound what can be taken now, not who is due.
//!
//! Must never give more than there is, nor leave anything while somebody wants it.

use std::cmp::Reverse;

use super::decay::Usage;
use super::fill::{Claimant, fill};
use super::shape::Group;
use super::tree::UNLIMITED;
use super::{QueueIdx, Table, Tree};

/// How much past usage counts. With the weight `W'` of a queue as a part of those of its band and
/// its usage `U'` as a part of theirs, it competes with `max(W' + k (W' - U'), 0)`.
#[derive(Debug, Clone, Copy)]
pub struct Decay<'a> {
    /// What was used.
    pub usage: &'a Usage,
    /// `k` in thousandths; 0 is no influence, at most [`Decay::STRENGTH_MILLI_MAX`] counts.
    pub strength_milli: u32,
}

impl Decay<'_> {
    /// The largest strength that counts.
    pub const STRENGTH_MILLI_MAX: u32 = 100_000;
}

/// A queue that wants more than it was given for what it deserves.
#[derive(Clone, Copy)]
struct Wish {
    /// Position among its siblings.
    slot: usize,
    band: i32,
    weight: u32,
    usage: u128,
    wanted: u64,
}

impl Tree {
    /// The share of each queue in `capacity` (by resource; what is left out is 0), given what each
    /// leaf wants in all, running work included. Rows of `demand` for other queues are not read.
    ///
    /// The shares of a queue's children add up to its own, and those of the roots to the lesser
    /// of capacity and demand. In O(queues × resources × log(siblings)).
    #[must_use]
    pub fn fair_shares(&self, capacity: &[u64], demand: &Table, decay: Option<Decay<'_>>) -> Table {
        let wanted = self.wanted(demand);
        let mut shares = self.table();
        let parents = self.shape.top_down().iter().map(|queue| Group::Some(*queue));
        for group in [None].into_iter().chain(parents) {
            if self.shape.range(group).1 == 0 {
                continue;
            }
            for resource in 0..self.n_resources() {
                let total = match group {
                    Some(parent) => shares.get(parent, resource),
                    None => capacity.get(resource).copied().unwrap_or(0),
                };
                let given = self.share_out(group, resource, total, &wanted, decay);
                for (queue, share) in self.shape.members(group).iter().zip(given) {
                    shares.set(*queue, resource, share);
                }
            }
        }
        shares
    }

    /// What each queue could make use of, within its bounds.
    fn wanted(&self, demand: &Table) -> Table {
        let mut wanted = self.table();
        for queue in self.shape.top_down().iter().rev().copied() {
            for resource in 0..self.n_resources() {
                let sum = if self.shape.is_leaf(queue) {
                    demand.get(queue, resource)
                } else {
                    let children = self.shape.members(Some(queue)).iter();
                    children.map(|child| wanted.get(*child, resource)).fold(0, u64::saturating_add)
                };
                wanted.set(queue, resource, sum.min(self.most(queue, resource)));
            }
        }
        wanted
    }

    /// The most that a queue may ever have in use.
    fn most(&self, queue: QueueIdx, resource: usize) -> u64 {
        let cell = self.cell(queue, resource);
        if cell.ceiling == UNLIMITED {
            return cell.limit;
        }
        let borrowed = cell.ceiling.saturating_sub(cell.quota);
        cell.limit.min(cell.deserved.saturating_add(borrowed))
    }

    /// Shares one resource out among the members of a group.
    fn share_out(
        &self,
        group: Group,
        resource: usize,
        total: u64,
        wanted: &Table,
        decay: Option<Decay<'_>>,
    ) -> Vec<u64> {
        let members = self.shape.members(group);
        let want = |queue: &QueueIdx| wanted.get(*queue, resource);
        if members.iter().map(want).fold(0, u64::saturating_add) <= total {
            return members.iter().map(want).collect();
        }
        let mut claimants: Vec<Claimant> = members
            .iter()
            .map(|queue| {
                let deserved = self.deserved(*queue, resource);
                Claimant { weight: deserved, cap: want(queue).min(deserved), given: 0 }
            })
            .collect();
        let mut left = fill(total, &mut claimants);
        let mut shares: Vec<u64> = claimants.iter().map(|claimant| claimant.given).collect();
        let mut wishes: Vec<Wish> = members
            .iter()
            .enumerate()
            .map(|(slot, queue)| Wish {
                slot,
                band: self.shape.band(*queue),
                weight: self.shape.weight(*queue),
                usage: decay.map_or(0, |decay| decay.usage.cell(*queue, resource)),
                wanted: want(queue).saturating_sub(shares.get(slot).copied().unwrap_or(0)),
            })
            .filter(|wish| wish.wanted > 0)
            .collect();
        wishes.sort_by_key(|wish| Reverse(wish.band));
        for band in wishes.chunk_by(|a, b| a.band == b.band) {
            if left == 0 {
                break;
            }
            left = fill_band(left, band, decay.map_or(0, |d| d.strength_milli), &mut shares);
        }
        shares
    }
}

/// Gives the rest to those of one band who want more, and returns what they leave.
fn fill_band(total: u64, band: &[Wish], strength_milli: u32, shares: &mut [u64]) -> u64 {
    let by_weight: Vec<u64> = band.iter().map(|wish| wish.weight.into()).collect();
    let shifted = shifted(band, strength_milli);
    let equal = vec![1; band.len()];
    let mut left = total;
    let mut served = vec![false; band.len()];
    for weights in [shifted, by_weight, equal] {
        if left == 0 {
            break;
        }
        let mut claimants: Vec<Claimant> = Vec::with_capacity(band.len());
        for ((wish, weight), served) in band.iter().zip(weights).zip(&mut served) {
            let cap = if *served { 0 } else { wish.wanted };
            *served |= weight > 0;
            claimants.push(Claimant { weight, cap, given: 0 });
        }
        left = fill(left, &mut claimants);
        for (wish, claimant) in band.iter().zip(claimants) {
            if let Some(share) = shares.get_mut(wish.slot) {
                *share = share.saturating_add(claimant.given);
            }
        }
    }
    left
}

/// The weights of a band after past usage: `max(w U (1 + k) - k u W, 0)` with the sums `W` and `U`
/// of weights and usage, scaled so that they add up to less than 2⁴¹. Exact up to that scaling.
fn shifted(band: &[Wish], strength_milli: u32) -> Vec<u64> {
    let strength = u128::from(strength_milli.min(Decay::STRENGTH_MILLI_MAX));
    let usage = scaled(band.iter().map(|wish| wish.usage), 40);
    let usage_sum: u128 = usage.iter().copied().map(u128::from).fold(0, u128::saturating_add);
    let weight_sum = band.iter().map(|wish| u128::from(wish.weight)).fold(0, u128::saturating_add);
    if strength == 0 || usage_sum == 0 {
        return band.iter().map(|wish| wish.weight.into()).collect();
    }
    // Below 2³² × 2⁴¹ × 2¹⁷ and 2¹⁷ × 2⁴¹ × 2⁴⁹: nothing saturates.
    let parts = band.iter().zip(usage).map(|(wish, used)| {
        let weight = u128::from(wish.weight);
        let due = weight.saturating_mul(usage_sum).saturating_mul(strength.saturating_add(1_000));
        due.saturating_sub(strength.saturating_mul(used.into()).saturating_mul(weight_sum))
    });
    scaled(parts, 40)
}

/// The numbers divided by the power of two that brings their sum below two to the power of
/// `bits`; what is not 0 stays at least 1.
fn scaled(numbers: impl Iterator<Item = u128> + Clone, bits: u32) -> Vec<u64> {
    let sum = numbers.clone().fold(0, u128::saturating_add);
    let length = u128::BITS.saturating_sub(sum.leading_zeros());
    let shift = length.saturating_sub(bits);
    let scale = |number: u128| {
        let scaled = number.checked_shr(shift).unwrap_or(0);
        u64::try_from(scaled).unwrap_or(u64::MAX).max(u64::from(number > 0))
    };
    numbers.map(scale).collect()
}
