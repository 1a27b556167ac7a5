//! What the event loop knows of a job that has arrived and not ended, and what is due when.

use sched::{JobIdx as Number, NodeIdx as Place, Seat};
use units::DurationMicros;

use super::power::Pace;
use crate::twin::{
    events::{Part, Preemption, Share},
    failures::Broken,
    fleet::NodeIdx,
    time::Time,
    workload::Request,
};

/// Something that happens at a time it was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A job's run is over, if it is still that run.
    End(Number, u32),
    /// A job leaves its nodes because it is evicted, if it is still that run.
    Gone(Number, u32),
    /// An outage is over.
    Repaired(Broken),
    /// A step of `Run::steps`.
    Upkeep(usize),
}

/// What the twin knows of a job that has arrived and not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// Runs so far.
    pub(super) n_runs: u32,
    /// When the present run started.
    pub(super) started: Time,
    /// How much of the work is done and saved, in time on the fewest nodes.
    pub(super) done: DurationMicros,
    /// Nodes of the present run.
    pub(super) n_nodes: u32,
    /// How fast the present run goes.
    pub(super) pace: Pace,
    /// Why it is being stopped, if it is.
    pub(super) why: Preemption,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            n_runs: 0,
            started: Time::ZERO,
            done: DurationMicros::ZERO,
            n_nodes: 0,
            pace: Pace::default(),
            why: Preemption::Priority,
        }
    }
}

/// What each rank of a job has of its node.
pub(super) fn shares(request: &Request, nodes: &[Place], seats: &[Seat]) -> Vec<Share> {
    let gpus = if seats.is_empty() { request.gpus } else { 0 };
    let milli = request.gpu_milli;
    let share = |(at, node): (usize, &Place)| Share {
        node: NodeIdx(node.0),
        gpus,
        part: seats.get(at).map(|seat| Part { gpu: seat.gpu, milli }),
    };
    nodes.iter().enumerate().map(share).collect()
}

/// A time of work on `from` nodes, on `to` nodes instead.
pub(super) fn scaled(time: u64, from: u32, to: u32) -> u64 {
    if from == to {
        return time;
    }
    let whole = u128::from(time).saturating_mul(u128::from(from));
    u64::try_from(whole.checked_div(u128::from(to)).unwrap_or(0)).unwrap_or(u64::MAX)
}

pub(super) fn micros(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
