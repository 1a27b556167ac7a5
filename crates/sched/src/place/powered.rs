//! Nodes that a job's power lets it have, where those that it would have got are not.
//!
//! While there is power for the nodes that a job gets anyway, its search is the one that it would be
//! without budgets. Otherwise it is repeated with what each feeder has left: budgets on paths of a
//! tree are such that taking whatever still fits finds the most nodes, so none are missed, but for
//! gangs in segments, for racks whose nodes hang from several feeders, and for work without GPUs on
//! hosts of several kinds.
//!
//! Must never give nodes that would take a feeder above what it is allowed.

use std::collections::BTreeMap;

use super::{Ask, Choice, search};
use crate::fleet::Fleet;
use crate::power::{FeederIdx, Grid, Shortfall};
use crate::problem::NodeIdx;

/// The nodes for a job of a fleet whose power is limited.
pub(super) fn find(fleet: &Fleet, ask: &Ask<'_>, grid: &Grid) -> Option<Choice> {
    let first = search(fleet, ask)?;
    if check(fleet, ask, grid, &first.nodes).is_ok() {
        return Some(first);
    }
    let within = search(fleet, &Ask { grid: Some(grid), ..*ask })?;
    check(fleet, ask, grid, &within.nodes).is_ok().then_some(within)
}

/// Whether the job may draw on these nodes.
pub(crate) fn check(
    fleet: &Fleet,
    ask: &Ask<'_>,
    grid: &Grid,
    nodes: &[NodeIdx],
) -> Result<(), Shortfall> {
    grid.check(&grid.loads(ask.job, nodes, fleet), &ask.asker)
}

impl Ask<'_> {
    /// True if power lets one rank be on this node.
    pub(super) fn has_power_on(&self, fleet: &Fleet, node: NodeIdx) -> bool {
        self.grid.is_none_or(|grid| grid.takes(fleet, node, self.job, &self.asker))
    }

    /// True if power may let one rank be on this shelf.
    pub(super) fn has_power_at(&self, fleet: &Fleet, shelf: usize) -> bool {
        let Some(grid) = self.grid else { return true };
        let Some(feeder) = grid.shelf_feeder(shelf) else { return true };
        let node = fleet.shelf(shelf).and_then(|shelf| shelf.nodes.first().copied());
        let load = node.map_or(0, |node| grid.load_on(self.job, node, fleet));
        load <= grid.headroom_mw(feeder, &self.asker)
    }
}

/// What is left at each feeder while a gang is dealt out.
pub(super) struct Left<'a> {
    grid: &'a Grid,
    ask: &'a Ask<'a>,
    left_mw: BTreeMap<FeederIdx, u64>,
}

impl<'a> Left<'a> {
    /// All that there is; `None` where power is no question.
    pub(super) fn of(ask: &'a Ask<'a>) -> Option<Self> {
        ask.grid.map(|grid| Self { grid, ask, left_mw: BTreeMap::new() })
    }

    /// How many ranks a shelf's feeders let be there, at most so many, in whole blocks; they are
    /// taken.
    pub(super) fn take(&mut self, fleet: &Fleet, shelf: usize, most: u32, block: u32) -> u32 {
        let Some(feeder) = self.grid.shelf_feeder(shelf) else { return most };
        let node = fleet.shelf(shelf).and_then(|shelf| shelf.nodes.first().copied());
        let load = node.map_or(0, |node| self.grid.load_on(self.ask.job, node, fleet));
        let (grid, asker) = (self.grid, &self.ask.asker);
        let path: Vec<FeederIdx> = grid.tree().path(feeder).collect();
        let mut ranks = most;
        for on_path in &path {
            let left =
                self.left_mw.entry(*on_path).or_insert_with(|| grid.left_mw(*on_path, asker));
            let fit = left.checked_div(load).and_then(|fit| u32::try_from(fit).ok());
            ranks = ranks.min(fit.unwrap_or(u32::MAX));
        }
        let ranks = ranks.checked_div(block).unwrap_or(0).saturating_mul(block);
        for on_path in path {
            if let Some(left) = self.left_mw.get_mut(&on_path) {
                *left = left.saturating_sub(load.saturating_mul(u64::from(ranks)));
            }
        }
        ranks
    }
}
