//! Preemption: work makes room for other work, keeps its grace, and goes back to the queue.
//!
//! Who makes room for whom is the scheduler's choice; here is only what protects the one who must go.

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use super::{Event, Phase, StopCause, Workload, get};
use crate::{Ctx, Reject, State, limits};

/// A proposal that one workload makes room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preempt {
    /// The workload that goes.
    pub workload: Id<kinds::Workload>,
    /// The generation that the proposal was made for.
    pub generation: u64,
    /// The waiting workload that the place is for; `None` if for none, as when power is short.
    pub for_workload: Option<Id<kinds::Workload>>,
    /// Why, for its owner.
    pub reason: String,
}

/// For whom and why an attempt made room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preemption {
    /// The workload that the place was for, if one.
    pub for_workload: Option<Id<kinds::Workload>>,
    /// Why, for its owner.
    pub reason: String,
}

impl Workload {
    /// The workload that the attempt in progress, or the last one, made or makes room for.
    pub(crate) fn goes_for(&self) -> Option<Id<kinds::Workload>> {
        self.attempt()?.preemption.as_ref()?.for_workload
    }
}

/// Decides a preemption.
pub(super) fn decide(state: &State, preempt: &Preempt, ctx: &Ctx) -> Result<Event, Reject> {
    let workload = get(state, preempt.workload)?;
    if workload.generation != preempt.generation {
        return Err(Reject::Stale {
            workload: workload.id,
            given: preempt.generation,
            current: workload.generation,
        });
    }
    let refuse = |action| {
        let (id, state) = (workload.id.to_string(), workload.state_name().to_owned());
        Err(Reject::WrongState { kind: "workload", id, state, action })
    };
    match &workload.phase {
        Phase::Placed { .. } | Phase::Running { .. } => {}
        Phase::Queued { .. } | Phase::Stopping { .. } | Phase::Ended { .. } => {
            return refuse("preempt it");
        }
    }
    if !workload.spec.is_preemptible() {
        return refuse("preempt it: it is not preemptible");
    }
    let placed_at = workload.attempt().map_or(ctx.now, |attempt| attempt.placed_at);
    if ctx.now.since(placed_at) < workload.spec.terms.guaranteed {
        return refuse("preempt it: its guaranteed run time is not over");
    }
    if let Some(id) = preempt.for_workload {
        let other = get(state, id)?;
        if other.is_array() || !matches!(other.phase, Phase::Queued { .. }) {
            let (id, state) = (other.id.to_string(), other.state_name().to_owned());
            let action = "make room for it: it does not wait";
            return Err(Reject::WrongState { kind: "workload", id, state, action });
        }
    }
    Ok(Event::StopRequested {
        id: workload.id,
        generation: workload.generation.saturating_add(1),
        cause: StopCause::Preempted,
        preemption: Some(Preemption {
            for_workload: preempt.for_workload,
            reason: limits::cut(&preempt.reason),
        }),
    })
}
