//! Whether a job may draw what it would draw, now and through the promises made to others.
//!
//! A pledge is power that waiting work is promised from some time on. Whoever starts before that and
//! still runs then may only take what was left when the pledge was made; whoever starts later counts
//! all of it. Both are what is known: work that ends earlier than its limit leaves more.

use std::collections::BTreeMap;

use super::grid::Grid;
use super::tree::{FeederIdx, Shortfall};
use crate::fleet::{Asker, Fleet};
use crate::problem::{Job, JobIdx, Micros, NodeIdx};

/// Power that a waiting job is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pledge {
    job: JobIdx,
    from_us: Micros,
    until_us: Micros,
    /// What it will draw at each feeder of its paths.
    sums: BTreeMap<FeederIdx, u64>,
    /// What others who run by then may draw more at these feeders.
    slack: BTreeMap<FeederIdx, u64>,
}

impl Pledge {
    /// True if it counts from before this time on, or from this time.
    const fn is_active(&self, at_us: Micros) -> bool {
        self.from_us <= at_us && at_us < self.until_us
    }

    /// True if it begins while the asker runs.
    const fn begins_within(&self, asker: &Asker) -> bool {
        asker.start_us < self.from_us && self.from_us < asker.end_us
    }
}

impl Grid {
    /// Whether these loads fit for as long as the asker runs.
    ///
    /// # Errors
    /// The feeder that is short of most, with what is wanted there.
    pub(crate) fn check(&self, loads: &[(FeederIdx, u64)], asker: &Asker) -> Result<(), Shortfall> {
        self.check_instead(loads, &[], asker)
    }

    /// Whether these loads fit once others are no longer drawn.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn check_instead(
        &self,
        loads: &[(FeederIdx, u64)],
        freed: &[(FeederIdx, u64)],
        asker: &Asker,
    ) -> Result<(), Shortfall> {
        let freed = self.tree.sum(freed).unwrap_or_default();
        let mut worst: Option<Shortfall> = None;
        for (feeder, added) in self.tree.sum(loads).unwrap_or_default() {
            let gone = freed.get(&feeder).copied().unwrap_or(0);
            let others = self.spoken_for_mw(feeder, asker).saturating_sub(gone);
            let wanted_mw = others.saturating_add(added);
            let short = Shortfall { feeder, allowed_mw: self.tree.allowed_mw(feeder), wanted_mw };
            let least = worst.as_ref().map_or(0, Shortfall::short_mw);
            if added > 0 && short.short_mw() > least {
                worst = Some(short);
            }
        }
        worst.map_or(Ok(()), Err)
    }

    /// What the asker could still draw at this feeder alone.
    pub(crate) fn left_mw(&self, feeder: FeederIdx, asker: &Asker) -> u64 {
        self.tree.allowed_mw(feeder).saturating_sub(self.spoken_for_mw(feeder, asker))
    }

    /// What others draw at this feeder, are owed or are promised before the asker ends.
    pub(crate) fn spoken_for_mw(&self, feeder: FeederIdx, asker: &Asker) -> u64 {
        let others = self.pledges.iter().filter(|pledge| pledge.job != asker.job);
        let (mut active, mut slack) = (0_u64, u64::MAX);
        for pledge in others {
            if pledge.is_active(asker.start_us) {
                active = active.saturating_add(pledge.sums.get(&feeder).copied().unwrap_or(0));
            } else if pledge.begins_within(asker) {
                slack = slack.min(pledge.slack.get(&feeder).copied().unwrap_or(u64::MAX));
            }
        }
        let used = self.tree.used_mw(feeder).saturating_add(self.tree.owed_mw(feeder));
        // A pledge that leaves so little means that all the rest is spoken for.
        let pledged = self.tree.allowed_mw(feeder).saturating_sub(slack);
        used.saturating_add(active).max(pledged)
    }

    /// What one more load could be at this feeder and above it.
    pub(crate) fn headroom_mw(&self, feeder: FeederIdx, asker: &Asker) -> u64 {
        self.tree.path(feeder).map(|on_path| self.left_mw(on_path, asker)).min().unwrap_or(u64::MAX)
    }

    /// True if one rank of the job may draw on this node.
    pub(crate) fn takes(&self, fleet: &Fleet, node: NodeIdx, job: &Job, asker: &Asker) -> bool {
        let Some(feeder) = self.feeder_of(node) else { return true };
        self.load_on(job, node, fleet) <= self.headroom_mw(feeder, asker)
    }

    /// What feeds all nodes of a shelf.
    pub(crate) fn shelf_feeder(&self, shelf: usize) -> Option<FeederIdx> {
        self.shelves.get(shelf).copied().flatten()
    }

    /// Work draws from now on: [`Self::draw_less`] takes it back.
    pub(crate) fn draw_more(&mut self, loads: &[(FeederIdx, u64)], asker: &Asker) {
        self.tree.charge(loads);
        let sums = self.tree.sum(loads).unwrap_or_default();
        for pledge in &mut self.pledges {
            if pledge.job == asker.job || !pledge.begins_within(asker) {
                continue;
            }
            for (feeder, slack) in &mut pledge.slack {
                *slack = slack.saturating_sub(sums.get(feeder).copied().unwrap_or(0));
            }
        }
    }

    /// Work that was taken off for a look ahead draws again.
    pub(crate) fn draw_again(&mut self, loads: &[(FeederIdx, u64)]) {
        self.tree.charge(loads);
    }

    /// Takes loads back. What pledges lost to them stays lost: they end with the cycle.
    pub(crate) fn draw_less(&mut self, loads: &[(FeederIdx, u64)]) {
        // INVARIANT: callers take back what they put on.
        let _ = self.tree.release(loads);
    }

    /// The pledge of these loads to a waiting job, as things stand now: what is left beside it is
    /// what others may have. `less` is drawn already and goes before.
    pub(crate) fn pledge(
        &self,
        asker: &Asker,
        loads: &[(FeederIdx, u64)],
        less: &[(FeederIdx, u64)],
    ) -> Pledge {
        let mut sums = self.tree.sum(loads).unwrap_or_default();
        for (feeder, less) in self.tree.sum(less).unwrap_or_default() {
            if let Some(sum) = sums.get_mut(&feeder) {
                *sum = sum.saturating_sub(less);
            }
        }
        let slack = |(feeder, sum): (&FeederIdx, &u64)| {
            (*feeder, self.left_mw(*feeder, asker).saturating_sub(*sum))
        };
        let slack = sums.iter().map(slack).collect();
        let Asker { job, start_us, end_us, .. } = *asker;
        Pledge { job, from_us: start_us, until_us: end_us, sums, slack }
    }

    /// Keeps power for a waiting job.
    pub(crate) fn keep(&mut self, pledge: Pledge) {
        // Whoever was promised power within this one's time shares what is left with it.
        for other in &mut self.pledges {
            let begins_within = pledge.from_us <= other.from_us && other.from_us < pledge.until_us;
            if other.job == pledge.job || !begins_within {
                continue;
            }
            for (feeder, slack) in &mut other.slack {
                *slack = slack.saturating_sub(pledge.sums.get(feeder).copied().unwrap_or(0));
            }
        }
        self.pledges.push(pledge);
    }

    /// Forgets all that was promised.
    pub(crate) fn forget_pledges(&mut self) {
        self.pledges.clear();
    }

    /// What loads add at one feeder.
    pub(crate) fn sum_at(&self, loads: &[(FeederIdx, u64)], feeder: FeederIdx) -> u64 {
        self.tree.sum(loads).unwrap_or_default().get(&feeder).copied().unwrap_or(0)
    }
}
