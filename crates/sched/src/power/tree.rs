//! Feeders with their budgets, as counters: who draws how much below each of them.
//!
//! INVARIANT: the counter of a feeder is the sum of what was admitted at it and below it and not
//! released; no admission leaves a counter on its path above what is allowed there now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{ChangeError, Refusal, TreeError};

/// Feeders in one tree. 500 racks with their rows, halls and sites are below 600.
pub const FEEDERS_MAX: usize = 1 << 20;

/// Feeders on one path, the lowest and the highest included.
pub const DEPTH_MAX: usize = 8;

/// Position of a feeder in the list the tree was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeederIdx(pub u32);

impl FeederIdx {
    pub(crate) fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A feeder as it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeederSpec {
    /// The feeder it hangs from; `None` for a site's own connection.
    pub parent: Option<FeederIdx>,
    /// Power that the contract or the fuse gives, in milliwatts.
    pub contracted_mw: u64,
    /// Power that may be drawn now, in milliwatts; at most `contracted_mw`.
    pub allowed_mw: u64,
}

/// A feeder that is, or would be, above what it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The feeder.
    pub feeder: FeederIdx,
    /// Allowed now, in milliwatts.
    pub allowed_mw: u64,
    /// In use, with what was asked for, in milliwatts.
    pub wanted_mw: u64,
}

impl Shortfall {
    /// What is missing, in milliwatts; above 0.
    #[must_use]
    pub const fn short_mw(&self) -> u64 {
        self.wanted_mw.saturating_sub(self.allowed_mw)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "feeder {} is allowed {} mW and {} mW are wanted: {} mW too many",
            self.feeder.0,
            self.allowed_mw,
            self.wanted_mw,
            self.short_mw()
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Feeder {
    parent: Option<FeederIdx>,
    contracted_mw: u64,
    allowed_mw: u64,
    used_mw: u64,
    /// What slowed work below would draw more without its limits: nobody new may take it.
    owed_mw: u64,
    closed: bool,
}

/// The budgets of a fleet. There may be several roots, one for each site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerTree {
    feeders: Vec<Feeder>,
    /// Feeders above what they are allowed: empty but after a budget fell.
    over: BTreeSet<FeederIdx>,
}

impl PowerTree {
    /// A tree in which nothing draws power yet. A feeder may stand before its parent in the list.
    ///
    /// # Errors
    /// [`TreeError`] if the list is no forest of at most [`DEPTH_MAX`] levels, or allows a feeder
    /// more than is contracted.
    pub fn new(specs: &[FeederSpec]) -> Result<Self, TreeError> {
        if specs.len() > FEEDERS_MAX {
            return Err(TreeError::TooManyFeeders { count: specs.len() });
        }
        for (index, spec) in (0..=u32::MAX).zip(specs) {
            check_path(specs, FeederIdx(index))?;
            if spec.allowed_mw > spec.contracted_mw {
                return Err(TreeError::AllowedAboveContract {
                    feeder: FeederIdx(index),
                    allowed_mw: spec.allowed_mw,
                    contracted_mw: spec.contracted_mw,
                });
            }
        }
        let feeders = specs.iter().map(|spec| Feeder {
            parent: spec.parent,
            contracted_mw: spec.contracted_mw,
            allowed_mw: spec.allowed_mw,
            used_mw: 0,
            owed_mw: 0,
            closed: false,
        });
        Ok(Self { feeders: feeders.collect(), over: BTreeSet::new() })
    }

    /// Number of feeders.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.feeders.len()
    }

    /// True if there are no feeders.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.feeders.is_empty()
    }

    /// Power in use at the feeder and below, in milliwatts; 0 for one that does not exist.
    #[must_use]
    pub fn used_mw(&self, feeder: FeederIdx) -> u64 {
        self.feeders.get(feeder.position()).map_or(0, |feeder| feeder.used_mw)
    }

    /// Power that slowed work below the feeder gets back before anybody new, in milliwatts.
    #[must_use]
    pub fn owed_mw(&self, feeder: FeederIdx) -> u64 {
        self.feeders.get(feeder.position()).map_or(0, |feeder| feeder.owed_mw)
    }

    /// Power allowed now, in milliwatts; 0 for a feeder that does not exist.
    #[must_use]
    pub fn allowed_mw(&self, feeder: FeederIdx) -> u64 {
        self.feeders.get(feeder.position()).map_or(0, |feeder| feeder.allowed_mw)
    }

    /// What new work could still draw below the feeder: the least that is left on its path, or 0 where
    /// a feeder of it is closed.
    #[must_use]
    pub fn headroom_mw(&self, feeder: FeederIdx) -> u64 {
        let path = self.path(feeder).filter_map(|index| self.feeders.get(index.position()));
        path.map(|feeder| match feeder.closed {
            true => 0,
            false => {
                let spoken_for = feeder.used_mw.saturating_add(feeder.owed_mw);
                feeder.allowed_mw.saturating_sub(spoken_for)
            }
        })
        .min()
        .unwrap_or(0)
    }

    /// The feeder and those above it, from low to high; empty for one that does not exist.
    pub fn path(&self, feeder: FeederIdx) -> impl Iterator<Item = FeederIdx> {
        let exists = self.feeders.get(feeder.position()).map(|_| feeder);
        std::iter::successors(exists, |feeder| self.feeders.get(feeder.position())?.parent)
    }

    /// Whether this much may be added at these feeders, all of it or nothing. A feeder may be named
    /// more than once. Costs O(depth) for each feeder named.
    ///
    /// # Errors
    /// [`Refusal`]: a closed feeder on a path (the lowest number), or the feeder that is short of
    /// most power (the lowest number of several).
    pub fn fits(&self, loads: &[(FeederIdx, u64)]) -> Result<(), Refusal> {
        self.check(&self.sum(loads).map_err(|feeder| Refusal::NoSuchFeeder { feeder })?, true)
    }

    /// Adds the power if it [fits](Self::fits).
    ///
    /// # Errors
    /// As [`Self::fits`]; then nothing has changed.
    pub fn admit(&mut self, loads: &[(FeederIdx, u64)]) -> Result<(), Refusal> {
        self.add(loads, true)
    }

    /// The same for work that runs already and may draw more again: a closed feeder does not
    /// refuse it, what is allowed does.
    ///
    /// # Errors
    /// As [`Self::fits`]; then nothing has changed.
    pub fn admit_running(&mut self, loads: &[(FeederIdx, u64)]) -> Result<(), Refusal> {
        self.add(loads, false)
    }

    /// Adds power that is drawn already, whatever is allowed: a machine that is on, or work that runs.
    /// Feeders that do not exist feed nothing.
    pub fn charge(&mut self, loads: &[(FeederIdx, u64)]) {
        for (feeder, added_mw) in loads {
            let path: Vec<FeederIdx> = self.path(*feeder).collect();
            for on_path in path {
                self.set_used(on_path, self.used_mw(on_path).saturating_add(*added_mw));
            }
        }
    }

    /// What slowed work would draw more without its limits: kept from new work until it is
    /// [forgiven](Self::forgive).
    pub fn owe(&mut self, loads: &[(FeederIdx, u64)]) {
        self.change_owed(loads, u64::saturating_add);
    }

    /// Power that is no longer owed to anybody.
    pub fn forgive(&mut self, loads: &[(FeederIdx, u64)]) {
        self.change_owed(loads, u64::saturating_sub);
    }

    fn change_owed(&mut self, loads: &[(FeederIdx, u64)], change: fn(u64, u64) -> u64) {
        for (feeder, owed_mw) in loads {
            let path: Vec<FeederIdx> = self.path(*feeder).collect();
            for on_path in path {
                if let Some(entry) = self.feeders.get_mut(on_path.position()) {
                    entry.owed_mw = change(entry.owed_mw, *owed_mw);
                }
            }
        }
    }

    /// Takes back power that was admitted.
    ///
    /// # Errors
    /// [`ChangeError`] if a feeder does not exist or has less in use; then nothing has changed.
    pub fn release(&mut self, loads: &[(FeederIdx, u64)]) -> Result<(), ChangeError> {
        let sums = self.sum(loads).map_err(|feeder| ChangeError::NoSuchFeeder { feeder })?;
        for (feeder, released_mw) in &sums {
            let used_mw = self.used_mw(*feeder);
            if *released_mw > used_mw {
                let (feeder, released_mw) = (*feeder, *released_mw);
                return Err(ChangeError::ReleaseAboveUse { feeder, released_mw, used_mw });
            }
        }
        for (feeder, released_mw) in sums {
            self.set_used(feeder, self.used_mw(feeder).saturating_sub(released_mw));
        }
        Ok(())
    }

    /// Sets what a feeder is allowed now, and says which feeders are above it then, this one or
    /// others. What is in use is not touched: see [`relief`](super::relief).
    ///
    /// # Errors
    /// [`ChangeError`] for a feeder that does not exist or more than is contracted.
    pub fn set_allowed(
        &mut self,
        feeder: FeederIdx,
        allowed_mw: u64,
    ) -> Result<Vec<Shortfall>, ChangeError> {
        let Some(entry) = self.feeders.get_mut(feeder.position()) else {
            return Err(ChangeError::NoSuchFeeder { feeder });
        };
        if allowed_mw > entry.contracted_mw {
            let contracted_mw = entry.contracted_mw;
            return Err(ChangeError::AllowedAboveContract { feeder, allowed_mw, contracted_mw });
        }
        entry.allowed_mw = allowed_mw;
        self.set_used(feeder, self.used_mw(feeder));
        Ok(self.shortfalls().collect())
    }

    /// The feeders that are above what they are allowed, by number.
    pub fn shortfalls(&self) -> impl Iterator<Item = Shortfall> {
        self.over.iter().map(|feeder| Shortfall {
            feeder: *feeder,
            allowed_mw: self.allowed_mw(*feeder),
            wanted_mw: self.used_mw(*feeder),
        })
    }

    /// Stops admission at a feeder and below, or starts it again. While limits are in force that
    /// [`relief`](super::relief) set, new work must not take the power that they freed.
    ///
    /// # Errors
    /// [`ChangeError::NoSuchFeeder`].
    pub fn set_closed(&mut self, feeder: FeederIdx, closed: bool) -> Result<(), ChangeError> {
        let entry = self.feeders.get_mut(feeder.position());
        entry.ok_or(ChangeError::NoSuchFeeder { feeder })?.closed = closed;
        Ok(())
    }

    /// The sum for each feeder on the paths of the loads, or the feeder that does not exist.
    pub(super) fn sum(
        &self,
        loads: &[(FeederIdx, u64)],
    ) -> Result<BTreeMap<FeederIdx, u64>, FeederIdx> {
        let mut sums: BTreeMap<FeederIdx, u64> = BTreeMap::new();
        for (feeder, added_mw) in loads {
            if feeder.position() >= self.feeders.len() {
                return Err(*feeder);
            }
            for on_path in self.path(*feeder) {
                let sum = sums.entry(on_path).or_default();
                *sum = sum.saturating_add(*added_mw);
            }
        }
        Ok(sums)
    }

    fn add(&mut self, loads: &[(FeederIdx, u64)], is_new: bool) -> Result<(), Refusal> {
        let sums = self.sum(loads).map_err(|feeder| Refusal::NoSuchFeeder { feeder })?;
        self.check(&sums, is_new)?;
        for (feeder, added_mw) in sums {
            self.set_used(feeder, self.used_mw(feeder).saturating_add(added_mw));
        }
        Ok(())
    }

    fn check(&self, sums: &BTreeMap<FeederIdx, u64>, is_new: bool) -> Result<(), Refusal> {
        let mut worst: Option<Shortfall> = None;
        for (index, added_mw) in sums.iter().filter(|(_, added_mw)| **added_mw > 0) {
            let Some(feeder) = self.feeders.get(index.position()) else { continue };
            if feeder.closed && is_new {
                return Err(Refusal::Closed { feeder: *index });
            }
            let owed_mw = if is_new { feeder.owed_mw } else { 0 };
            let shortfall = Shortfall {
                feeder: *index,
                allowed_mw: feeder.allowed_mw,
                wanted_mw: feeder.used_mw.saturating_add(owed_mw).saturating_add(*added_mw),
            };
            if shortfall.short_mw() > worst.as_ref().map_or(0, Shortfall::short_mw) {
                worst = Some(shortfall);
            }
        }
        worst.map_or(Ok(()), |shortfall| Err(Refusal::Short(shortfall)))
    }

    fn set_used(&mut self, index: FeederIdx, used_mw: u64) {
        let Some(feeder) = self.feeders.get_mut(index.position()) else { return };
        feeder.used_mw = used_mw;
        if used_mw > feeder.allowed_mw {
            self.over.insert(index);
        } else {
            self.over.remove(&index);
        }
    }
}

/// Follows the parents of a feeder to a root.
fn check_path(specs: &[FeederSpec], feeder: FeederIdx) -> Result<(), TreeError> {
    let mut seen = BTreeSet::from([feeder]);
    let mut child = feeder;
    while let Some(parent) = specs.get(child.position()).and_then(|spec| spec.parent) {
        if parent.position() >= specs.len() {
            return Err(TreeError::NoSuchParent { feeder: child, parent });
        }
        if !seen.insert(parent) {
            return Err(TreeError::Cycle { feeder });
        }
        child = parent;
    }
    if seen.len() > DEPTH_MAX {
        return Err(TreeError::TooDeep { feeder, depth: seen.len() });
    }
    Ok(())
}
