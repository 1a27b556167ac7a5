//! One cycle: every waiting job in its order is placed, promised nodes, given room, or explained.
//!
//! Must leave the scheduler as it found it: what it takes on the way is given back at the end, so
//! that a plan that nobody follows has no effect.

mod backfill;
mod estimate;
mod failed;
mod order;
mod power;
mod preempt;
mod quota;
mod sweep;
mod undo;

pub(crate) use failed::Hopeless;
pub(crate) use quota::admitted;

use std::collections::BTreeSet;

use crate::fleet::{Hold, Need, Owner};
use crate::place::{self, Ask};
use crate::plan::{Placement, Plan, Preemption, Promise, Unplaced};
use crate::problem::{ClassSet, Job, JobIdx, Micros, NodeIdx};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::share::{QueueIdx, Refusal, RefusalKind};
use crate::why;
use failed::{Failed, Shape};
use order::Order;
use preempt::Room;
use undo::Journal;

/// What a cycle has done so far.
struct Cycle {
    now_us: Micros,
    plan: Plan,
    journal: Journal,
    /// Queues that the calendar promises nodes.
    holders: BTreeSet<QueueIdx>,
    n_promised: u32,
    n_preemptors: u32,
    mode: Mode,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To be followed: nobody is told why he waits.
    Decide,
    /// To be read: with reasons and expected starts for those who wait.
    Explain,
    /// To be compared with: nothing is remembered, each job is tried.
    #[cfg(test)]
    Forgetful,
}

impl Mode {
    const fn explains(self) -> bool {
        !matches!(self, Self::Decide)
    }

    const fn remembers(self) -> bool {
        matches!(self, Self::Decide | Self::Explain)
    }
}

/// Plans.
pub(crate) fn run(scheduler: &mut Scheduler, now_us: Micros, mode: Mode) -> Plan {
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
        mode,
    };
    let mut failed = Failed::default();
    // Whom others made room for is served before them, whatever the shares have become since.
    let claimants: Vec<JobIdx> = scheduler.claims.iter().map(|turn| turn.2).collect();
    for index in &claimants {
        if let Some(job) = waiting.get(index) {
            cycle.look_at(scheduler, &mut failed, *index, job);
        }
    }
    let claimants: BTreeSet<JobIdx> = claimants.into_iter().collect();
    let mut order = Order::new(scheduler);
    while let Some((queue, index)) = order.next(&scheduler.tree) {
        if let Some(job) = waiting.get(&index).filter(|_| !claimants.contains(&index)) {
            cycle.look_at(scheduler, &mut failed, index, job);
        }
        order.looked_at(&scheduler.tree, queue);
    }
    scheduler.waiting = waiting;
    cycle.journal.undo(scheduler);
    if mode.explains() {
        estimate::fill(scheduler, &mut cycle.plan);
    }
    cycle.plan
}

/// Why a job gets no nodes now.
enum Obstacle {
    /// Others have them, or will.
    Time,
    /// It will not fit as things are.
    Hopeless,
}

/// What a search for nodes gives.
enum Find {
    Nodes(Vec<NodeIdx>),
    /// There are nodes, but in no number that its quota allows: no answer for its like.
    Quota,
    Nothing,
}

/// Why a job that fits nowhere waits.
fn why_not(scheduler: &Scheduler, ask: &Ask<'_>) -> Reason {
    let fleet = &scheduler.fleet;
    power::reason(scheduler, ask)
        .or_else(|| why::no_hardware(fleet, ask))
        .unwrap_or_else(|| why::busy(fleet, ask))
}

impl Cycle {
    fn waits(&mut self, job: JobIdx, reason: Option<Reason>, start_us: Option<Micros>) {
        if self.mode.explains() {
            self.plan.unplaced.extend(reason.map(|reason| Unplaced { job, reason, start_us }));
        }
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
            return self.waits(index, Some(reason), None);
        }
        if let Some(reason) = scheduler.deferrals.reason(index, self.now_us) {
            return self.waits(index, Some(reason), None);
        }
        self.journal.arrives(scheduler, index);
        let ask = Ask::new(index, job, self.now_us);
        let admitted = quota::admitted_and_had(scheduler, &ask);
        let (admitted, refusal) = match admitted {
            Ok(admitted) => (admitted, None),
            // What others have now may come back, or be taken back.
            Err(refusal) if refusal.kind >= RefusalKind::Exhausted => (job.classes, Some(refusal)),
            Err(refusal) => return self.waits(index, Some(quota::reason(&refusal)), None),
        };
        let queue = self.holders.contains(&job.queue).then_some(job.queue);
        let shape = Shape { classes: admitted, queue, ..Shape::of(job) };
        let spares_blocks = scheduler.n_in_blocks > 0;
        let ask = Ask { classes: admitted, spares_blocks, ..ask };
        // A job whose place is being cleared sees nodes that its like do not.
        let is_like_others = self.mode.remembers() && !scheduler.clearing.contains_key(&index);
        let end_us = ask.asker.end_us;
        if !(is_like_others && failed.has(&shape, end_us)) {
            match self.find(scheduler, &ask) {
                Find::Nodes(nodes) => return self.settle(scheduler, &ask, nodes, refusal),
                Find::Quota => {}
                Find::Nothing if is_like_others => failed.insert(shape, end_us),
                Find::Nothing => {}
            }
        }
        let reason = self.mode.explains().then(|| {
            let known = failed.reason(&shape, job.limit_us).filter(|_| is_like_others);
            known.cloned().unwrap_or_else(|| why_not(scheduler, &ask))
        });
        let obstacle = match &reason {
            Some(reason) if reason.is_about_time() => Obstacle::Time,
            Some(_) => Obstacle::Hopeless,
            None if failed::is_hopeless(scheduler, &ask) => Obstacle::Hopeless,
            None => Obstacle::Time,
        };
        if let Some(reason) = reason.as_ref().filter(|_| is_like_others) {
            failed.explain(shape, job.limit_us, reason.clone());
        }
        match obstacle {
            Obstacle::Hopeless => self.waits(index, reason, None),
            Obstacle::Time => self.make_room(scheduler, &ask, reason),
        }
    }

    /// There are nodes for the job: it gets them, if its quota lets it.
    fn settle(
        &mut self,
        scheduler: &mut Scheduler,
        ask: &Ask<'_>,
        nodes: Vec<NodeIdx>,
        refusal: Option<Refusal>,
    ) {
        let leaving = &self.journal.condemned;
        match refusal.or_else(|| quota::obstacle_now(scheduler, leaving, ask.job, &nodes)) {
            // Its like in another queue may be allowed, so this is no answer for them.
            Some(refusal) => self.waits(ask.asker.job, Some(quota::reason(&refusal)), None),
            None => self.place(scheduler, ask.asker.job, ask.job, nodes),
        }
    }

    /// Promises nodes to a job that fits nowhere now, or evicts others for it.
    fn make_room(&mut self, scheduler: &mut Scheduler, ask: &Ask<'_>, reason: Option<Reason>) {
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
        self.waits(index, Some(Reason::Preempting { victims }), start_us);
    }

    /// Nodes for the job, as many as its quota allows.
    fn find(&self, scheduler: &Scheduler, ask: &Ask<'_>) -> Find {
        let grid = scheduler.grid();
        let Some(choice) = place::find(&scheduler.fleet, grid, ask) else { return Find::Nothing };
        let most = quota::nodes_allowed(scheduler, ask.job, &choice.nodes);
        if u32::try_from(choice.nodes.len()).is_ok_and(|n| n <= most) {
            return Find::Nodes(choice.nodes);
        }
        // Of the same model: of another one its quotas may allow still fewer.
        let class = choice.nodes.first().and_then(|node| scheduler.fleet.node(*node)?.class);
        let classes = class.map_or(ask.classes, ClassSet::one);
        let fewer = Ask { nodes_max: most, classes, ..*ask };
        let fewer = place::find(&scheduler.fleet, grid, &fewer);
        fewer.map_or(Find::Quota, |choice| Find::Nodes(choice.nodes))
    }

    fn place(&mut self, scheduler: &mut Scheduler, index: JobIdx, job: &Job, nodes: Vec<NodeIdx>) {
        let need = Need::of(job);
        let mut seats = Vec::new();
        for node in &nodes {
            let seat = scheduler.fleet.seat(*node, &need);
            seats.extend(seat);
            self.journal.take(scheduler, *node, (need, seat));
        }
        let amounts = scheduler.used_by(job, &nodes);
        self.journal.charge(scheduler, job.queue, amounts);
        let asker = Ask::new(index, job, self.now_us).asker;
        self.journal.draw(scheduler, (job, &nodes), &asker);
        let end_us = asker.end_us;
        if end_us < Micros::MAX {
            self.journal.ends.push((end_us, self.plan.placements.len()));
        }
        self.journal.placed.push(need);
        self.plan.placements.push(Placement { job: index, nodes, seats });
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
