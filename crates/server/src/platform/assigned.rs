//! What was given to nodes lately: for an engine that stands for so many nodes that it cannot ask for
//! each of them whenever anything changes.
//!
//! A query like `desired`, of which it is the difference; it decides nothing.

use kernel::{
    State, Subject,
    workload::{Phase, Workload},
};
use units::{Id, Name, kinds};

use super::Platform;

/// A rank that waits for its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// Its name.
    pub name: Name,
    /// Its attempt.
    pub attempt: u32,
    /// The rank.
    pub rank: u32,
    /// The generation that the engine acts on.
    pub generation: u64,
    /// The node.
    pub node: Id<kinds::Node>,
}

/// What was assigned since a size of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignments {
    /// The size of the log that this is true of: ask from here the next time.
    pub size: u64,
    /// Ranks that no engine has reported yet; some may have been told before.
    pub ranks: Vec<Assigned>,
}

impl Platform {
    /// Ranks of placed workloads about which there were entries since the log had `seen` of them; all
    /// placed workloads if that is too long ago.
    #[must_use]
    pub fn assigned_since(&self, seen: u64) -> Assignments {
        self.read(|state| Assignments { size: state.size, ranks: assigned(state, seen) })
    }
}

fn assigned(state: &State, seen: u64) -> Vec<Assigned> {
    let Some(changes) = state.changes_since(seen) else {
        return state.active_workloads().flat_map(waiting_ranks).collect();
    };
    let mut changed: Vec<Id<kinds::Workload>> = changes.filter_map(workload_of).collect();
    changed.sort_unstable();
    changed.dedup();
    let workloads = changed.iter().filter_map(|id| state.workloads.get(id));
    workloads.flat_map(waiting_ranks).collect()
}

fn workload_of(subject: Subject) -> Option<Id<kinds::Workload>> {
    if let Subject::Workload(id) = subject { Some(id) } else { None }
}

fn waiting_ranks(workload: &Workload) -> impl Iterator<Item = Assigned> + '_ {
    let is_placed = matches!(workload.phase, Phase::Placed { .. });
    let attempt = workload.attempt().filter(|_| is_placed);
    attempt.into_iter().flat_map(move |attempt| {
        (0_u32..).zip(&attempt.ranks).map(move |(number, rank)| Assigned {
            workload: workload.id,
            name: workload.spec.name.clone(),
            attempt: attempt.number,
            rank: number,
            generation: workload.generation,
            node: rank.node,
        })
    })
}
