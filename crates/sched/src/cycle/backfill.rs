//! When a blocked job could start if everything runs to its limit, and where.
//!
//! One code path for EASY (one promise), K promises and conservative backfill (a promise for every
//! job): each promise holds whole nodes from its start to its end, and whoever would still be there
//! does not get them. A promise counts limits, never predictions, so it is kept.

use super::Cycle;
use crate::fleet::{Fleet, Pool};
use crate::place::{self, Ask};
use crate::problem::{JobIdx, Micros, NodeIdx};
use crate::scheduler::Scheduler;

/// An end of work that holds nodes: when, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Freed {
    /// Ends of work that runs.
    Running(JobIdx),
    /// Ends of what this cycle placed.
    Placed(usize),
    /// Only a promise ends.
    Promise,
}

/// The earliest start within the ends that may be looked at, with its nodes.
pub(super) fn earliest(
    scheduler: &Scheduler,
    cycle: &Cycle,
    ask: &Ask<'_>,
) -> Option<(Micros, Vec<NodeIdx>)> {
    let mut future = scheduler.fleet.clone();
    let limit = usize::try_from(scheduler.settings.ends_looked_at_max).unwrap_or(usize::MAX);
    let soonest = cycle.now_us.saturating_add(1);
    let ends = scheduler.ends.iter().take(limit);
    let mut ends: Vec<(Micros, Freed)> = ends
        // What is overdue is about to go.
        .map(|(end, running)| ((*end).max(soonest), Freed::Running(*running)))
        .chain(cycle.journal.ends.iter().map(|(end, at)| (*end, Freed::Placed(*at))))
        .chain(
            scheduler.fleet.hold_ends_after(cycle.now_us).into_iter().map(|t| (t, Freed::Promise)),
        )
        .collect();
    ends.sort_unstable();
    for instant in ends.chunk_by(|a, b| a.0 == b.0).take(limit) {
        let at = instant.first()?.0;
        for (_, freed) in instant {
            free(&mut future, scheduler, cycle, *freed);
        }
        let ask = Ask { classes: ask.classes, ..Ask::new(ask.asker.job, ask.job, at) };
        if could_fit(&future, &ask)
            && let Some(choice) = place::find(&future, &ask)
        {
            return Some((at, choice.nodes));
        }
    }
    None
}

fn free(future: &mut Fleet, scheduler: &Scheduler, cycle: &Cycle, freed: Freed) {
    let (nodes, (need, alone)) = match freed {
        Freed::Running(index) => {
            let Some(running) = scheduler.running.get(&index) else { return };
            (&running.nodes, (running.job.need, running.job.exclusive))
        }
        Freed::Placed(at) => {
            let placement = cycle.plan.placements.get(at);
            let Some((placement, what)) = placement.zip(cycle.journal.placed.get(at)) else {
                return;
            };
            (&placement.nodes, *what)
        }
        Freed::Promise => return,
    };
    for node in nodes {
        future.release(*node, need, alone);
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
