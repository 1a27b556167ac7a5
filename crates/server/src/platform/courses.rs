//! The clock of courses: closes those whose end has come. Level-triggered; it decides nothing.

use std::{sync::Arc, time::Duration};

use kernel::{Actor, Command, Submission, course};
use units::{Id, UnixMicros, kinds};

use super::Platform;

/// How often a far end is looked at again.
const TICK: Duration = Duration::from_secs(30);

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    loop {
        let now = platform.now();
        for id in over(&platform, now) {
            let command = Command::Course(course::Command::Close { id });
            if let Err(error) = platform.submit(Actor::System, Submission::new(command)).await {
                tracing::warn!(%error, course.id = %id, "a course could not be closed");
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

fn over(platform: &Platform, now: UnixMicros) -> Vec<Id<kinds::Course>> {
    platform.read(|state| {
        let open = state.courses.values().filter(|course| course.closed_at.is_none());
        open.filter(|course| course.terms.ends_at <= now).map(|course| course.id).collect()
    })
}
