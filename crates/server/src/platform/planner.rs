//! The loop that lets the scheduler propose: whenever the state changes and something waits.
//!
//! It only proposes. What it proposes passes `decide` like anyone's command, and a proposal that
//! has become stale is simply refused.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use kernel::{Actor, Planner, Submission};
use sched::Settings;

use super::Platform;

/// How often waiting work is looked at without a change: back-offs end by the clock.
const TICK: Duration = Duration::from_millis(250);
/// Proposals of one round; the rest comes with the next.
const PROPOSALS_MAX: usize = 1_024;

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut changes = platform.watch();
    let mut planner = Planner::new(Settings::default());
    loop {
        // Proposals of one round go to the log together; alone, each would wait for its own flush.
        let proposals = plan(&platform, &mut planner);
        let submitted = proposals.into_iter().map(|one| platform.submit(Actor::Planner, one));
        let mut n_accepted = 0_usize;
        for answer in join_all(submitted).await {
            match answer {
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

fn plan(platform: &Platform, planner: &mut Planner) -> Vec<Submission> {
    let now = platform.now();
    // Following is short; planning may not be, and needs no lock.
    platform.read(|state| planner.follow(state, now));
    if !planner.has_work() {
        return Vec::new();
    }
    let plan = planner.decide(now);
    let mut proposals = platform.read(|state| planner.proposals(state, &plan));
    proposals.truncate(PROPOSALS_MAX);
    proposals
}
