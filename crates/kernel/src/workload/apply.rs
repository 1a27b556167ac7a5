//! Folds workload events, and keeps capacity and indices in step.

use units::{DataClass, Id, MicroEuro, kinds};

use super::{
    Attempt, Event, Outcome, OutputStatus, Outputs, Phase, Rank, RankStatus, Spec, Workload,
};
use crate::{
    Meta, Stamp, State, limits,
    state::Index,
    usage::{AttemptMetered, Counters},
};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    if let Event::Submitted { id, project, spec, class } = event {
        let workload = new(*id, *project, spec, *class, stamp);
        index_into(&mut state.index, &workload);
        state.workloads.insert(*id, workload);
        return;
    }
    let id = event.id();
    // INVARIANT: `decide` emits events only about workloads that exist.
    let Some(mut workload) = state.workloads.remove(&id) else { return };
    unindex(&mut state.index, &workload);
    change(state, &mut workload, event, stamp);
    workload.meta.touch(stamp);
    workload.last_seq = stamp.seq;
    index_into(&mut state.index, &workload);
    state.workloads.insert(id, workload);
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
        spec: spec.clone(),
        class,
        phase: Phase::Queued { since: stamp.at, not_before: None, reason: "submitted".to_owned() },
        generation: 1,
        attempts: Vec::new(),
        n_attempts: 0,
        n_failures: 0,
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
        // Handled by the caller: there is no workload yet.
        Event::Submitted { .. } => {}
        Event::Placed { attempt, generation, site, nodes, decision, .. } => {
            take(state, workload, nodes);
            let ranks = nodes.iter().map(|node| Rank {
                node: *node,
                status: RankStatus::Assigned,
                used: Counters::default(),
            });
            if workload.attempts.len() >= limits::ATTEMPTS_KEPT {
                workload.attempts.remove(0);
            }
            workload.attempts.push(Attempt {
                number: *attempt,
                site: *site,
                decision: decision.clone(),
                placed_at: stamp.at,
                ended_at: None,
                ranks: ranks.collect(),
            });
            workload.n_attempts = *attempt;
            workload.generation = *generation;
            workload.phase = Phase::Placed { since: stamp.at };
        }
        Event::RankChanged { rank, status, .. } => {
            set_rank(workload, *rank, status);
            if matches!(workload.phase, Phase::Placed { .. }) {
                workload.phase = Phase::Running { since: stamp.at };
            }
        }
        Event::StopRequested { generation, cause, .. } => {
            workload.generation = *generation;
            workload.phase = Phase::Stopping { since: stamp.at, cause: *cause };
        }
        Event::Requeued { reason, failure, not_before, .. } => {
            release(state, workload, stamp);
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
        Event::OutputsFailed { message, .. } => {
            workload.outputs = OutputStatus::Failed { message: message.clone() };
        }
    }
}

/// Sets where a rank of the attempt in progress stands.
fn set_rank(workload: &mut Workload, rank: u32, status: &RankStatus) {
    let position = usize::try_from(rank).unwrap_or(usize::MAX);
    let attempt = workload.attempts.last_mut();
    if let Some(rank) = attempt.and_then(|attempt| attempt.ranks.get_mut(position)) {
        rank.status.clone_from(status);
    }
}

/// Takes the capacity of a gang from its nodes.
fn take(state: &mut State, workload: &Workload, nodes: &[Id<kinds::Node>]) {
    for node in nodes {
        if let Some(node) = state.nodes.get_mut(node) {
            node.allocated = node.allocated.saturating_add(workload.spec.per_node);
        }
    }
}

/// Gives the capacity of the attempt in progress back.
fn release(state: &mut State, workload: &mut Workload, stamp: &Stamp) {
    if !workload.holds_nodes() {
        return;
    }
    let Some(attempt) = workload.attempts.last_mut() else { return };
    attempt.ended_at = Some(stamp.at);
    for rank in &attempt.ranks {
        if let Some(node) = state.nodes.get_mut(&rank.node) {
            node.allocated = node.allocated.saturating_sub(workload.spec.per_node);
        }
    }
}

/// Adds metered use to the workload itself.
pub(crate) fn metered(state: &mut State, metered: &AttemptMetered, added: MicroEuro) {
    let Some(workload) = state.workloads.get_mut(&metered.workload) else { return };
    workload.cost = workload.cost.saturating_add(added);
    let position = usize::try_from(metered.rank).unwrap_or(usize::MAX);
    let attempt = workload.attempts.iter_mut().find(|a| a.number == metered.attempt);
    let Some(rank) = attempt.and_then(|attempt| attempt.ranks.get_mut(position)) else { return };
    let (before, after) = (rank.used, metered.total);
    rank.used = after;
    let used = &mut workload.used;
    let grown =
        |sum: u64, after: u64, before: u64| sum.saturating_add(after.saturating_sub(before));
    used.cpu_micros = grown(used.cpu_micros, after.cpu_micros, before.cpu_micros);
    used.gpu_micros = grown(used.gpu_micros, after.gpu_micros, before.gpu_micros);
    used.energy = used.energy.saturating_add(after.energy.saturating_sub(before.energy));
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

/// Puts a workload into every index that its phase belongs to.
pub(crate) fn index_into(index: &mut Index, workload: &Workload) {
    let id = workload.id;
    if !workload.has_ended() {
        index.active.insert(id);
    }
    if matches!(workload.phase, Phase::Queued { .. }) {
        index.queued.insert(id);
    }
    if workload.outputs == OutputStatus::Pending {
        index.outputs_pending.insert(id);
    }
    if workload.holds_nodes() {
        for rank in workload.attempts.last().into_iter().flat_map(|attempt| &attempt.ranks) {
            index.by_node.entry(rank.node).or_default().insert(id);
        }
    }
}

fn unindex(index: &mut Index, workload: &Workload) {
    let id = workload.id;
    index.active.remove(&id);
    index.queued.remove(&id);
    index.outputs_pending.remove(&id);
    if !workload.holds_nodes() {
        return;
    }
    for rank in workload.attempts.last().into_iter().flat_map(|attempt| &attempt.ranks) {
        if let Some(set) = index.by_node.get_mut(&rank.node) {
            set.remove(&id);
            if set.is_empty() {
                index.by_node.remove(&rank.node);
            }
        }
    }
}
