//! The clock of drains: stops what still runs on a node when the grace of its drain is over.
//!
//! Level-triggered: whatever the state says is due is asked for, also after a restart. It decides
//! nothing; the command is refused or empty if somebody was faster.

use std::{sync::Arc, time::Duration};

use kernel::{Actor, Command, Submission, node};
use units::{Id, UnixMicros, kinds};

use super::Platform;

/// How often a far end is looked at again: clocks are set, machines sleep.
const TICK: Duration = Duration::from_secs(5);

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut changes = platform.watch();
    loop {
        let (due, next) = due(&platform, platform.now());
        for id in due {
            let command = Command::Node(node::Command::EndGrace { id });
            if let Err(error) = platform.submit(Actor::System, Submission::new(command)).await {
                tracing::warn!(%error, node.id = %id, "the grace of a drain could not be ended");
            }
        }
        let now = platform.now();
        let wait = next.map_or(TICK, |at| Duration::from_micros(at.since(now).0).min(TICK));
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Nodes whose grace is over, and when the next one ends.
fn due(platform: &Platform, now: UnixMicros) -> (Vec<Id<kinds::Node>>, Option<UnixMicros>) {
    platform.read(|state| {
        let due = state.ending_drains().take_while(|(at, _)| *at <= now).map(|(_, id)| id);
        let next = state.ending_drains().map(|(at, _)| at).find(|at| *at > now);
        (due.collect(), next)
    })
}
