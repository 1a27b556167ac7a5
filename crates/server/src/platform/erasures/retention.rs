//! Asks for the erasure of versions whose retention is over. What is over the kernel says; that nothing is
//! asked for twice, too.

use kernel::{
    Actor, Command, Submission, dataset,
    erasure::{self, Target},
};
use units::{DurationMicros, UnixMicros};

use super::Platform;

/// How often it is looked for: a retention is in days.
const EVERY: DurationMicros = DurationMicros::from_secs(60);

/// When it was last looked for.
#[derive(Debug, Default)]
pub(super) struct Looked(Option<UnixMicros>);

impl Looked {
    /// Asks if it is time to look again: at the start, each minute, and when the clock was set.
    pub(super) async fn again(&mut self, platform: &Platform) {
        let now = platform.now();
        if self.0.is_some_and(|last| last <= now && now < last.plus(EVERY)) {
            return;
        }
        self.0 = Some(now);
        ask(platform).await;
    }
}

/// Asks for what is over now.
pub(crate) async fn ask(platform: &Platform) {
    let now = platform.now();
    for (dataset, through) in platform.read(|state| dataset::expired(state, now)) {
        let target = Target::Versions { dataset, through };
        let request = Command::Erasure(erasure::Command::Request { target, switch: None });
        if let Err(error) = platform.submit(Actor::System, Submission::new(request)).await {
            // It is still over when it is looked for again.
            tracing::warn!(%error, dataset.id = %dataset, "versions of {dataset} could not be let go");
        }
    }
}
