//! An attempt whose shim has died: kill what is left of it, then record its end.
//!
//! Processes are recognised by the attempt's control group, by its session, or by the variables in
//! their environment; nothing else is ever signalled.

use std::{thread, time::Duration};

use rustix::process::Signal;

use super::{Inner, LocalEngine, env, look};
use crate::{
    cgroup::Group,
    container,
    engine::{AttemptKey, EngineError},
    procfs, shim,
    spec::{ExitRecord, ProcessIdentity, ShimRecord},
};

/// Why the attempt ended, for the user.
const LOST: &str = "lost: the supervisor process died";
/// Rounds of killing; each kills all that is seen.
const KILL_ROUNDS_MAX: u32 = 200;
/// Time between two rounds.
const KILL_ROUND: Duration = Duration::from_millis(10);

/// Ends a lost attempt.
pub(super) async fn bury(
    engine: &LocalEngine,
    key: AttemptKey,
    record: ShimRecord,
) -> Result<(), EngineError> {
    let spec = engine.inner.index().attempts.get(&key).and_then(|tracked| tracked.spec.clone());
    if let Some(spec) = spec.as_ref().filter(|spec| spec.launch.image.is_some())
        && let Err(error) = container::remove_leftover(&spec.container, key).await
    {
        // Tried again on the next tick: an end must not be reported while it may still run.
        tracing::warn!(job.id = %key.workload, %error, "cannot remove a lost container");
        return Ok(());
    }
    let group = spec.and_then(|spec| spec.group.clone());
    engine.blocking(move |inner| bury_processes(inner, key, &record, group.as_ref())).await
}

fn bury_processes(inner: &Inner, key: AttemptKey, record: &ShimRecord, group: Option<&Group>) {
    for _ in 0..KILL_ROUNDS_MAX {
        let left = remaining(key, record.workload.as_ref(), group);
        if left.is_empty() {
            break;
        }
        for identity in &left {
            procfs::signal(identity, Signal::KILL);
        }
        thread::sleep(KILL_ROUND);
    }
    for _ in 0..KILL_ROUNDS_MAX {
        if group.is_none_or(Group::remove) {
            break;
        }
        thread::sleep(KILL_ROUND);
    }
    let dir = inner.dir(key);
    let reason = if dir.stop().exists() { "stopped" } else { LOST };
    let end = ExitRecord {
        signal: Some(Signal::KILL.as_raw()),
        reason: Some(reason.to_owned()),
        usage: look::usage(&dir).usage,
        ended_at: shim::now(),
        ..ExitRecord::default()
    };
    tracing::info!(job.id = %key.workload, attempt = key.attempt, reason, "an attempt is buried");
    look::end(inner, key, end);
}

fn remaining(
    key: AttemptKey,
    workload: Option<&ProcessIdentity>,
    group: Option<&Group>,
) -> Vec<ProcessIdentity> {
    let markers = env::markers(key);
    let in_group = group.map(Group::processes).unwrap_or_default();
    let boot_id = procfs::boot_id();
    let session = workload.filter(|workload| workload.boot_id == boot_id).filter(|workload| {
        // A session leader of the same number but another start is another session.
        procfs::stat(workload.pid).is_none_or(|stat| stat.start_ticks == workload.start_ticks)
    });
    procfs::all()
        .into_iter()
        .filter(|process| !matches!(process.state, 'Z' | 'X'))
        .filter(|process| {
            in_group.contains(&process.pid)
                || session.is_some_and(|leader| {
                    process.session == leader.pid && process.start_ticks >= leader.start_ticks
                })
                || procfs::has_environment(process.pid, &markers)
        })
        .map(|process| ProcessIdentity {
            pid: process.pid,
            start_ticks: process.start_ticks,
            boot_id: boot_id.clone(),
        })
        .collect()
}
