//! When a blocked job could start if everything runs to its limit, and where.
//!
//! One code path for EASY (one promise), K promises and conservative backfill (a promise for every
//! job): each promise holds whole nodes from its start to its end, and whoever would still be there
//! does not get them. A promise counts limits, never predictions, so it is kept.
//!
//! Must never promise too early. Where only whole amounts decide it is the first instant that fits:
//! a walk that only counts (`sweep`) finds the first that may, and the fleet is moved there. Where
//! that does not fit after all, time is searched by doubling and halving, because looking at each
//! end would cost a search of the fleet each.

use std::collections::BTreeMap;

use super::{Cycle, sweep};
use crate::fleet::{Fleet, Need, Pool, Row};
use crate::part::Seat;
use crate::place::{self, Ask};
use crate::plan::Placement;
use crate::power::{FeederIdx, Grid, Pledge};
use crate::problem::{JobIdx, Micros, NodeIdx, Running, seated};
use crate::scheduler::Scheduler;

/// A start with its nodes, and the power that it is to be promised if that is limited.
type Found = (Micros, Vec<NodeIdx>, Option<Pledge>);

/// An end of something that holds nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freed {
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
    let hope = sweep::first_hope(scheduler, cycle, &ends, ask)?;
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
    let found = future.fits_at(hope, ask).or_else(|| search(&mut future, ask, hope));
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
    // Running work is in order already, which a stable sort makes use of.
    ends.sort();
    ends.truncate(limit);
    ends
}

/// Goes forward in steps that double until the job fits, then back by halves.
///
/// `below` is a position at which it does not fit.
fn search(future: &mut Future<'_>, ask: &Ask<'_>, mut below: usize) -> Option<Found> {
    let mut step = 1_usize;
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
    taken: &'a [Need],
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
            if let Some((nodes, need, seats)) = freed.and_then(|freed| self.held(freed)) {
                for (node, seat) in seated(nodes, seats) {
                    self.saved.extend(self.fleet.row(node).map(|row| (self.at, node, row.clone())));
                    self.fleet.release(node, &need, seat);
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

    fn held(&self, freed: Freed) -> Option<Held<'a>> {
        held_in(self.running, self.placed, self.taken, freed)
    }
}

/// The nodes that something holds, what of each, and the seats there.
type Held<'a> = (&'a [NodeIdx], Need, &'a [Seat]);

pub(super) fn held<'a>(
    scheduler: &'a Scheduler,
    cycle: &'a Cycle,
    freed: Freed,
) -> Option<Held<'a>> {
    held_in(&scheduler.running, &cycle.plan.placements, &cycle.journal.placed, freed)
}

fn held_in<'a>(
    running: &'a BTreeMap<JobIdx, Running>,
    placed: &'a [Placement],
    taken: &[Need],
    freed: Freed,
) -> Option<Held<'a>> {
    match freed {
        Freed::Running(index) => {
            let running = running.get(&index)?;
            Some((&running.nodes, Need::of(&running.job), &running.seats))
        }
        Freed::Placed(at) => {
            let placement = placed.get(at)?;
            Some((&placement.nodes, *taken.get(at)?, &placement.seats))
        }
        Freed::Promise => None,
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
