//! Power in a cycle: what is drawn more by what is placed, and kept for what is promised.
//!
//! Must leave the grid as it found it: the journal takes back what is drawn, and pledges end with the
//! cycle.

use super::preempt::Room;
use super::undo::Journal;
use crate::fleet::Asker;
use crate::place::{self, Ask};
use crate::power::{FeederIdx, PowerPlan, Shortfall};
use crate::problem::{Job, JobIdx, Micros, NodeIdx};
use crate::reason::Reason;
use crate::scheduler::Scheduler;

/// Before anybody's turn: work that stops for power is nobody's to count on, and the power that
/// places are being cleared with is kept for whom they are cleared.
pub(super) fn begin(scheduler: &mut Scheduler, journal: &mut Journal, plan: &PowerPlan) {
    for stop in &plan.stop {
        journal.discharge_running(scheduler, stop.job);
        journal.condemned.insert(stop.job);
    }
    if scheduler.grid.is_none() {
        return;
    }
    let clearing: Vec<JobIdx> = scheduler.clearing.keys().copied().collect();
    for index in clearing {
        let Some(job) = scheduler.waiting.get(&index).cloned() else { continue };
        let nodes = scheduler.clearing.get(&index).into_iter().flatten();
        let nodes: Vec<NodeIdx> = nodes.map(|(node, _)| *node).collect();
        let leaving = scheduler.leaving.iter().filter(|(_, for_job)| **for_job == Some(index));
        let victims: Vec<JobIdx> = leaving.map(|(victim, _)| *victim).collect();
        keep(scheduler, (index, &job), &nodes, &victims);
    }
}

/// Keeps the power for a job whose place is cleared, as far as the victims do not draw it already.
pub(super) fn keep(
    scheduler: &mut Scheduler,
    (index, job): (JobIdx, &Job),
    nodes: &[NodeIdx],
    victims: &[JobIdx],
) {
    let Some(grid) = &scheduler.grid else { return };
    let loads = grid.loads(job, nodes, &scheduler.fleet);
    let freed: Vec<(FeederIdx, u64)> =
        victims.iter().flat_map(|victim| grid.loads_of(*victim)).collect();
    let always = (Micros::MIN, Micros::MAX);
    let asker = Asker { job: index, queue: job.queue, start_us: always.0, end_us: always.1 };
    let pledge = grid.pledge(&asker, &loads, &freed);
    scheduler.keep_power(pledge);
}

/// True if the power of a place that is cleared would do for the job.
pub(super) fn is_enough(scheduler: &Scheduler, ask: &Ask<'_>, room: &Room) -> bool {
    let Some(grid) = &scheduler.grid else { return true };
    let freed: Vec<(FeederIdx, u64)> =
        room.victims.iter().flat_map(|victim| grid.loads_of(*victim)).collect();
    let loads = grid.loads(ask.job, &room.nodes, &scheduler.fleet);
    grid.check_instead(&loads, &freed, &ask.asker).is_ok()
}

/// Why a job waits whose nodes are free: power, if that is what is short.
pub(super) fn reason(scheduler: &Scheduler, ask: &Ask<'_>) -> Option<Reason> {
    let grid = scheduler.grid.as_ref()?;
    let choice = place::find(&scheduler.fleet, None, ask)?;
    let Shortfall { feeder, allowed_mw, .. } =
        place::check(&scheduler.fleet, ask, grid, &choice.nodes).err()?;
    let drawn_mw = grid.tree().used_mw(feeder);
    let loads = grid.loads(ask.job, &choice.nodes, &scheduler.fleet);
    Some(Reason::PowerCapped {
        feeder: feeder.0,
        allowed_mw,
        drawn_mw,
        kept_mw: grid.spoken_for_mw(feeder, &ask.asker).saturating_sub(drawn_mw),
        need_mw: grid.sum_at(&loads, feeder),
    })
}
