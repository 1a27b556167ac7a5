//! Starting an attempt: once, whatever is asked and however often.

use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use api::engine::DesiredProcess;

use super::{
    Index, Inner, Spawn, Stage, Tracked, devices::Devices, prepare::prepare, probe::Readiness,
};
use crate::{
    engine::{AttemptKey, EngineError},
    files::{self, Durability},
    shim,
    spec::{AttemptDir, ExitRecord},
};

/// How long a shim may take to write `shim.json` before another is tried.
pub(super) const SHIM_APPEARS_MAX: Duration = Duration::from_secs(10);
/// Shims tried for an attempt before it counts as failed.
const N_SHIMS_MAX: u32 = 3;

/// What is left to do after [`begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// Nothing.
    Done,
    /// Prepare and start it.
    Prepare,
}

/// Refuses older generations, remembers newer ones, and enters a new attempt into the index.
pub(super) fn begin(inner: &Inner, process: &DesiredProcess) -> Result<Begun, EngineError> {
    let key = AttemptKey::from(process);
    let mut index = inner.index();
    note_generation(inner, &mut index, key, process.generation)?;
    if let Some(tracked) = index.attempts.get_mut(&key) {
        revive(inner, key, tracked);
        return Ok(Begun::Done);
    }
    if let Some(other) = index.alive_beside(key) {
        return Err(EngineError::Occupied { attempt: other.attempt });
    }
    let tracked = match index.devices(&process.launch, inner.gpus.len()) {
        Devices::Given(gpus) => Tracked::new(Stage::Preparing, gpus),
        // They are still held by something that is being stopped.
        Devices::Later => return Err(EngineError::Occupied { attempt: key.attempt }),
        Devices::Never(message) => {
            index.attempts.insert(key, Tracked::new(Stage::Preparing, Vec::new()));
            drop(index);
            fail(inner, key, &message);
            return Ok(Begun::Done);
        }
    };
    let part_of = process.launch.part.as_ref().map(|part| part.gpu);
    index.attempts.insert(key, Tracked { part_of, ..tracked });
    Ok(Begun::Prepare)
}

/// Starts another shim if the one before ended without a trace.
fn revive(inner: &Inner, key: AttemptKey, tracked: &mut Tracked) {
    let dir = inner.dir(key);
    let Stage::Started { spawn } = &mut tracked.stage else { return };
    if dir.shim().exists() || dir.exit().exists() {
        return;
    }
    let (gone, n_tries) = match spawn {
        None => (true, 0),
        Some(spawn) => {
            let ended = !matches!(spawn.child.try_wait(), Ok(None));
            (ended || spawn.at.elapsed() > SHIM_APPEARS_MAX, spawn.n_tries)
        }
    };
    if !gone {
        return;
    }
    if n_tries >= N_SHIMS_MAX {
        let message = format!("the supervisor could not be started in {n_tries} tries");
        tracked.stage = Stage::Ended(record_failure(&dir, &message));
        return;
    }
    match spawn_shim(inner, &dir) {
        Ok(child) => {
            *spawn = Some(Spawn { child, at: Instant::now(), n_tries: n_tries.saturating_add(1) });
        }
        Err(message) => tracked.stage = Stage::Ended(record_failure(&dir, &message)),
    }
}

/// The slow part; its outcome is in the index.
pub(super) fn prepare_and_spawn(inner: &Inner, process: &DesiredProcess) {
    let key = AttemptKey::from(process);
    let gpus = match inner.index().attempts.get(&key) {
        Some(Tracked { stage: Stage::Preparing, gpus, .. }) => gpus.clone(),
        _ => return,
    };
    let dir = inner.dir(key);
    let started =
        prepare(inner, process, &gpus).and_then(|spec| Ok((spec, spawn_shim(inner, &dir)?)));
    match started {
        Ok((spec, child)) => {
            if let Some(tracked) = inner.index().attempts.get_mut(&key) {
                tracked.spec = Some(Arc::new(spec));
                let spawn = Spawn { child, at: Instant::now(), n_tries: 1 };
                tracked.stage = Stage::Started { spawn: Some(spawn) };
            }
        }
        Err(message) => fail(inner, key, &message),
    }
}

fn spawn_shim(inner: &Inner, dir: &AttemptDir) -> Result<Child, String> {
    Command::new(&inner.config.program)
        .args(&inner.config.shim_args)
        .arg(&dir.0)
        // Not the platform's folder, which would be kept busy; not its environment, with secrets.
        .current_dir(&inner.config.state_dir)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", inner.config.program.display()))
}

/// Records that an attempt could not be started.
pub(super) fn fail(inner: &Inner, key: AttemptKey, message: &str) {
    let record = record_failure(&inner.dir(key), message);
    if let Some(tracked) = inner.index().attempts.get_mut(&key) {
        tracked.stage = Stage::Ended(record);
    }
}

fn record_failure(dir: &AttemptDir, message: &str) -> ExitRecord {
    let record = ExitRecord {
        launch_error: Some(message.to_owned()),
        ended_at: shim::now(),
        ..ExitRecord::default()
    };
    record_end(dir, &record);
    record
}

/// Writes an end; on a full disk it is known only until the platform restarts, which then finds the
/// attempt unstarted and tries again.
pub(super) fn record_end(dir: &AttemptDir, record: &ExitRecord) {
    let written = fs::create_dir_all(&dir.0)
        .and_then(|()| files::write_json(&dir.exit(), record, Durability::Synced));
    if let Err(error) = written {
        tracing::warn!(folder = %dir.0.display(), %error, "cannot record the end of an attempt");
    }
}

/// Refuses an older generation and remembers a newer one on the disk.
pub(super) fn note_generation(
    inner: &Inner,
    index: &mut Index,
    key: AttemptKey,
    asked: u64,
) -> Result<(), EngineError> {
    let known = index.generations.get(&(key.workload, key.rank)).copied().unwrap_or(0);
    if asked < known {
        return Err(EngineError::Stale { asked, known });
    }
    if asked == known {
        return Ok(());
    }
    let home = AttemptDir::workload_dir(&inner.config.state_dir, key);
    let path = home.join("generation.json");
    let written = fs::create_dir_all(&home)
        .and_then(|()| files::write_json(&path, &asked, Durability::Synced));
    if let Err(error) = written {
        // Refusing older orders is then forgotten at a restart; not running at all would be worse,
        // and preparing will fail with a message for the user if the folder cannot be used.
        tracing::warn!(file = %path.display(), %error, "cannot record a generation");
    }
    index.generations.insert((key.workload, key.rank), asked);
    Ok(())
}

impl Tracked {
    pub(super) fn new(stage: Stage, gpus: Vec<u32>) -> Self {
        Self { stage, readiness: Readiness::default(), gpus, part_of: None, spec: None }
    }

    pub(super) fn is_alive(&self) -> bool {
        match &self.stage {
            Stage::Preparing | Stage::Started { .. } => true,
            Stage::Ended(_) => false,
        }
    }
}

impl Index {
    /// Another attempt of the same workload and rank that has not ended.
    fn alive_beside(&self, key: AttemptKey) -> Option<AttemptKey> {
        self.attempts
            .iter()
            .find(|(other, tracked)| {
                (other.workload, other.rank) == (key.workload, key.rank)
                    && **other != key
                    && tracked.is_alive()
            })
            .map(|(other, _)| *other)
    }
}
