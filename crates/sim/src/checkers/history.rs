//! The life of each workload and the capacity of each node, followed event by event.
//!
//! The rules here are those that a state cannot show: a final stop is never taken back, nothing
//! runs without a placement, and a budget that is used up leaves nothing of its project running.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Entry, Event, State,
    node::{self, Capacity},
    workload::{Array, Event as Change, NodeRuns, Outcome, Phase, Spec, StopCause},
};
use units::{GpuCount, Id, UnixMicros, kinds};

#[derive(Debug, Clone)]
struct Job {
    per_node: Capacity,
    /// Thousandths of the GPU that it has a share of.
    gpu_milli: u32,
    nodes: Vec<Id<kinds::Node>>,
    /// The GPUs that it has a part of, node by node.
    gpus: Vec<u32>,
    attempt: u32,
    stop: Option<StopCause>,
    ended: bool,
    /// The array whose task it is.
    array: Option<Id<kinds::Workload>>,
    /// Of an array: tasks that have not ended, and how many may run at once.
    tasks: Option<(u32, Option<u32>)>,
}

/// What the log says so far.
#[derive(Debug, Default)]
pub struct History {
    last_at: UnixMicros,
    jobs: BTreeMap<Id<kinds::Workload>, Job>,
    nodes: BTreeSet<Id<kinds::Node>>,
}

impl History {
    /// Follows one entry.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.at < self.last_at {
            return Err("time runs backwards".to_owned());
        }
        self.last_at = entry.at;
        match &entry.event {
            Event::Workload(change) => self.change(change),
            Event::Node(node::Event::Registered { id, .. }) => {
                self.nodes.insert(*id);
                Ok(())
            }
            Event::Organisation(_)
            | Event::Project(_)
            | Event::Key(_)
            | Event::User(_)
            | Event::Group(_)
            | Event::ServiceAccount(_)
            | Event::Role(_)
            | Event::Binding(_)
            | Event::IdentityProvider(_)
            | Event::Capability(_)
            | Event::Consent(_)
            | Event::PolicySet(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Budget(_)
            | Event::Quota(_)
            | Event::RateLimit(_)
            | Event::Power(_)
            | Event::Reservation(_)
            | Event::Price(_)
            | Event::Dataset(_)
            | Event::Model(_)
            | Event::Endpoint(_)
            | Event::Upstream(_)
            | Event::Usage(_)
            | Event::Entity(_)
            | Event::Storage(_)
            | Event::Decision(_)
            | Event::Evidence(_)
            | Event::Erasure(_)
            | Event::Course(_)
            | Event::Transfer(_) => Ok(()),
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), String> {
        if let Change::Submitted { id, spec, .. } = change {
            return self.submitted(*id, spec);
        }
        let id = match change {
            Change::Submitted { id, .. }
            | Change::Placed { id, .. }
            | Change::PlacedMany { id, .. }
            | Change::RankChanged { id, .. }
            | Change::StopRequested { id, .. }
            | Change::Requeued { id, .. }
            | Change::Ended { id, .. }
            | Change::OutputsFailed { id, .. }
            | Change::PowerLimitSet { id, .. } => *id,
        };
        let placed = self.placed(change)?;
        let job = self.jobs.get_mut(&id).ok_or_else(|| format!("{id} was never submitted"))?;
        follow(job, change, placed).map_err(|message| format!("{id} {message}"))?;
        self.array(id, change)
    }

    fn submitted(&mut self, id: Id<kinds::Workload>, spec: &Spec) -> Result<(), String> {
        let array: Option<Array> = spec.terms.array;
        let mut job = Job {
            per_node: spec.per_node,
            gpu_milli: spec.terms.gpu_milli,
            nodes: Vec::new(),
            gpus: Vec::new(),
            attempt: 0,
            stop: None,
            ended: false,
            array: None,
            tasks: None,
        };
        let mut all = Vec::new();
        if let Some(range) = array {
            let mut index = range.first;
            while index <= range.last {
                let task = range.task(id, index).ok_or_else(|| format!("{id} lacks {index}"))?;
                all.push((task, Job { array: Some(id), ..job.clone() }));
                index = index.saturating_add(range.step.max(1));
            }
            let n_tasks = u32::try_from(all.len()).unwrap_or(u32::MAX);
            job.tasks = Some((n_tasks, range.running_max));
        }
        all.push((id, job));
        for (id, job) in all {
            if self.jobs.insert(id, job).is_some() {
                return Err(format!("{id} is submitted twice"));
            }
        }
        Ok(())
    }

    /// The nodes of a placement, read by the rule that the log's format gives.
    fn placed(&self, change: &Change) -> Result<Vec<Id<kinds::Node>>, String> {
        let NodeRuns { runs, count, .. } = match change {
            Change::Placed { nodes, .. } => return Ok(nodes.clone()),
            Change::PlacedMany { nodes, .. } => nodes,
            Change::Submitted { .. }
            | Change::RankChanged { .. }
            | Change::StopRequested { .. }
            | Change::Requeued { .. }
            | Change::Ended { .. }
            | Change::OutputsFailed { .. }
            | Change::PowerLimitSet { .. } => return Ok(Vec::new()),
        };
        let registered: Vec<Id<kinds::Node>> = self.nodes.iter().copied().collect();
        let mut nodes = Vec::new();
        for run in runs.split(',') {
            let (start, end) = run.split_once('-').unwrap_or((run, run));
            let bound = |text: &str| text.parse().map_err(|_| format!("`{run}` is no run"));
            let (start, end): (usize, usize) = (bound(start)?, bound(end)?);
            let found = registered.get(start..=end);
            nodes.extend(found.ok_or_else(|| format!("`{run}` names no nodes"))?);
        }
        if u32::try_from(nodes.len()) == Ok(*count) {
            Ok(nodes)
        } else {
            Err(format!("{runs} are not {count} nodes"))
        }
    }

    /// An array never runs itself, runs no more tasks than it may, and ends with its last.
    fn array(&mut self, id: Id<kinds::Workload>, change: &Change) -> Result<(), String> {
        let Some(job) = self.jobs.get(&id) else { return Ok(()) };
        if let Some((open, _)) = job.tasks {
            let ends = matches!(change, Change::Ended { .. }) && open == 0;
            return if ends { Ok(()) } else { Err(format!("{id} is an array of {open} tasks")) };
        }
        let Some(array) = job.array else { return Ok(()) };
        let own = self.jobs.values().filter(|other| other.array == Some(array));
        let running = own.filter(|other| !other.nodes.is_empty()).count();
        let ended = matches!(change, Change::Ended { .. });
        let tasks = self.jobs.get_mut(&array).and_then(|array| array.tasks.as_mut());
        let Some((open, most)) = tasks else { return Ok(()) };
        if ended {
            *open = open.saturating_sub(1);
        }
        let most = most.and_then(|most| usize::try_from(most).ok());
        if most.is_some_and(|most| running > most) {
            return Err(format!("{array} runs {running} tasks at once"));
        }
        Ok(())
    }

    /// Compares with the state: capacity, and budgets that block.
    ///
    /// # Errors
    /// The rule that the state breaks.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        let mut taken: BTreeMap<Id<kinds::Node>, Capacity> = BTreeMap::new();
        let mut shared: BTreeMap<(Id<kinds::Node>, u32), u32> = BTreeMap::new();
        for job in self.jobs.values() {
            for (at, node) in job.nodes.iter().enumerate() {
                let sum = taken.entry(*node).or_default();
                let mut each = job.per_node;
                if let Some(gpu) = job.gpus.get(at) {
                    // The first part of a GPU takes it, the others take nothing more.
                    let milli = shared.entry((*node, *gpu)).or_default();
                    let is_first = *milli == 0;
                    *milli = milli.saturating_add(job.gpu_milli.max(1));
                    each.gpus = GpuCount(u32::from(is_first));
                }
                *sum = sum.saturating_add(each);
            }
        }
        if let Some(((node, gpu), milli)) = shared.iter().find(|(_, milli)| **milli > 1_000) {
            return Err(format!("GPU {gpu} of {node} carries {milli} thousandths"));
        }
        for node in state.nodes.values() {
            let expected = taken.get(&node.id).copied().unwrap_or_default();
            if node.allocated != expected {
                let (have, id) = (node.allocated, node.id);
                return Err(format!("{id} holds {have:?}, the log says {expected:?}"));
            }
        }
        for budget in state.budgets.values().filter(|b| b.is_shut_at(state.last_at)) {
            // An array is as its tasks are.
            let own = state.active_workloads().filter(|workload| {
                !workload.is_array() && kernel::budget::is_over(state, budget, workload)
            });
            for workload in own {
                let stopping = matches!(&workload.phase,
                    Phase::Stopping { cause, .. } if cause.is_final());
                if !stopping {
                    return Err(format!(
                        "{} is {} although {} is used up",
                        workload.id,
                        workload.state_name(),
                        budget.id
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The GPUs that the ranks of a placement have a part of.
fn parts_of(change: &Change) -> Vec<u32> {
    let Change::Placed { seats, .. } = change else { return Vec::new() };
    seats.iter().map(|seat| seat.gpu).collect()
}

fn follow(job: &mut Job, change: &Change, placed: Vec<Id<kinds::Node>>) -> Result<(), String> {
    let holds = !job.nodes.is_empty();
    let refuse = |message: &str| Err(message.to_owned());
    match change {
        Change::Submitted { .. } | Change::OutputsFailed { .. } => Ok(()),
        _ if job.ended => refuse("changes after its end"),
        Change::Placed { .. } | Change::PlacedMany { .. } if holds => refuse("is placed twice"),
        Change::Placed { attempt, .. } | Change::PlacedMany { attempt, .. } => {
            if placed.is_empty() || *attempt != job.attempt.saturating_add(1) {
                return refuse("begins the wrong attempt");
            }
            (job.nodes, job.gpus) = (placed, parts_of(change));
            (job.attempt, job.stop) = (*attempt, None);
            Ok(())
        }
        Change::RankChanged { .. }
        | Change::StopRequested { .. }
        | Change::Requeued { .. }
        | Change::PowerLimitSet { .. }
            if !holds =>
        {
            refuse("changes without a placement")
        }
        Change::RankChanged { attempt, .. } | Change::PowerLimitSet { attempt, .. }
            if *attempt != job.attempt =>
        {
            refuse("changes in an attempt that is over")
        }
        Change::PowerLimitSet { .. } if job.stop.is_some() => refuse("is limited while it stops"),
        Change::RankChanged { .. } | Change::PowerLimitSet { .. } => Ok(()),
        Change::StopRequested { cause, .. } => {
            if job.stop.is_some_and(StopCause::is_final) {
                return refuse("is stopped again after a final stop");
            }
            job.stop = Some(*cause);
            Ok(())
        }
        Change::Requeued { .. } if job.stop.is_some_and(StopCause::is_final) => {
            refuse("goes back to the queue after a final stop")
        }
        Change::Requeued { .. } => {
            job.nodes.clear();
            job.gpus.clear();
            job.stop = None;
            Ok(())
        }
        Change::Ended { outcome, .. } => {
            let failed = matches!(outcome, Outcome::Failed { .. });
            if failed && job.stop.is_some_and(StopCause::is_final) {
                return refuse("fails after a final stop");
            }
            job.nodes.clear();
            job.gpus.clear();
            job.ended = true;
            Ok(())
        }
    }
}
