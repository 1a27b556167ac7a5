//! The loop that lets the scheduler propose: whenever the state changes and something waits.
//!
//! It only proposes. What it proposes passes `decide` like anyone's command, and a proposal that
//! has become stale is simply refused.

use std::{sync::Arc, time::Duration};

use kernel::{Actor, Submission};

use super::Platform;

/// How often waiting work is looked at without a change: back-offs end by the clock.
const TICK: Duration = Duration::from_millis(250);
/// Proposals of one round; the rest comes with the next.
const PROPOSALS_MAX: usize = 256;

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut changes = platform.watch();
    loop {
        let proposals = plan(&platform);
        let mut n_accepted = 0_usize;
        for proposal in proposals {
            match platform.submit(Actor::Planner, proposal).await {
                Ok(_) => n_accepted = n_accepted.saturating_add(1),
                Err(error) => tracing::debug!(%error, "a placement was not accepted"),
            }
        }
        // A round in which nothing was accepted must wait, or a refusal would spin.
        if n_accepted > 0 {
            continue;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn plan(platform: &Platform) -> Vec<Submission> {
    let now = platform.now();
    platform.read(|state| {
        let scheduling = kernel::scheduling_problem(state, now);
        if scheduling.jobs.is_empty() {
            return Vec::new();
        }
        let plan = sched::plan(&scheduling.problem);
        let mut proposals = kernel::proposals(state, &scheduling, &plan);
        proposals.truncate(PROPOSALS_MAX);
        proposals
    })
}
