//! Waiting for the platform: predicates over its answers, with deadlines.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use api::{
    client::{Client, Options},
    endpoint::Nothing,
    job_file::JobFile,
    nouns::{
        common::IdPath,
        workload::{Workload, WorkloadCreate, WorkloadGet, WorkloadState},
        workload_insight::{LogsQuery, WorkloadLogs},
    },
};
use units::{Id, kinds};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until `look` gives something, at most `secs_max` seconds.
pub(super) fn until<T>(
    what: &str,
    secs_max: u64,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + Duration::from_secs(secs_max);
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("{what} did not happen within {secs_max} s");
        }
        std::thread::sleep(PAUSE);
    }
}

/// Submits a job written in YAML, as `cocarde apply` does.
pub(super) fn submit(client: &Client, yaml: &str) -> anyhow::Result<Workload> {
    let job = JobFile::parse(yaml.as_bytes()).context("the demo's own job file")?;
    Ok(client.call::<WorkloadCreate>(&Nothing {}, &Nothing {}, &job, &Options::default())?)
}

/// A workload as it is now.
pub(super) fn get(client: &Client, id: Id<kinds::Workload>) -> anyhow::Result<Workload> {
    Ok(client.get::<WorkloadGet>(&IdPath { id }, &Nothing {})?)
}

/// True once a workload's state is final.
pub(super) fn is_final(state: WorkloadState) -> bool {
    match state {
        WorkloadState::Succeeded | WorkloadState::Failed | WorkloadState::Stopped => true,
        WorkloadState::Queued
        | WorkloadState::Starting
        | WorkloadState::Running
        | WorkloadState::Ready
        | WorkloadState::Stopping => false,
    }
}

/// Waits until a workload's state is final.
pub(super) fn ended(
    client: &Client,
    id: Id<kinds::Workload>,
    what: &str,
    secs_max: u64,
) -> anyhow::Result<Workload> {
    until(what, secs_max, || {
        let workload = get(client, id)?;
        Ok(is_final(workload.state).then_some(workload))
    })
}

/// The last lines that a workload wrote.
pub(super) fn last_lines(client: &Client, id: Id<kinds::Workload>) -> String {
    use std::io::Read as _;
    let query = LogsQuery { follow: None, tail_lines: Some(20), attempt: None, rank: None };
    let mut text = String::new();
    if let Ok(stream) = client.stream::<WorkloadLogs>(&IdPath { id }, &query) {
        let _ = stream.take(64 << 10).read_to_string(&mut text);
    }
    text
}

/// Fails unless a final workload succeeded; the error shows what it wrote.
pub(super) fn require_success(client: &Client, workload: &Workload) -> anyhow::Result<()> {
    if workload.state == WorkloadState::Succeeded {
        return Ok(());
    }
    let reason = workload.state_reason.clone().unwrap_or_default();
    let log = last_lines(client, workload.id);
    bail!("{} `{}` {:?}: {reason}\n{log}", workload.id, workload.name, workload.state)
}
