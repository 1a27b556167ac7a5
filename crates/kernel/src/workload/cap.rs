//! Power limits of work: what the scheduler proposes when a budget falls, and lifts again when it rises.
//!
//! Recording a limit is all that happens here. An engine that cannot limit its GPUs goes on as before:
//! nothing may say that a limit is in force on the hardware because it is recorded.

use serde::{Deserialize, Serialize};
use units::{Id, MilliWatt, kinds};

use super::{Event, Phase, get};
use crate::{Reject, State, limits};

/// A proposal that all GPUs of a workload get a power limit, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCap {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// The generation that the proposal was made for.
    pub generation: u64,
    /// The limit of one GPU; `None` to lift it.
    pub limit: Option<MilliWatt>,
    /// Why, for its owner.
    pub reason: String,
}

/// Decides a limit.
pub(super) fn decide(state: &State, cap: &SetCap) -> Result<Option<Event>, Reject> {
    let workload = get(state, cap.workload)?;
    if workload.generation != cap.generation {
        return Err(Reject::Stale {
            workload: workload.id,
            given: cap.generation,
            current: workload.generation,
        });
    }
    match &workload.phase {
        Phase::Placed { .. } | Phase::Running { .. } => {}
        Phase::Queued { .. } | Phase::Stopping { .. } | Phase::Ended { .. } => {
            let (id, state) = (workload.id.to_string(), workload.state_name().to_owned());
            let action = "limit its power: it does not run";
            return Err(Reject::WrongState { kind: "workload", id, state, action });
        }
    }
    if cap.limit == Some(MilliWatt(0)) {
        return Err(Reject::invalid("limit", "needs more than 0 W: stop the work instead"));
    }
    let attempt = workload.attempt();
    if attempt.and_then(|attempt| attempt.power_limit) == cap.limit {
        return Ok(None);
    }
    let attempt = workload.n_attempts;
    let reason = limits::cut(&cap.reason);
    Ok(Some(Event::PowerLimitSet { id: workload.id, attempt, limit: cap.limit, reason }))
}
