//! Requests that wait for an endpoint that sleeps: so many, so long, then a refusal that says when to retry.
//!
//! Waiting is looking again: the directory answers from memory, and whoever starts replicas sees in
//! [`crate::load`] that somebody waits.

use std::time::{Duration, Instant};

use crate::config::WakeConfig;
use crate::directory::{Caller, Directory, Refusal, Route};
use crate::metrics::Metrics;

/// How often the directory is asked again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where a request goes, once there is a replica.
///
/// # Errors
/// The directory's refusal; [`Refusal::NoReplica`] when too many wait already or it took too long.
pub(crate) async fn route(
    (directory, metrics): (&dyn Directory, &Metrics),
    config: &WakeConfig,
    caller: &Caller,
    model: &str,
) -> Result<Route, Refusal> {
    let found = directory.route(caller, model);
    if !matches!(found, Err(Refusal::NoReplica)) {
        return found;
    }
    let Some(endpoint) = directory.wakes(caller, model) else { return found };
    let Some(_waiting) = metrics.loads.wait(endpoint, config.waiting_max) else {
        metrics.wakes_refused.add(1);
        return found;
    };
    metrics.wakes.add(1);
    let until = Instant::now() + config.wait_max;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match directory.route(caller, model) {
            Err(Refusal::NoReplica) if Instant::now() < until => {}
            Err(Refusal::NoReplica) => {
                metrics.wakes_refused.add(1);
                return Err(Refusal::NoReplica);
            }
            other => return other,
        }
    }
}
