//! Callers: each connection takes the next job that is due, sends it, and reads the answer.
//!
//! The schedule does not wait for answers: with all connections busy, jobs go out late and count from
//! when they were due.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::{JoinHandle, JoinSet};

use super::{
    Config,
    measure::{Measure, name_of},
    stand,
    wire::Wire,
};
use crate::output::say;

/// Refusals after which a connection gives up: something is wrong, not slow.
const REFUSALS_MAX: u32 = 100;

/// Starts all connections.
pub(super) fn start(
    config: &Config,
    address: SocketAddr,
    token: &str,
    measure: &Arc<Measure>,
    stop: &Arc<AtomicBool>,
) -> JoinSet<Result<(), String>> {
    let mut tasks = JoinSet::new();
    for _ in 0..config.connections {
        let (config, token) = (config.clone(), token.to_owned());
        let (measure, stop) = (Arc::clone(measure), Arc::clone(stop));
        tasks.spawn(async move { one(&config, address, &token, (&measure, &stop)).await });
    }
    tasks
}

/// Waits for all of them; the first failure.
pub(super) async fn join(mut tasks: JoinSet<Result<(), String>>) -> Option<String> {
    let mut failure = None;
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(error.to_string()));
        failure = failure.or(ended.err());
    }
    failure
}

async fn one(
    config: &Config,
    address: SocketAddr,
    token: &str,
    (measure, stop): (&Measure, &AtomicBool),
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("a connection to {address} failed: {error}");
    let mut wire = Wire::connect(address, token).await.map_err(failed)?;
    let mut n_refused = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let Some(number) = measure.next() else { break };
        tokio::time::sleep_until(measure.due(number, config.rate).into()).await;
        let job = job(number, config.projects);
        let answer = wire.post("/api/v1/workloads", &job).await.map_err(failed)?;
        if answer.status < 300 {
            measure.accepted(number);
            continue;
        }
        measure.refused();
        n_refused = n_refused.saturating_add(1);
        if n_refused > REFUSALS_MAX {
            let text: String = String::from_utf8_lossy(answer.body).chars().take(400).collect();
            return Err(format!("jobs are refused with status {}: {text}", answer.status));
        }
    }
    Ok(())
}

/// A job of one GPU, as a caller writes it.
fn job(number: u64, projects: u32) -> String {
    let name = name_of(number);
    let project = stand::project(number % u64::from(projects.max(1)));
    format!(
        r#"{{"type":"batch","name":"{name}","project":"{project}","run":"python train.py --config \"$CONFIG\"","resources":{{"gpu":1,"cpu":8,"memory":"64GiB"}},"environment":{{"CONFIG":"run-{number}.toml"}},"limits":{{"time":"1h"}}}}"#
    )
}

/// Says once a second how it goes, until aborted.
pub(super) fn progress(
    measure: &Arc<Measure>,
    stop: &Arc<AtomicBool>,
    n_jobs: u64,
) -> JoinHandle<()> {
    let (measure, stop) = (Arc::clone(measure), Arc::clone(stop));
    tokio::spawn(async move {
        let mut seconds = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_secs(5)).await;
            seconds = seconds.saturating_add(5);
            let (accepted, placed) = (measure.n_accepted(), measure.n_placed());
            let ended = measure.n_ended();
            say(&format!(
                "{seconds:>4} s: {accepted} of {n_jobs} accepted, {placed} placed, {ended} ended"
            ));
        }
    })
}
