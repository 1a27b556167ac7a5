//! When a blocked job could start if everything runs to its limit, and where.
//!
//! One code path for EASY (one promise), K promises and conservative backfill (a promise for every
//! job): each promise holds whole nodes from its start to its end, and whoever would still be there
//! does not get them. A promise counts limits, never predictions, so it is kept.

use super::Cycle;
use crate::fleet::{Fleet, Pool, Row};
use crate::place::{self, Ask};
use crate::problem::{Amounts, JobIdx, Micros, NodeIdx};
use crate::scheduler::Scheduler;

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

/// The earliest start within the ends that may be looked at, with its nodes.
///
/// The fleet itself is moved through time, and put back.
pub(super) fn earliest(
    scheduler: &mut Scheduler,
    cycle: &Cycle,
    ask: &Ask<'_>,
) -> Option<(Micros, Vec<NodeIdx>)> {
    let mut saved: Vec<(NodeIdx, Row)> = Vec::new();
    let found = search(scheduler, cycle, ask, &mut saved);
    for (node, row) in saved.into_iter().rev() {
        scheduler.fleet.restore(node, row);
    }
    found
}

fn search(
    scheduler: &mut Scheduler,
    cycle: &Cycle,
    ask: &Ask<'_>,
    saved: &mut Vec<(NodeIdx, Row)>,
) -> Option<(Micros, Vec<NodeIdx>)> {
    let limit = usize::try_from(scheduler.settings.ends_looked_at_max).unwrap_or(usize::MAX);
    let soonest = cycle.now_us.saturating_add(1);
    let placed = cycle.journal.ends.iter().map(|(end, at)| (*end, Freed::Placed(*at)));
    let promised = scheduler.fleet.hold_ends_after(cycle.now_us);
    let promised = promised.into_iter().map(|until| (until, Freed::Promise));
    let mut others: Vec<(Micros, Freed)> = placed.chain(promised).collect();
    others.sort_unstable();
    let mut others = others.into_iter().peekable();
    // Both streams are in order; what is overdue is about to go.
    let mut running =
        scheduler.ends.iter().map(|(end, job)| ((*end).max(soonest), *job)).peekable();
    let mut freed: Vec<Freed> = Vec::new();
    for _ in 0..limit {
        let first = [running.peek().map(|one| one.0), others.peek().map(|one| one.0)];
        let at = first.into_iter().flatten().min()?;
        freed.clear();
        while let Some((_, job)) = running.next_if(|(end, _)| *end == at) {
            freed.push(Freed::Running(job));
        }
        while let Some((_, one)) = others.next_if(|(end, _)| *end == at) {
            freed.push(one);
        }
        for one in &freed {
            let Some((nodes, need, alone)) = held(&scheduler.running, cycle, *one) else {
                continue;
            };
            for node in nodes {
                saved.extend(scheduler.fleet.row(*node).map(|row| (*node, *row)));
                scheduler.fleet.release(*node, need, alone);
            }
        }
        let ask = Ask { classes: ask.classes, ..Ask::new(ask.asker.job, ask.job, at) };
        if could_fit(&scheduler.fleet, &ask)
            && let Some(choice) = place::find(&scheduler.fleet, &ask)
        {
            return Some((at, choice.nodes));
        }
    }
    None
}

/// The nodes that something holds, and what of each.
fn held<'a>(
    running: &'a std::collections::BTreeMap<JobIdx, crate::Running>,
    cycle: &'a Cycle,
    freed: Freed,
) -> Option<(&'a [NodeIdx], Amounts, bool)> {
    match freed {
        Freed::Running(index) => {
            let running = running.get(&index)?;
            Some((&running.nodes, running.job.need, running.job.exclusive))
        }
        Freed::Placed(at) => {
            let (need, alone) = *cycle.journal.placed.get(at)?;
            Some((&cycle.plan.placements.get(at)?.nodes, need, alone))
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
