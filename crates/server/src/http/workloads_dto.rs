//! A workload as the API shows it.

use api::{
    nouns::workload::{Assignment, TaskCounts, Workload, WorkloadState},
    text::Timestamp,
};
use kernel::{
    State,
    model::Artefact,
    workload::{self, Kind, Outcome, Phase, RankStatus},
};
use units::UnixMicros;

use super::{job, resolve};

/// How much of a workload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// With its job file.
    Whole,
    /// As in lists.
    Brief,
}

/// Waiting work among which a place in the queue is counted; beyond it, counting costs too much.
const QUEUE_COUNTED_MAX: usize = 10_000;

/// Where a workload stands, in the API's words. An array runs while one of its tasks does.
pub(crate) fn state_of(state: &State, workload: &workload::Workload) -> WorkloadState {
    let tally = workload::tally(state, workload.id);
    match &workload.phase {
        Phase::Queued { .. } if tally.is_some_and(|tally| tally.holding > 0) => {
            WorkloadState::Running
        }
        Phase::Queued { .. } => WorkloadState::Queued,
        Phase::Placed { .. } => WorkloadState::Starting,
        Phase::Running { .. } if is_ready(workload) => WorkloadState::Ready,
        Phase::Running { .. } => WorkloadState::Running,
        Phase::Stopping { .. } => WorkloadState::Stopping,
        Phase::Ended { outcome, .. } => match outcome {
            Outcome::Succeeded => WorkloadState::Succeeded,
            Outcome::Failed { .. } => WorkloadState::Failed,
            Outcome::Stopped { .. } => WorkloadState::Stopped,
        },
    }
}

/// A state as the API writes it.
pub(crate) const fn state_text(state: WorkloadState) -> &'static str {
    match state {
        WorkloadState::Queued => "queued",
        WorkloadState::Starting => "starting",
        WorkloadState::Running => "running",
        WorkloadState::Ready => "ready",
        WorkloadState::Stopping => "stopping",
        WorkloadState::Succeeded => "succeeded",
        WorkloadState::Failed => "failed",
        WorkloadState::Stopped => "stopped",
    }
}

fn is_ready(workload: &workload::Workload) -> bool {
    workload.spec.kind == Kind::Service && workload.ready_addresses().next().is_some()
}

/// Since when, and why.
fn since_and_why(state: &State, workload: &workload::Workload) -> (UnixMicros, Option<String>) {
    if let (Phase::Queued { since, .. }, Some(tally)) =
        (&workload.phase, workload::tally(state, workload.id))
    {
        let done = tally.total().saturating_sub(tally.open());
        let (total, failed) = (tally.total(), tally.failed);
        return (*since, Some(format!("{done} of {total} tasks are over, {failed} failed")));
    }
    match &workload.phase {
        Phase::Queued { since, reason, .. } => (*since, Some(reason.clone())),
        Phase::Placed { since } | Phase::Running { since } => (*since, None),
        Phase::Stopping { since, cause } => (*since, Some(cause.as_str().to_owned())),
        Phase::Ended { at, outcome } => (
            *at,
            match outcome {
                Outcome::Succeeded => None,
                Outcome::Failed { message } => Some(message.clone()),
                Outcome::Stopped { cause } => Some(cause.as_str().to_owned()),
            },
        ),
    }
}

/// The workload.
pub(crate) fn dto(
    state: &State,
    workload: &workload::Workload,
    detail: Detail,
    seq: u64,
) -> Workload {
    let (since, why) = since_and_why(state, workload);
    let ended = match &workload.phase {
        Phase::Ended { at, .. } => Some(Timestamp(*at)),
        Phase::Queued { .. }
        | Phase::Placed { .. }
        | Phase::Running { .. }
        | Phase::Stopping { .. } => None,
    };
    Workload {
        id: workload.id,
        project: workload.project,
        name: workload.spec.name.clone(),
        kind: job::kind_dto(workload.spec.kind),
        state: state_of(state, workload),
        state_reason: why.filter(|why| !why.is_empty()),
        state_since: Timestamp(since),
        priority: workload.spec.priority,
        queue_position: queue_position(state, workload).filter(|_| detail == Detail::Whole),
        tasks: workload::tally(state, workload.id).map(counts),
        array: workload.task.map(|task| task.array),
        array_index: workload.task.map(|task| task.index),
        attempt: workload.n_attempts,
        n_preemptions: workload.n_preemptions,
        placement: placement(state, workload),
        address: workload.ready_addresses().next(),
        exit_code: ended.and_then(|_| exit_code(workload)),
        cost_microeuro: workload.cost,
        output: output(state, workload),
        started_at: workload.attempts.first().map(|attempt| Timestamp(attempt.placed_at)),
        ended_at: ended,
        job: (detail == Detail::Whole)
            .then(|| job::file_of(state, workload.project, &workload.spec)),
        version: workload.meta.version,
        seq,
        created_at: Timestamp(workload.meta.created_at),
    }
}

fn queue_position(state: &State, workload: &workload::Workload) -> Option<u32> {
    let (position, _) = workload::queue_position(state, workload.id, QUEUE_COUNTED_MAX)?;
    u32::try_from(position).ok()
}

fn counts(tally: workload::Tally) -> TaskCounts {
    TaskCounts {
        total: tally.total(),
        queued: tally.queued,
        running: tally.holding,
        succeeded: tally.succeeded,
        failed: tally.failed,
        stopped: tally.stopped,
    }
}

/// The first exit code that is not 0, else 0 if every rank returned it.
fn exit_code(workload: &workload::Workload) -> Option<i32> {
    let codes = workload.attempt()?.ranks.iter().filter_map(|rank| match &rank.status {
        RankStatus::Exited { code, .. } => *code,
        RankStatus::Assigned
        | RankStatus::Running
        | RankStatus::Ready { .. }
        | RankStatus::Unready => None,
    });
    let codes: Vec<i32> = codes.collect();
    codes.iter().copied().find(|code| *code != 0).or_else(|| codes.first().copied())
}

fn placement(state: &State, workload: &workload::Workload) -> Vec<Assignment> {
    let attempt = workload.attempt().filter(|_| workload.holds_nodes());
    let Some(attempt) = attempt else { return Vec::new() };
    let nodes = attempt.ranks.iter().map(|rank| rank.node);
    let mut placed = assignments(state, nodes);
    for one in &mut placed {
        let rank = usize::try_from(one.rank).ok().and_then(|at| attempt.ranks.get(at));
        let seat = rank.and_then(|rank| rank.seat);
        (one.gpu, one.mig_start) = (seat.map(|seat| seat.gpu), seat.and_then(|seat| seat.start));
    }
    placed
}

/// Nodes by rank.
pub(crate) fn assignments(
    state: &State,
    nodes: impl Iterator<Item = units::Id<units::kinds::Node>>,
) -> Vec<Assignment> {
    let placed = (0_u32..).zip(nodes).filter_map(|(rank, id)| {
        let node = state.nodes.get(&id)?;
        let (node_name, site) = (node.name.clone(), node.site);
        Some(Assignment { rank, node: id, node_name, site, gpu: None, mig_start: None })
    });
    placed.collect()
}

/// The model version that it made.
fn output(state: &State, workload: &workload::Workload) -> Option<api::reference::ArtefactRef> {
    let model = state.models.get(&workload.spec.outputs.model?)?;
    let own = |v: &&kernel::model::Version| v.lineage.workload == Some(workload.id);
    let version = model.versions.iter().find(own)?;
    let artefact = Artefact::Model { id: model.id, version: version.number };
    resolve::artefact_ref(state, artefact)
}
