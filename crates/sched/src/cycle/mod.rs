//! One cycle: every waiting job in its order is placed, promised nodes, given room, or explained.
//!
//! Must leave the scheduler as it found it: what it takes on the way is given back at the end, so
//! that a plan that nobody follows has no effect.

mod backfill;
mod estimate;
mod preempt;
mod undo;

use std::collections::BTreeMap;

use crate::fleet::{Hold, Need, Owner};
use crate::mask::SiteMask;
use crate::place::{self, Ask};
use crate::plan::{Placement, Plan, Preemption, Unplaced};
use crate::problem::{ClassSet, Job, JobIdx, Micros, NodeIdx, ReservationIdx, Topology};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::why;
use undo::Journal;

/// What decides whether a job fits: equal shapes fail alike for the rest of a cycle, because what
/// is free only shrinks in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shape<'a> {
    need: Need,
    nodes: (u32, u32),
    classes: ClassSet,
    topology: Topology,
    sites: &'a SiteMask,
    limit_us: Option<u64>,
    reservation: Option<ReservationIdx>,
}

impl<'a> Shape<'a> {
    const fn of(job: &'a Job) -> Self {
        Self {
            need: Need { amounts: job.need, alone: job.exclusive },
            nodes: (job.nodes_min, job.nodes_max),
            classes: job.classes,
            topology: job.topology,
            sites: &job.allowed_sites,
            limit_us: job.limit_us,
            reservation: job.reservation,
        }
    }
}

/// What a cycle has done so far.
struct Cycle {
    now_us: Micros,
    plan: Plan,
    journal: Journal,
    n_promised: u32,
    n_preemptors: u32,
}

pub(crate) fn run(scheduler: &mut Scheduler, now_us: Micros) -> Plan {
    let waiting = std::mem::take(&mut scheduler.waiting);
    let mut cycle = Cycle {
        now_us,
        plan: Plan::default(),
        journal: Journal::default(),
        n_promised: 0,
        n_preemptors: 0,
    };
    let mut failed: BTreeMap<Shape<'_>, Reason> = BTreeMap::new();
    for index in order(scheduler) {
        let Some(job) = waiting.get(&index) else { continue };
        if let Some(reason) = why::at_the_door(job) {
            cycle.waits(index, reason, None);
            continue;
        }
        // A job whose place is being cleared sees nodes that its like do not.
        let is_cleared_for = scheduler.clearing.contains_key(&index);
        if let Some(reason) = failed.get(&Shape::of(job)).filter(|_| !is_cleared_for) {
            let reason = reason.clone();
            cycle.waits(index, reason, None);
            continue;
        }
        if let Err(reason) = cycle.take_turn(scheduler, index, job)
            && !is_cleared_for
        {
            failed.insert(Shape::of(job), reason);
        }
    }
    scheduler.waiting = waiting;
    cycle.journal.undo(scheduler);
    estimate::fill(scheduler, &mut cycle.plan);
    cycle.plan
}

/// All waiting jobs in the order in which they are served.
fn order(scheduler: &Scheduler) -> Vec<JobIdx> {
    let mut turns: Vec<_> = scheduler.queues.values().flatten().copied().collect();
    turns.sort_unstable();
    turns.into_iter().map(|(_, _, index)| index).collect()
}

impl Cycle {
    fn waits(&mut self, job: JobIdx, reason: Reason, start_us: Option<Micros>) {
        self.plan.unplaced.push(Unplaced { job, reason, start_us });
    }

    /// Places the job, or says why not; the error is also true of its like.
    fn take_turn(
        &mut self,
        scheduler: &mut Scheduler,
        index: JobIdx,
        job: &Job,
    ) -> Result<(), Reason> {
        let ask = Ask::new(index, job, self.now_us);
        if let Some(choice) = place::find(&scheduler.fleet, &ask) {
            self.place(scheduler, index, job, choice.nodes);
            return Ok(());
        }
        if let Some(reason) = why::no_hardware(&scheduler.fleet, &ask) {
            self.waits(index, reason.clone(), None);
            return Err(reason);
        }
        let reason = why::busy(&scheduler.fleet, &ask);
        let mut start_us = None;
        if self.n_promised < scheduler.settings.backfill_depth_max {
            let found = backfill::earliest(scheduler, self, index, job);
            if let Some((start, nodes)) = found {
                self.n_promised = self.n_promised.saturating_add(1);
                start_us = Some(start);
                let end = Ask::new(index, job, start).asker.end_us;
                self.promise(scheduler, index, &nodes, (start, end));
            }
        }
        let patient = crate::problem::after(self.now_us, scheduler.settings.patience_us);
        let soon = start_us.is_some_and(|start| start <= patient);
        let may_preempt = self.n_preemptors < scheduler.settings.preemptors_max;
        if !soon && may_preempt {
            if let Some(room) = preempt::room_for(scheduler, &self.journal.condemned, &ask) {
                self.n_preemptors = self.n_preemptors.saturating_add(1);
                let victims = u32::try_from(room.victims.len()).unwrap_or(u32::MAX);
                self.promise(scheduler, index, &room.nodes, (Micros::MIN, Micros::MAX));
                self.evict(index, room);
                self.waits(index, Reason::Preempting { victims }, start_us);
                return Err(reason);
            }
        }
        self.waits(index, reason.clone(), start_us);
        Err(reason)
    }

    fn place(
        &mut self,
        scheduler: &mut Scheduler,
        index: JobIdx,
        job: &Job,
        nodes: Vec<NodeIdx>,
    ) {
        for node in &nodes {
            self.journal.take(scheduler, *node, (job.need, job.exclusive));
        }
        let end_us = Ask::new(index, job, self.now_us).asker.end_us;
        if end_us < Micros::MAX {
            self.journal.ends.push((end_us, self.plan.placements.len()));
        }
        self.journal.placed.push((job.need, job.exclusive));
        self.plan.placements.push(Placement { job: index, nodes });
    }

    fn promise(
        &mut self,
        scheduler: &mut Scheduler,
        job: JobIdx,
        nodes: &[NodeIdx],
        (from_us, until_us): (Micros, Micros),
    ) {
        for node in nodes {
            let hold = Hold { from_us, until_us, owner: Owner::Job(job) };
            self.journal.hold(scheduler, *node, hold);
        }
    }

    fn evict(&mut self, job: JobIdx, room: preempt::Room) {
        self.journal.condemned.extend(&room.victims);
        self.plan.preemptions.push(Preemption { job, victims: room.victims, nodes: room.nodes });
    }
}
