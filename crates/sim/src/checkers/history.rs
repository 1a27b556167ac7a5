//! The life of each workload and the capacity of each node, followed event by event.
//!
//! The rules here are those that a state cannot show: a final stop is never taken back, nothing
//! runs without a placement, and a budget that is used up leaves nothing of its project running.

use std::collections::BTreeMap;

use kernel::{
    Entry, Event, State,
    node::Capacity,
    workload::{Event as Change, Outcome, Phase, StopCause},
};
use units::{Id, UnixMicros, kinds};

#[derive(Debug, Clone)]
struct Job {
    per_node: Capacity,
    nodes: Vec<Id<kinds::Node>>,
    attempt: u32,
    stop: Option<StopCause>,
    ended: bool,
}

/// What the log says so far.
#[derive(Debug, Default)]
pub struct History {
    last_at: UnixMicros,
    jobs: BTreeMap<Id<kinds::Workload>, Job>,
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
            Event::Organisation(_)
            | Event::Project(_)
            | Event::Key(_)
            | Event::PolicySet(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Budget(_)
            | Event::Quota(_)
            | Event::Reservation(_)
            | Event::Price(_)
            | Event::Dataset(_)
            | Event::Model(_)
            | Event::Endpoint(_)
            | Event::Usage(_) => Ok(()),
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), String> {
        if let Change::Submitted { id, spec, .. } = change {
            let job = Job {
                per_node: spec.per_node,
                nodes: Vec::new(),
                attempt: 0,
                stop: None,
                ended: false,
            };
            return match self.jobs.insert(*id, job) {
                None => Ok(()),
                Some(_) => Err(format!("{id} is submitted twice")),
            };
        }
        let id = match change {
            Change::Submitted { id, .. }
            | Change::Placed { id, .. }
            | Change::RankChanged { id, .. }
            | Change::StopRequested { id, .. }
            | Change::Requeued { id, .. }
            | Change::Ended { id, .. }
            | Change::OutputsFailed { id, .. } => *id,
        };
        let job = self.jobs.get_mut(&id).ok_or_else(|| format!("{id} was never submitted"))?;
        follow(job, change).map_err(|message| format!("{id} {message}"))
    }

    /// Compares with the state: capacity, and budgets that block.
    ///
    /// # Errors
    /// The rule that the state breaks.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        let mut taken: BTreeMap<Id<kinds::Node>, Capacity> = BTreeMap::new();
        for job in self.jobs.values() {
            for node in &job.nodes {
                let sum = taken.entry(*node).or_default();
                *sum = sum.saturating_add(job.per_node);
            }
        }
        for node in state.nodes.values() {
            let expected = taken.get(&node.id).copied().unwrap_or_default();
            if node.allocated != expected {
                let (have, id) = (node.allocated, node.id);
                return Err(format!("{id} holds {have:?}, the log says {expected:?}"));
            }
        }
        for budget in state.budgets.values().filter(|b| b.spent >= b.limit) {
            let own = state.active_workloads().filter(|w| w.project == budget.project);
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

fn follow(job: &mut Job, change: &Change) -> Result<(), String> {
    let holds = !job.nodes.is_empty();
    let refuse = |message: &str| Err(message.to_owned());
    match change {
        Change::Submitted { .. } | Change::OutputsFailed { .. } => Ok(()),
        _ if job.ended => refuse("changes after its end"),
        Change::Placed { .. } if holds => refuse("is placed twice"),
        Change::Placed { nodes, attempt, .. } => {
            if nodes.is_empty() || *attempt != job.attempt.saturating_add(1) {
                return refuse("begins the wrong attempt");
            }
            job.nodes.clone_from(nodes);
            (job.attempt, job.stop) = (*attempt, None);
            Ok(())
        }
        Change::RankChanged { .. } | Change::StopRequested { .. } | Change::Requeued { .. }
            if !holds =>
        {
            refuse("changes without a placement")
        }
        Change::RankChanged { attempt, .. } if *attempt != job.attempt => {
            refuse("changes in an attempt that is over")
        }
        Change::RankChanged { .. } => Ok(()),
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
            job.stop = None;
            Ok(())
        }
        Change::Ended { outcome, .. } => {
            let failed = matches!(outcome, Outcome::Failed { .. });
            if failed && job.stop.is_some_and(StopCause::is_final) {
                return refuse("fails after a final stop");
            }
            job.nodes.clear();
            job.ended = true;
            Ok(())
        }
    }
}
