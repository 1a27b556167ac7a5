//! The planner's loop: the kernel's problem, the scheduler's plan, the kernel's proposals.
//!
//! It also checks the agreement that the two crates owe each other: on the state that a plan was
//! made for, every one of its placements is accepted.

use kernel::{Actor, Ctx, Entry, State, decide, proposals, scheduling_problem};
use units::UnixMicros;

use crate::platform::Request;

/// One plan as requests.
///
/// # Errors
/// If `decide` would refuse a placement on the very state that was planned for.
pub fn round(state: &State, now: UnixMicros) -> Result<Vec<Request>, String> {
    let scheduling = scheduling_problem(state, now);
    let plan = sched::plan(&scheduling.problem);
    let n_jobs = plan.placements.len().saturating_add(plan.unplaced.len());
    if n_jobs != scheduling.jobs.len() {
        return Err(format!("the plan has {n_jobs} of {} jobs", scheduling.jobs.len()));
    }
    let proposals = proposals(state, &scheduling, &plan);
    if !proposals.is_empty() {
        let mut trial = state.clone();
        for proposal in &proposals {
            let ctx = Ctx { now, actor: Actor::Planner, random: [0; 10] };
            let events = decide(&trial, proposal, &ctx)
                .map_err(|r| format!("the planner proposes what is refused: {r}: {proposal:?}"))?;
            for event in events {
                trial.apply(&Entry { at: now, actor: ctx.actor, idempotency: None, event });
            }
        }
    }
    let request = |submission| Request { actor: Actor::Planner, submission };
    Ok(proposals.into_iter().map(request).collect())
}
