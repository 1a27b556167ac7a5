//! Folds workload events, and keeps capacity and indices in step.

use std::sync::Arc;

use policy::Decision;
use units::{DataClass, GpuCount, Id, MicroEuro, kinds};

use super::{
    Attempt, Event, GpuSeat, Outcome, OutputStatus, Outputs, Phase, Rank, RankStatus, Spec,
    StopCause, Workload,
    array::tasks_of,
    index::{index_into, unindex},
    part,
};
use crate::{
    Meta, Stamp, State, limits,
    usage::{AttemptMetered, Counters},
};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    if let Event::Submitted { id, project, spec, class } = event {
        let workload = new(*id, *project, spec, *class, stamp);
        for one in tasks_of(&workload).into_iter().chain([workload]) {
            index_into(&mut state.index, &one);
            state.workloads.insert(one.id, one);
        }
        return;
    }
    let id = event.id();
    if let Event::RankChanged { rank, status, .. } = event {
        // No index knows of ranks, and a gang of thousands reports thousands of times.
        if let Some(workload) = state.workloads.get_mut(&id) {
            rank_changed(workload, *rank, status, stamp);
        }
        return;
    }
    // INVARIANT: `decide` emits events only about workloads that exist.
    let Some(mut held) = state.workloads.take_out(&id) else { return };
    let workload = Arc::make_mut(&mut held);
    unindex(&mut state.index, workload);
    change(state, workload, event, stamp);
    workload.meta.touch(stamp);
    workload.last_seq = stamp.seq;
    index_into(&mut state.index, workload);
    state.workloads.put_back(held);
}

fn new(
    id: Id<kinds::Workload>,
    project: Id<kinds::Project>,
    spec: &Spec,
    class: DataClass,
    stamp: &Stamp,
) -> Workload {
    Workload {
        id,
        project,
        by: stamp.actor,
        spec: spec.clone(),
        task: None,
        class,
        phase: Phase::Queued { since: stamp.at, not_before: None, reason: "submitted".to_owned() },
        generation: 1,
        attempts: Vec::new(),
        n_attempts: 0,
        n_failures: 0,
        n_preemptions: 0,
        has_claim: false,
        used: Counters::default(),
        cost: MicroEuro::ZERO,
        outputs: OutputStatus::None,
        submitted_seq: stamp.seq,
        last_seq: stamp.seq,
        meta: Meta::new(stamp),
    }
}

fn change(state: &mut State, workload: &mut Workload, event: &Event, stamp: &Stamp) {
    match event {
        // Handled by the caller: there is no workload yet, or no index to keep.
        Event::Submitted { .. } | Event::RankChanged { .. } => {}
        Event::Placed { attempt, generation, site, nodes, decision, seats, decided, .. } => {
            let begun = Begun { attempt: *attempt, generation: *generation, site: *site };
            begin(state, workload, begun, (nodes, seats), (decision, decided), stamp);
        }
        Event::PlacedMany { attempt, generation, site, nodes, decision, decided, .. } => {
            let begun = Begun { attempt: *attempt, generation: *generation, site: *site };
            let nodes = nodes.resolve(state);
            begin(state, workload, begun, (&nodes, &[]), (decision, decided), stamp);
        }
        Event::StopRequested { generation, cause, preemption, .. } => {
            workload.generation = *generation;
            if let (Some(_), Some(attempt)) = (preemption, workload.attempts.last_mut()) {
                attempt.preemption.clone_from(preemption);
            }
            let for_workload = preemption.as_ref().and_then(|one| one.for_workload);
            // It waits: `decide` lets nobody go for who does not.
            if let Some(other) = for_workload.and_then(|id| state.workloads.get_mut(&id)) {
                other.has_claim = true;
            }
            workload.phase = Phase::Stopping { since: stamp.at, cause: *cause };
        }
        Event::Requeued { reason, failure, not_before, .. } => {
            release(state, workload, stamp);
            let preempted =
                matches!(workload.phase, Phase::Stopping { cause: StopCause::Preempted, .. });
            workload.n_preemptions = workload.n_preemptions.saturating_add(u32::from(preempted));
            workload.n_failures = workload.n_failures.saturating_add(u32::from(*failure));
            workload.generation = workload.generation.saturating_add(1);
            workload.phase =
                Phase::Queued { since: stamp.at, not_before: *not_before, reason: reason.clone() };
        }
        Event::Ended { outcome, .. } => {
            release(state, workload, stamp);
            workload.generation = workload.generation.saturating_add(1);
            let wanted =
                workload.spec.outputs.model.is_some() || workload.spec.outputs.evaluates.is_some();
            if wanted && *outcome == Outcome::Succeeded {
                workload.outputs = OutputStatus::Pending;
            }
            workload.phase = Phase::Ended { at: stamp.at, outcome: outcome.clone() };
        }
        Event::PowerLimitSet { attempt, limit, .. } => {
            let found = workload.attempts.iter_mut().find(|found| found.number == *attempt);
            if let Some(found) = found {
                found.power_limit = *limit;
            }
        }
        Event::OutputsFailed { message, .. } => {
            workload.outputs = OutputStatus::Failed { message: message.clone() };
        }
    }
}

/// Sets where a rank of the attempt in progress stands.
fn rank_changed(workload: &mut Workload, rank: u32, status: &RankStatus, stamp: &Stamp) {
    let position = usize::try_from(rank).unwrap_or(usize::MAX);
    let attempt = workload.attempts.last_mut();
    if let Some(rank) = attempt.and_then(|attempt| attempt.ranks.get_mut(position)) {
        rank.status.clone_from(status);
    }
    if matches!(workload.phase, Phase::Placed { .. }) {
        workload.phase = Phase::Running { since: stamp.at };
    }
    workload.meta.touch(stamp);
    workload.last_seq = stamp.seq;
}

/// What a placement begins.
struct Begun {
    attempt: u32,
    generation: u64,
    site: Id<kinds::Site>,
}

/// Begins an attempt: takes the capacity of its nodes.
fn begin(
    state: &mut State,
    workload: &mut Workload,
    begun: Begun,
    (nodes, seats): (&[Id<kinds::Node>], &[GpuSeat]),
    (decision, decided): (&Decision, &[u64]),
    stamp: &Stamp,
) {
    let seats = seats.iter().copied().map(Some).chain(std::iter::repeat(None));
    let ranks = nodes.iter().zip(seats);
    let ranks = ranks.map(|(node, seat)| take(state, &workload.spec, *node, seat)).collect();
    if workload.attempts.len() >= limits::ATTEMPTS_KEPT {
        workload.attempts.remove(0);
    }
    // Most have one attempt, and there are many of them.
    workload.attempts.reserve_exact(1);
    workload.attempts.push(Attempt {
        number: begun.attempt,
        site: begun.site,
        decision: decision.clone(),
        decided: decided.to_vec(),
        placed_at: stamp.at,
        ended_at: None,
        ranks,
        preemption: None,
        power_limit: None,
    });
    workload.n_attempts = begun.attempt;
    workload.has_claim = false;
    workload.generation = begun.generation;
    workload.phase = Phase::Placed { since: stamp.at };
}

/// Takes what one rank needs of its node, and a whole GPU if its part is the first of that GPU.
fn take(state: &mut State, spec: &Spec, id: Id<kinds::Node>, seat: Option<GpuSeat>) -> Rank {
    let opens = seat.is_some_and(|seat| !part::is_opened(state, id, seat.gpu));
    let node = state.nodes.get_mut(&id);
    // Recorded with the rank: the node's hardware may change before the rank is over.
    let taken = node.as_ref().and_then(|node| spec.take_on(node)).map_or(spec.per_node, |(_, t)| t);
    let taken = if seat.is_some() { spec.beside_part(taken) } else { taken };
    if let Some(node) = node {
        node.allocated = node.allocated.saturating_add(taken);
        let gpus = node.allocated.gpus.0.saturating_add(u32::from(opens));
        node.allocated.gpus = GpuCount(gpus);
    }
    Rank {
        node: id,
        status: RankStatus::Assigned,
        used: Counters::default(),
        taken: (taken != spec.per_node).then_some(taken),
        seat,
    }
}

/// Gives the capacity of the attempt in progress back, and a whole GPU where its part was the last.
fn release(state: &mut State, workload: &mut Workload, stamp: &Stamp) {
    if !workload.holds_nodes() {
        return;
    }
    let Some(attempt) = workload.attempts.last_mut() else { return };
    attempt.ended_at = Some(stamp.at);
    for rank in &attempt.ranks {
        // The workload itself is out of the state while it changes.
        let closes = rank.seat.is_some_and(|seat| !part::is_opened(state, rank.node, seat.gpu));
        if let Some(node) = state.nodes.get_mut(&rank.node) {
            let taken = rank.taken.unwrap_or(workload.spec.per_node);
            node.allocated = node.allocated.saturating_sub(taken);
            let gpus = node.allocated.gpus.0.saturating_sub(u32::from(closes));
            node.allocated.gpus = GpuCount(gpus);
        }
    }
}

/// Adds metered use to the workload itself; answers what was used since the last time, and where.
/// `None` if there is no such rank any more.
pub(crate) fn metered(
    state: &mut State,
    metered: &AttemptMetered,
    added: MicroEuro,
) -> Option<(Id<kinds::Node>, Counters)> {
    let workload = state.workloads.get_mut(&metered.workload)?;
    workload.cost = workload.cost.saturating_add(added);
    let position = usize::try_from(metered.rank).unwrap_or(usize::MAX);
    let attempt = workload.attempts.iter_mut().find(|a| a.number == metered.attempt);
    let rank = attempt.and_then(|attempt| attempt.ranks.get_mut(position))?;
    let used = metered.total.since(rank.used);
    let node = rank.node;
    rank.used = metered.total;
    workload.used = workload.used.saturating_add(used);
    // What its tasks use and cost is what an array uses and costs.
    let array = workload.task.map(|task| task.array);
    if let Some(array) = array.and_then(|array| state.workloads.get_mut(&array)) {
        array.cost = array.cost.saturating_add(added);
        array.used = array.used.saturating_add(used);
    }
    Some((node, used))
}

/// Notes that what the workload made is registered, if that is what it waits for.
pub(crate) fn outputs_registered(state: &mut State, id: Id<kinds::Workload>, made: &Outputs) {
    let Some(workload) = state.workloads.get_mut(&id) else { return };
    let wanted = &workload.spec.outputs;
    let model = made.model.is_some() && made.model == wanted.model;
    let evaluation = made.evaluates.is_some() && made.evaluates == wanted.evaluates;
    if workload.outputs == OutputStatus::Pending && (model || evaluation) {
        workload.outputs = OutputStatus::Registered;
        state.index.outputs_pending.remove(&id);
    }
}
