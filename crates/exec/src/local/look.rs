//! Reading the run folder: what each attempt is, from its files and `/proc` alone.

use std::{fs, io, path::Path, sync::Arc};

use api::engine::{AttemptUsage, Phase};
use futures_util::future::join_all;
use units::Bytes;

use super::{Index, Inner, Stage, Tracked, probe, start};
use crate::{
    engine::{AttemptKey, EngineError, Observed},
    files, procfs,
    spec::{AttemptDir, ExitRecord, LaunchSpec, ShimRecord, UsageRecord},
};

/// What the files of one attempt say.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) key: AttemptKey,
    pub(super) finding: Finding,
    spec: Option<Arc<LaunchSpec>>,
    usage: AttemptUsage,
}

/// The kinds of answer.
#[derive(Debug)]
pub(super) enum Finding {
    /// Nothing runs yet.
    Preparing,
    /// A shim supervises it, or is just coming up.
    Alive,
    /// It has ended.
    Ended(ExitRecord),
    /// Its shim has died and left no end.
    Lost { record: ShimRecord },
}

/// Reads a whole run folder into an index, when the engine starts.
pub(super) fn index(state_dir: &Path) -> Result<Index, EngineError> {
    let mut index = Index::default();
    let entries =
        fs::read_dir(state_dir).map_err(|error| EngineError::io("read", state_dir, error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some((workload, rank)) = name.to_str().and_then(AttemptDir::parse_workload_dir) else {
            continue;
        };
        let home = entry.path();
        match files::read_json(&home.join("generation.json")) {
            Ok(Some(generation)) => {
                index.generations.insert((workload, rank), generation);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(folder = %home.display(), %error, "cannot read a generation");
            }
        }
        let attempts = fs::read_dir(&home).into_iter().flatten().flatten();
        for attempt in attempts.filter_map(|entry| {
            entry.file_name().to_str()?.strip_prefix("attempt-")?.parse::<u32>().ok()
        }) {
            let key = AttemptKey { workload, rank, attempt };
            match adopt(&AttemptDir::of(state_dir, key)) {
                Ok(Some(tracked)) => {
                    index.attempts.insert(key, tracked);
                }
                // Without launch.json nothing was ever started.
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(folder = %home.display(), attempt, %error, "cannot read an attempt");
                }
            }
        }
    }
    Ok(index)
}

fn adopt(dir: &AttemptDir) -> io::Result<Option<Tracked>> {
    if let Some(end) = files::read_json(&dir.exit())? {
        return Ok(Some(Tracked::new(Stage::Ended(end), Vec::new())));
    }
    let Some(spec) = files::read_json::<LaunchSpec>(&dir.launch())? else { return Ok(None) };
    let mut tracked = Tracked::new(Stage::Started { spawn: None }, spec.gpus.clone());
    tracked.part_of = spec.launch.part.as_ref().map(|part| part.gpu);
    tracked.readiness = probe::Readiness::adopted();
    tracked.spec = Some(Arc::new(spec));
    Ok(Some(tracked))
}

/// Looks at everything wanted and everything alive.
pub(super) fn look_at_all(inner: &Inner, wanted: &[AttemptKey]) -> Vec<Look> {
    let mut index = inner.index();
    let mut looks = Vec::new();
    for (key, tracked) in &mut index.attempts {
        if !tracked.is_alive() && !wanted.contains(key) {
            continue;
        }
        looks.push(look(inner, *key, tracked));
    }
    looks
}

fn look(inner: &Inner, key: AttemptKey, tracked: &mut Tracked) -> Look {
    let dir = inner.dir(key);
    let finding = match &mut tracked.stage {
        Stage::Preparing => Finding::Preparing,
        Stage::Ended(end) => Finding::Ended(end.clone()),
        Stage::Started { spawn } => {
            if let Some(spawn) = spawn {
                // Reaps a shim that has ended, so that no zombie stays.
                let _ = spawn.child.try_wait();
            }
            find(&dir).unwrap_or_else(|error| {
                tracing::warn!(folder = %dir.0.display(), %error, "cannot read an attempt");
                Finding::Alive
            })
        }
    };
    let usage = match &finding {
        Finding::Ended(end) => {
            tracked.stage = Stage::Ended(end.clone());
            end.usage.clone()
        }
        Finding::Preparing => AttemptUsage::default(),
        Finding::Alive | Finding::Lost { .. } => usage(&dir).usage,
    };
    Look { key, finding, spec: tracked.spec.clone(), usage }
}

fn find(dir: &AttemptDir) -> io::Result<Finding> {
    if let Some(end) = files::read_json(&dir.exit())? {
        return Ok(Finding::Ended(end));
    }
    let Some(record) = files::read_json::<ShimRecord>(&dir.shim())? else {
        // Just started, or [`super::start`] will try again.
        return Ok(Finding::Alive);
    };
    if procfs::is_alive(&record.shim) {
        return Ok(Finding::Alive);
    }
    // It may have written its end between the two reads above.
    Ok(match files::read_json(&dir.exit())? {
        Some(end) => Finding::Ended(end),
        None => Finding::Lost { record },
    })
}

pub(super) fn usage(dir: &AttemptDir) -> UsageRecord {
    files::read_json(&dir.usage()).ok().flatten().unwrap_or_default()
}

/// Memory in use by everything alive here.
pub(super) fn memory_held(inner: &Inner) -> Bytes {
    let index = inner.index();
    index
        .attempts
        .iter()
        .filter(|(_, tracked)| tracked.is_alive())
        .map(|(key, _)| usage(&inner.dir(*key)).memory_now)
        .fold(Bytes::ZERO, Bytes::saturating_add)
}

/// Probes services, all at once, and says where each attempt stands.
pub(super) async fn assemble(inner: &Inner, looks: Vec<Look>) -> Vec<Observed> {
    join_all(looks.into_iter().map(|look| observed(inner, look))).await
}

async fn observed(inner: &Inner, look: Look) -> Observed {
    let phase = match look.finding {
        Finding::Preparing => None,
        Finding::Ended(end) => Some(end.phase()),
        // It has been buried since; its end is in the index.
        Finding::Lost { .. } => match inner.index().attempts.get(&look.key).map(|at| &at.stage) {
            Some(Stage::Ended(end)) => Some(end.phase()),
            _ => None,
        },
        Finding::Alive => match look.spec.as_ref().and_then(|spec| spec.port) {
            None => Some(Phase::Running),
            Some(port) => {
                let answered = probe::healthz(port).await;
                inner
                    .index()
                    .attempts
                    .get_mut(&look.key)
                    .map(|tracked| tracked.readiness.step(answered, port))
            }
        },
    };
    let place = (look.key.workload, look.key.rank);
    let generation = inner.index().generations.get(&place).copied().unwrap_or(0);
    Observed { key: look.key, generation, phase, usage: look.usage }
}

/// Marks an attempt as ended in the index and on the disk.
pub(super) fn end(inner: &Inner, key: AttemptKey, end: ExitRecord) {
    start::record_end(&inner.dir(key), &end);
    if let Some(tracked) = inner.index().attempts.get_mut(&key) {
        tracked.stage = Stage::Ended(end);
    }
}
