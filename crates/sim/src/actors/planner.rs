//! The planner's loop: the kernel's problem, the scheduler's plan, the kernel's proposals.
//!
//! It also checks the agreements that the crates owe each other: on the state that a plan was made
//! for, every one of its placements is accepted; and following the state's changes plans the same as
//! reading all of it.

use kernel::{Actor, Ctx, Entry, Planner, State, decide};
use units::UnixMicros;

use crate::platform::Request;

/// One plan as requests.
///
/// # Errors
/// If `decide` would refuse a placement on the very state that was planned for, or if the planner
/// has lost touch with the state.
pub fn round(
    planner: &mut Planner,
    state: &State,
    now: UnixMicros,
) -> Result<Vec<Request>, String> {
    planner.follow(state, now);
    let plan = planner.plan(now);
    let proposals = planner.proposals(state, &plan);
    let decided = planner.decide(now);
    if planner.proposals(state, &decided) != proposals {
        return Err("a plan without reasons proposes something else".to_owned());
    }
    let mut anew = Planner::of(state, now);
    let plan_anew = anew.plan(now);
    let line = |planner: &Planner, plan: &sched::Plan| -> Vec<String> {
        let waiting = planner.queue(plan).map(|(id, why)| format!("{id} waits: {why:?}"));
        let starting = planner.proposals(state, plan).into_iter().map(|one| format!("{one:?}"));
        starting.chain(waiting).collect()
    };
    let (followed, anew) = (line(planner, &plan), line(&anew, &plan_anew));
    if followed != anew {
        let differs = followed.iter().zip(&anew).find(|(a, b)| a != b);
        return Err(format!(
            "a planner that follows has {} lines, one that reads anew {}: {differs:?}",
            followed.len(),
            anew.len()
        ));
    }
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
