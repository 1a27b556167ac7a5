//! When a blocked job could start if everything runs to its limit, and where.
//!
//! One code path for EASY (one promise), K promises and conservative backfill (a promise for every
//! job): each promise holds whole nodes from its start to its end, and whoever would still be there
//! does not get them. A promise counts limits, never predictions, so it is kept.
//!
//! Must never promise too early. It may be later than need be, where an earlier promise lies just
//! so that a later time fits and the ones around it do not: time is searched by doubling and
//! halving, because looking at each end would cost a search of the fleet each.

use std::collections::BTreeMap;

use super::Cycle;
use crate::fleet::{Fleet, Pool, Row};
use crate::place::{self, Ask};
use crate::plan::Placement;
use crate::power::{FeederIdx, Grid, Pledge};
use crate::problem::{Amounts, JobIdx, Micros, NodeIdx, Running};
use crate::scheduler::Scheduler;

/// A start with its nodes, and the power that it is to be promised if that is limited.
type Found = (Micros, Vec<NodeIdx>, Option<Pledge>);

/// An end of something that holds nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Freed {
    /// Work that runs.
    Running(JobIdx),
    /// What this cycle placed, by its position.
    Placed(usize),
    /// Only a promise ends.
    Promise,
}

/// The earliest start that the search finds within the ends that may be looked at, with its nodes.
///
/// The fleet itself is moved through time, and put back.
pub(super) fn earliest(scheduler: &mut Scheduler, cycle: &Cycle, ask: &Ask<'_>) -> Option<Found> {
    let ends = ends(scheduler, cycle);
    let mut future = Future {
        fleet: &mut scheduler.fleet,
        grid: scheduler.grid.as_deref_mut(),
        running: &scheduler.running,
        placed: &cycle.plan.placements,
        taken: &cycle.journal.placed,
        drawn: &cycle.journal.drawn,
        ends: &ends,
        at: 0,
        saved: Vec::new(),
        given: Vec::new(),
    };
    let found = search(&mut future, ask);
    future.move_to(0);
    found
}

/// All ends that may be looked at, in order of time.
fn ends(scheduler: &Scheduler, cycle: &Cycle) -> Vec<(Micros, Freed)> {
    let limit = usize::try_from(scheduler.settings.ends_looked_at_max).unwrap_or(usize::MAX);
    // What is overdue is about to go.
    let soonest = cycle.now_us.saturating_add(1);
    let running = scheduler.ends.iter().take(limit);
    let running = running.map(|(end, job)| ((*end).max(soonest), Freed::Running(*job)));
    let placed = cycle.journal.ends.iter().map(|(end, at)| (*end, Freed::Placed(*at)));
    let promised = scheduler.fleet.hold_ends_after(cycle.now_us);
    let promised = promised.into_iter().map(|until| (until, Freed::Promise));
    let mut ends: Vec<(Micros, Freed)> = running.chain(placed).chain(promised).collect();
    ends.sort_unstable();
    ends.truncate(limit);
    ends
}

/// Goes forward in steps that double until the job fits, then back by halves.
fn search(future: &mut Future<'_>, ask: &Ask<'_>) -> Option<Found> {
    let (mut below, mut step) = (0, 1_usize);
    let mut found = loop {
        if below >= future.ends.len() {
            return None;
        }
        let to = future.instant_end(below.saturating_add(step).saturating_sub(1));
        if let Some(found) = future.fits_at(to, ask) {
            break (to, found);
        }
        below = to;
        step = step.saturating_mul(2);
    };
    loop {
        let middle = future.instant_end(below.midpoint(found.0));
        // The instant in the middle may be the last one itself: then the one below is next.
        let middle = if middle >= found.0 { future.instant_end(below) } else { middle };
        if middle >= found.0 {
            return Some(found.1);
        }
        match future.fits_at(middle, ask) {
            Some(earlier) => found = (middle, earlier),
            None => below = middle,
        }
    }
}

/// The fleet, moved forward and back over a list of ends.
struct Future<'a> {
    fleet: &'a mut Fleet,
    grid: Option<&'a mut Grid>,
    running: &'a BTreeMap<JobIdx, Running>,
    placed: &'a [Placement],
    taken: &'a [(Amounts, bool)],
    drawn: &'a [Vec<(FeederIdx, u64)>],
    ends: &'a [(Micros, Freed)],
    /// Ends that have come true.
    at: usize,
    /// What nodes were, with the end that changed them.
    saved: Vec<(usize, NodeIdx, Row)>,
    /// Power that was given back, with the end that did.
    given: Vec<(usize, Vec<(FeederIdx, u64)>)>,
}

impl<'a> Future<'a> {
    /// One past the last end that has the same time as the one at this position.
    fn instant_end(&self, position: usize) -> usize {
        let position = position.min(self.ends.len().saturating_sub(1));
        let Some((time, _)) = self.ends.get(position) else { return self.ends.len() };
        let same = |(end, _): &&(Micros, Freed)| end == time;
        let rest = self.ends.get(position..).unwrap_or_default();
        position.saturating_add(rest.iter().take_while(same).count())
    }

    /// Where the job fits once so many ends have come true, and when that is.
    fn fits_at(&mut self, to: usize, ask: &Ask<'_>) -> Option<Found> {
        self.move_to(to);
        let (at, _) = *self.ends.get(to.checked_sub(1)?)?;
        let ask = Ask { classes: ask.classes, ..Ask::new(ask.asker.job, ask.job, at) };
        if !could_fit(self.fleet, &ask) {
            return None;
        }
        let grid = self.grid.as_deref();
        let nodes = place::find(self.fleet, grid, &ask)?.nodes;
        let pledge =
            grid.map(|grid| grid.pledge(&ask.asker, &grid.loads(ask.job, &nodes, self.fleet), &[]));
        Some((at, nodes, pledge))
    }

    /// Lets ends come true, or takes them back.
    fn move_to(&mut self, to: usize) {
        while self.at < to {
            let freed = self.ends.get(self.at).map(|(_, freed)| *freed);
            if let Some((nodes, need, alone)) = freed.and_then(|freed| self.held(freed)) {
                for node in nodes {
                    self.saved.extend(self.fleet.row(*node).map(|row| (self.at, *node, *row)));
                    self.fleet.release(*node, need, alone);
                }
            }
            if let (Some(freed), Some(grid)) = (freed, self.grid.as_deref_mut()) {
                let loads = match freed {
                    Freed::Running(index) => grid.loads_of(index),
                    Freed::Placed(at) => self.drawn.get(at).cloned().unwrap_or_default(),
                    Freed::Promise => Vec::new(),
                };
                grid.draw_less(&loads);
                self.given.push((self.at, loads));
            }
            self.at = self.at.saturating_add(1);
        }
        while let Some((_, node, row)) = self.saved.pop_if(|(end, _, _)| *end >= to) {
            self.fleet.restore(node, row);
        }
        while let Some((_, loads)) = self.given.pop_if(|(end, _)| *end >= to) {
            self.grid.iter_mut().for_each(|grid| grid.draw_again(&loads));
        }
        self.at = to;
    }

    /// The nodes that something holds, and what of each.
    fn held(&self, freed: Freed) -> Option<(&'a [NodeIdx], Amounts, bool)> {
        match freed {
            Freed::Running(index) => {
                let running = self.running.get(&index)?;
                Some((&running.nodes, running.job.need, running.job.exclusive))
            }
            Freed::Placed(at) => {
                let (need, alone) = *self.taken.get(at)?;
                Some((&self.placed.get(at)?.nodes, need, alone))
            }
            Freed::Promise => None,
        }
    }
}

/// A cheap test that must hold before a search is worth its time.
fn could_fit(fleet: &Fleet, ask: &Ask<'_>) -> bool {
    let gpus = ask.need.amounts.gpus;
    let n = u64::from(ask.job.nodes_min);
    let enough = |pool: &Pool| {
        pool.n_free_gpus >= n.saturating_mul(u64::from(gpus))
            && (!ask.need.alone || pool.n_idle >= n)
    };
    // Work without GPUs may mix pools, whose sum is not worth a test.
    gpus == 0 || fleet.pools().iter().any(|pool| ask.allows(pool) && enough(pool))
}
