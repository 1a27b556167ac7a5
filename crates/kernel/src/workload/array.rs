//! Arrays: one submission of many alike tasks that differ in one number.
//!
//! The array is a workload that never runs itself and stands for its tasks: one entry submits it, and
//! the fold makes the tasks, ordinary workloads with ids that follow from the array's own. So each
//! task is placed, retried, metered and stopped like any other work, and costs no entry before it is
//! placed. The array ends with its last task, in one entry. It can be waited for like any other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Id, UnixMicros, kinds};

use super::{Event, Kind, Outcome, Phase, Spec, StopCause, Workload, depend};
use crate::{Reject, State, limits};

/// The numbers of an array's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// The first.
    pub first: u32,
    /// The last that may occur.
    pub last: u32,
    /// From one to the next; at least 1.
    pub step: u32,
    /// Most tasks that hold nodes at once; `None` for all that fit.
    pub running_max: Option<u32>,
}

impl Array {
    /// How many tasks it has; at least 1 for an array that was accepted.
    #[must_use]
    pub fn n_tasks(self) -> u32 {
        let span = self.last.checked_sub(self.first);
        let steps = span.and_then(|span| span.checked_div(self.step));
        steps.map_or(0, |steps| steps.saturating_add(1))
    }

    /// The numbers, in order.
    pub fn indices(self) -> impl Iterator<Item = u32> {
        let step = usize::try_from(self.step.max(1)).unwrap_or(usize::MAX);
        (self.first..=self.last).step_by(step)
    }

    /// The id of the task with this number, if there is one.
    #[must_use]
    pub fn task(self, array: Id<kinds::Workload>, index: u32) -> Option<Id<kinds::Workload>> {
        let above = index.checked_sub(self.first).filter(|_| index <= self.last)?;
        let position = above.checked_div(self.step)?;
        (above.checked_rem(self.step) == Some(0)).then(|| task_id(array, position))
    }
}

/// Which task of which array a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The array.
    pub array: Id<kinds::Workload>,
    /// Its number.
    pub index: u32,
}

/// The id of an array: the last two bytes are for the positions of its tasks.
pub(super) fn array_id(fresh: Id<kinds::Workload>) -> Id<kinds::Workload> {
    with_end(fresh, 0)
}

/// The id of the task at a position, from 0: in order, and right after the array's own.
fn task_id(array: Id<kinds::Workload>, position: u32) -> Id<kinds::Workload> {
    // INVARIANT: `ARRAY_TASKS_MAX` is below what two bytes count.
    with_end(array, u16::try_from(position.saturating_add(1)).unwrap_or(u16::MAX))
}

fn with_end(id: Id<kinds::Workload>, end: u16) -> Id<kinds::Workload> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, _, _] = *id.as_bytes();
    let [y, z] = end.to_be_bytes();
    Id::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, y, z])
}

/// The tasks of an array that was just submitted.
pub(super) fn tasks_of(array: &Workload) -> Vec<Workload> {
    let Some(range) = array.spec.terms.array else { return Vec::new() };
    let task = |(position, index): (u32, u32)| {
        let mut task = array.clone();
        task.id = task_id(array.id, position);
        task.spec.terms.array = None;
        task.task = Some(Task { array: array.id, index });
        task
    };
    (0_u32..).zip(range.indices()).map(task).collect()
}

/// Checks the range, and what an array cannot do.
pub(super) fn check(state: &State, spec: &Spec) -> Result<(), Reject> {
    let Some(array) = spec.terms.array else { return Ok(()) };
    let invalid = |message: String| Err(Reject::invalid("array", message));
    let n_tasks = usize::try_from(array.n_tasks()).unwrap_or(usize::MAX);
    if n_tasks == 0 || n_tasks > limits::ARRAY_TASKS_MAX || array.running_max == Some(0) {
        let most = limits::ARRAY_TASKS_MAX;
        return invalid(format!("needs 1 to {most} tasks, and at least one at once: `0-99%10`"));
    }
    if matches!(spec.kind, Kind::Service | Kind::Dev) {
        return invalid("only work that ends can be an array: use `batch`".to_owned());
    }
    if spec.outputs.model.is_some() || spec.outputs.evaluates.is_some() {
        return invalid("the tasks of an array register nothing: remove `outputs`".to_owned());
    }
    let bytes = serde_json::to_vec(spec).map_or(usize::MAX, |bytes| bytes.len());
    if bytes.saturating_mul(n_tasks) > limits::ARRAY_BYTES_MAX {
        let most = limits::ARRAY_BYTES_MAX;
        return invalid(format!(
            "{n_tasks} tasks of {bytes} bytes exceed {most}: shorten the script or the environment"
        ));
    }
    let active = state.index.active.len().saturating_add(n_tasks);
    Reject::limit("active workloads", active, limits::ACTIVE_WORKLOADS_MAX)
}

/// How the tasks of an array stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Waiting.
    pub queued: u32,
    /// Holding nodes.
    pub holding: u32,
    /// Ended well.
    pub succeeded: u32,
    /// Ended badly.
    pub failed: u32,
    /// Stopped.
    pub stopped: u32,
}

impl Tally {
    /// The count that a task in this phase belongs to.
    pub(super) const fn of(&mut self, phase: &Phase) -> &mut u32 {
        match phase {
            Phase::Queued { .. } => &mut self.queued,
            Phase::Placed { .. } | Phase::Running { .. } | Phase::Stopping { .. } => {
                &mut self.holding
            }
            Phase::Ended { outcome, .. } => match outcome {
                Outcome::Succeeded => &mut self.succeeded,
                Outcome::Failed { .. } => &mut self.failed,
                Outcome::Stopped { .. } => &mut self.stopped,
            },
        }
    }

    /// Tasks that have not ended.
    #[must_use]
    pub const fn open(self) -> u32 {
        self.queued.saturating_add(self.holding)
    }

    /// All tasks.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.open()
            .saturating_add(self.succeeded)
            .saturating_add(self.failed)
            .saturating_add(self.stopped)
    }
}

/// How the tasks of an array stand; `None` for what is no array.
#[must_use]
pub fn tally(state: &State, id: Id<kinds::Workload>) -> Option<Tally> {
    state.index.arrays.get(&id).copied()
}

/// How many more tasks of a workload's array may hold nodes; `None` if nothing limits them.
pub(super) fn free_slots(state: &State, workload: &Workload) -> Option<u32> {
    let array = state.workloads.get(&workload.task?.array)?;
    let most = array.spec.terms.array?.running_max?;
    let holding = state.index.arrays.get(&array.id).map_or(0, |tally| tally.holding);
    Some(most.saturating_sub(holding))
}

/// Everything that waits and may be placed now, by id. Of an array, no more tasks than may run.
pub fn due(state: &State, now: UnixMicros) -> impl Iterator<Item = &Workload> {
    let mut slots: BTreeMap<Id<kinds::Workload>, Option<u32>> = BTreeMap::new();
    let waiting = state.index.queued.iter().filter_map(|id| state.workloads.get(id));
    waiting.filter(move |workload| {
        if !depend::is_due(state, workload, now) {
            return false;
        }
        let Some(task) = workload.task else { return true };
        let left = slots.entry(task.array).or_insert_with(|| free_slots(state, workload));
        match left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                true
            }
        }
    })
}

/// The events that stop an array: one for each task that is left to stop.
pub(super) fn stop_all(state: &State, array: &Workload, cause: StopCause) -> Vec<crate::Event> {
    let range = array.spec.terms.array;
    let ids = range
        .into_iter()
        .flat_map(|range| (0..range.n_tasks()).map(|position| task_id(array.id, position)));
    ids.filter_map(|id| super::stop_one(state, id, cause)).collect()
}

/// How an array ends when its last task does.
pub(super) fn outcome(tally: Tally, last: &Outcome) -> Outcome {
    if tally.failed > 0 {
        let message = format!("{} of {} tasks failed", tally.failed, tally.total());
        return Outcome::Failed { message };
    }
    match last {
        _ if tally.stopped == 0 => Outcome::Succeeded,
        Outcome::Stopped { cause } => Outcome::Stopped { cause: *cause },
        Outcome::Succeeded | Outcome::Failed { .. } => {
            let message = format!("{} of {} tasks were stopped", tally.stopped, tally.total());
            Outcome::Failed { message }
        }
    }
}

/// The array's end, if this end of a task was the last of all.
pub(super) fn end_with_task(
    state: &State,
    tallies: &mut BTreeMap<Id<kinds::Workload>, Tally>,
    id: Id<kinds::Workload>,
    ended: &Outcome,
) -> Option<Event> {
    let task = state.workloads.get(&id)?;
    let array = task.task?.array;
    let fresh = || state.index.arrays.get(&array).copied().unwrap_or_default();
    let tally = tallies.entry(array).or_insert_with(fresh);
    let before = tally.of(&task.phase);
    *before = before.saturating_sub(1);
    let after = tally.of(&Phase::Ended { at: state.last_at, outcome: ended.clone() });
    *after = after.saturating_add(1);
    (tally.open() == 0).then(|| Event::Ended { id: array, outcome: outcome(*tally, ended) })
}
