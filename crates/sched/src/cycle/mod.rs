//! One cycle: every waiting job in its order is placed, promised nodes, given room, or explained.
//!
//! Must leave the scheduler as it found it: what it takes on the way is given back at the end, so
//! that a plan that nobody follows has no effect.

mod backfill;
mod estimate;
mod order;
mod power;
mod preempt;
mod quota;
mod undo;

pub(crate) use quota::admitted;

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Hold, Need, Owner};
use crate::mask::SiteMask;
use crate::place::{self, Ask};
use crate::plan::{Placement, Plan, Preemption, Promise, Unplaced};
use crate::problem::{ClassSet, Job, JobIdx, Micros, NodeIdx, Topology};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::share::{QueueIdx, Refusal, RefusalKind};
use crate::why;
use order::Order;
use preempt::Room;
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
    power_class: u32,
    /// Its queue, if that is promised nodes that others are not.
    queue: Option<QueueIdx>,
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
            power_class: job.power_class,
            queue: None,
        }
    }
}

/// What a cycle has done so far.
struct Cycle {
    now_us: Micros,
    plan: Plan,
    journal: Journal,
    /// Queues that the calendar promises nodes.
    holders: BTreeSet<QueueIdx>,
    n_promised: u32,
    n_preemptors: u32,
}

pub(crate) fn run(scheduler: &mut Scheduler, now_us: Micros) -> Plan {
    let mut journal = Journal::new(scheduler);
    let power = crate::power::steps(scheduler, now_us);
    power::begin(scheduler, &mut journal, &power);
    let waiting = std::mem::take(&mut scheduler.waiting);
    let mut cycle = Cycle {
        now_us,
        plan: Plan { power, ..Plan::default() },
        journal,
        holders: scheduler.reservations.values().filter_map(|one| one.holder).collect(),
        n_promised: 0,
        n_preemptors: 0,
    };
    let mut failed = Failed::default();
    let mut order = Order::new(scheduler);
    while let Some((queue, index)) = order.next(&scheduler.tree) {
        if let Some(job) = waiting.get(&index) {
            cycle.look_at(scheduler, &mut failed, index, job);
        }
        order.looked_at(&scheduler.tree, queue);
    }
    scheduler.waiting = waiting;
    cycle.journal.undo(scheduler);
    estimate::fill(scheduler, &mut cycle.plan);
    cycle.plan
}

/// Shapes that did not fit, and why.
type Failed<'a> = BTreeMap<Shape<'a>, Reason>;

impl Cycle {
    fn waits(&mut self, job: JobIdx, reason: Reason, start_us: Option<Micros>) {
        self.plan.unplaced.push(Unplaced { job, reason, start_us });
    }

    /// One job's turn: placed, or left waiting with its reason.
    fn look_at<'a>(
        &mut self,
        scheduler: &mut Scheduler,
        failed: &mut Failed<'a>,
        index: JobIdx,
        job: &'a Job,
    ) {
        if let Some(reason) = why::at_the_door(job) {
            return self.waits(index, reason, None);
        }
        if let Some(reason) = scheduler.deferrals.reason(index, self.now_us) {
            return self.waits(index, reason, None);
        }
        self.journal.arrives(scheduler, index);
        let admitted = quota::admitted(scheduler, job);
        let (admitted, refusal) = match admitted {
            Ok(admitted) => (admitted, None),
            // What others have now may come back, or be taken back.
            Err(refusal) if refusal.kind >= RefusalKind::Exhausted => (job.classes, Some(refusal)),
            Err(refusal) => return self.waits(index, quota::reason(&refusal), None),
        };
        let queue = self.holders.contains(&job.queue).then_some(job.queue);
        let shape = Shape { classes: admitted, queue, ..Shape::of(job) };
        let ask = Ask { classes: admitted, ..Ask::new(index, job, self.now_us) };
        // A job whose place is being cleared sees nodes that its like do not.
        let is_cleared_for = scheduler.clearing.contains_key(&index);
        let known = failed.get(&shape).filter(|_| !is_cleared_for);
        let reason = match known {
            Some(reason) => reason.clone(),
            None => match self.try_to_place(scheduler, &ask, refusal) {
                Ok(()) => return,
                Err(reason) => reason,
            },
        };
        if known.is_none() && !is_cleared_for {
            failed.insert(shape, reason.clone());
        }
        if !reason.is_about_time() {
            return self.waits(index, reason, None);
        }
        self.make_room(scheduler, &ask, reason);
    }

    /// Places the job where it fits; or says why not, which is also true of its like.
    fn try_to_place(
        &mut self,
        scheduler: &mut Scheduler,
        ask: &Ask<'_>,
        refusal: Option<Refusal>,
    ) -> Result<(), Reason> {
        let Some(nodes) = self.find(scheduler, ask) else {
            return Err(power::reason(scheduler, ask)
                .or_else(|| why::no_hardware(&scheduler.fleet, ask))
                .unwrap_or_else(|| why::busy(&scheduler.fleet, ask)));
        };
        match refusal {
            // Its like in another queue may be allowed, so this is no answer for them.
            Some(refusal) => self.waits(ask.asker.job, quota::reason(&refusal), None),
            None => self.place(scheduler, ask.asker.job, ask.job, nodes),
        }
        Ok(())
    }

    /// Promises nodes to a job that fits nowhere now, or evicts others for it.
    fn make_room(&mut self, scheduler: &mut Scheduler, ask: &Ask<'_>, reason: Reason) {
        let index = ask.asker.job;
        let mut start_us = None;
        if self.n_promised < scheduler.settings.backfill_depth_max
            && let Some((start, nodes, pledge)) = backfill::earliest(scheduler, self, ask)
        {
            pledge.into_iter().for_each(|pledge| scheduler.keep_power(pledge));
            self.n_promised = self.n_promised.saturating_add(1);
            start_us = Some(start);
            let end = Ask::new(index, ask.job, start).asker.end_us;
            self.promise(scheduler, index, nodes, (start, end));
        }
        let patient = crate::problem::after(self.now_us, scheduler.settings.patience_us);
        let is_soon = start_us.is_some_and(|start| start <= patient);
        if is_soon
            || self.n_preemptors >= scheduler.settings.preemptors_max
            || !preempt::could_claim(scheduler, ask)
        {
            return self.waits(index, reason, start_us);
        }
        self.n_preemptors = self.n_preemptors.saturating_add(1);
        let Some(room) = preempt::room_for(scheduler, &self.journal.condemned, ask) else {
            return self.waits(index, reason, start_us);
        };
        // Nobody goes in vain: the place must also have the power.
        if !power::is_enough(scheduler, ask, &room) {
            return self.waits(index, reason, start_us);
        }
        power::keep(scheduler, (index, ask.job), &room.nodes, &room.victims);
        let victims = u32::try_from(room.victims.len()).unwrap_or(u32::MAX);
        self.promise(scheduler, index, room.nodes.clone(), (Micros::MIN, Micros::MAX));
        self.evict(scheduler, ask, room);
        self.waits(index, Reason::Preempting { victims }, start_us);
    }

    /// Nodes for the job, as many as its quota allows.
    fn find(&self, scheduler: &Scheduler, ask: &Ask<'_>) -> Option<Vec<NodeIdx>> {
        let grid = scheduler.grid();
        let choice = place::find(&scheduler.fleet, grid, ask)?;
        let most = quota::nodes_allowed(scheduler, ask.job, &choice.nodes);
        if u32::try_from(choice.nodes.len()).is_ok_and(|n| n <= most) {
            return Some(choice.nodes);
        }
        let fewer = Ask { nodes_max: most, ..*ask };
        place::find(&scheduler.fleet, grid, &fewer).map(|choice| choice.nodes)
    }

    fn place(&mut self, scheduler: &mut Scheduler, index: JobIdx, job: &Job, nodes: Vec<NodeIdx>) {
        for node in &nodes {
            self.journal.take(scheduler, *node, (job.need, job.exclusive));
        }
        let amounts = scheduler.used_by(job, &nodes);
        self.journal.charge(scheduler, job.queue, amounts);
        let asker = Ask::new(index, job, self.now_us).asker;
        self.journal.draw(scheduler, (job, &nodes), &asker);
        let end_us = asker.end_us;
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
        nodes: Vec<NodeIdx>,
        (from_us, until_us): (Micros, Micros),
    ) {
        for node in &nodes {
            let hold = Hold { from_us, until_us, owner: Owner::Job(job) };
            self.journal.hold(scheduler, *node, hold);
        }
        self.plan.promises.push(Promise { job, nodes, from_us, until_us });
    }

    fn evict(&mut self, scheduler: &mut Scheduler, ask: &Ask<'_>, room: Room) {
        for victim in &room.victims {
            self.journal.discharge_running(scheduler, *victim);
        }
        let amounts = scheduler.used_by(ask.job, &room.nodes);
        self.journal.charge(scheduler, ask.job.queue, amounts);
        self.journal.condemned.extend(&room.victims);
        let Room { victims, nodes } = room;
        self.plan.preemptions.push(Preemption { job: ask.asker.job, victims, nodes });
    }
}
