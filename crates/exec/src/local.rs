//! The local engine: every workload is a process (or a container) of this machine under its shim.
//!
//! State is read from the run folder ([`crate::spec`]); what is kept in memory is only an index and
//! can be thrown away at any time. It must never start an attempt whose folder shows a start.

mod bury;
mod config;
mod devices;
mod env;
mod inputs;
mod look;
mod prepare;
mod probe;
mod start;
mod stop;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use api::engine::{DesiredNode, DesiredProcess, NodeFacts};
use rustix::fs::{FlockOperation, flock};
use tokio::{sync::Semaphore, task::JoinSet};
use units::{Bytes, Id, kinds};

use crate::{
    cgroup::Mechanism,
    container,
    engine::{AttemptKey, Engine, EngineError, Observed, StopOrder},
    facts, power, sandbox,
    spec::{AttemptDir, ExitRecord, LaunchSpec},
};
pub use config::LocalConfig;
use probe::Readiness;

/// Attempts prepared at the same time (inputs copied, files synced); others wait their turn.
const N_PREPARING_MAX: usize = 4;

/// Runs workloads on this machine.
pub struct LocalEngine {
    inner: Arc<Inner>,
    preparing: Mutex<JoinSet<()>>,
    n_preparing: Arc<Semaphore>,
}

impl std::fmt::Debug for LocalEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalEngine").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

struct Inner {
    config: LocalConfig,
    index: Mutex<Index>,
    gpus: Vec<api::engine::GpuFacts>,
    sandbox: String,
    /// Held for the engine's life: two platforms on one folder would stop each other's workloads.
    _lock: File,
}

/// What is known without reading the disk again.
#[derive(Debug, Default)]
struct Index {
    attempts: BTreeMap<AttemptKey, Tracked>,
    generations: BTreeMap<(Id<kinds::Workload>, u32), u64>,
}

/// One attempt in the index.
#[derive(Debug)]
struct Tracked {
    stage: Stage,
    readiness: Readiness,
    gpus: Vec<u32>,
    /// The platform's number of the GPU that it has only a part of.
    part_of: Option<u32>,
    spec: Option<Arc<LaunchSpec>>,
}

/// How far an attempt is.
#[derive(Debug)]
enum Stage {
    /// Inputs are being copied; nothing runs.
    Preparing,
    /// A shim was started, by us or by an earlier platform.
    Started { spawn: Option<Spawn> },
    /// It has ended; this never changes any more.
    Ended(ExitRecord),
}

/// A shim that this process has started.
#[derive(Debug)]
struct Spawn {
    child: Child,
    at: Instant,
    n_tries: u32,
}

impl LocalEngine {
    /// Opens a run folder and indexes what it holds, running or not.
    ///
    /// # Errors
    /// [`EngineError::InUse`] if another engine has it open, otherwise I/O.
    pub fn new(config: LocalConfig) -> Result<Self, EngineError> {
        let folder = &config.state_dir;
        fs::create_dir_all(folder).map_err(|error| EngineError::io("make", folder, error))?;
        let config = config.absolute()?;
        let path = config.state_dir.join("engine.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| EngineError::io("open", &path, error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(EngineError::InUse { folder: config.state_dir.display().to_string() });
        }
        let index = look::index(&config.state_dir)?;
        let inner = Inner {
            index: Mutex::new(index),
            gpus: facts::gpu::list(),
            sandbox: sandbox::facts(),
            _lock: lock,
            config,
        };
        Ok(Self {
            inner: Arc::new(inner),
            preparing: Mutex::new(JoinSet::new()),
            n_preparing: Arc::new(Semaphore::new(N_PREPARING_MAX)),
        })
    }

    /// The folder of an attempt, with its log; see [`crate::logs`].
    #[must_use]
    pub fn attempt_dir(&self, key: AttemptKey) -> PathBuf {
        AttemptDir::of(&self.inner.config.state_dir, key).0
    }

    /// The working folder of a workload's rank; outputs are in `out` below it. Whoever collects
    /// them must not follow symbolic links: the workload made them.
    #[must_use]
    pub fn work_dir(&self, key: AttemptKey) -> PathBuf {
        work_dir(&self.inner.config.state_dir, key)
    }

    /// Runs file work away from the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|error| {
            EngineError::io("finish work on", &self.inner.config.state_dir, error.into())
        })
    }
}

fn work_dir(state_dir: &Path, key: AttemptKey) -> PathBuf {
    AttemptDir::workload_dir(state_dir, key).join("work")
}

impl Inner {
    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is only a cache of the disk, so one left by a panic is as good as any.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self, key: AttemptKey) -> AttemptDir {
        AttemptDir::of(&self.config.state_dir, key)
    }
}

impl Engine for LocalEngine {
    async fn facts(&self) -> NodeFacts {
        // What our own workloads hold is available to workloads, so that a restart of the platform
        // does not shrink the node.
        let held = self.blocking(look::memory_held).await.unwrap_or(Bytes::ZERO);
        NodeFacts {
            hostname: facts::hostname(),
            system: facts::system(),
            cpu_model: facts::cpu_model(),
            cpu: facts::cpu(),
            memory: facts::memory().saturating_add(held),
            gpus: self.inner.gpus.clone(),
            limits: self.inner.config.mechanism.describe(),
            sandbox: self.inner.sandbox.clone(),
            power: power::describe_sources(self.inner.config.power, !self.inner.gpus.is_empty()),
            virtual_host: None,
            container: container::facts(&self.inner.config.containers).await,
        }
    }

    async fn observe(&self, wanted: &DesiredNode) -> Result<Vec<Observed>, EngineError> {
        self.join_finished();
        let keys: Vec<AttemptKey> = wanted.processes.iter().map(AttemptKey::from).collect();
        let looks = self.blocking(move |inner| look::look_at_all(inner, &keys)).await?;
        for look in &looks {
            if let look::Finding::Lost { record } = &look.finding {
                bury::bury(self, look.key, record.clone()).await?;
            }
        }
        Ok(look::assemble(&self.inner, looks).await)
    }

    async fn ensure_running(&self, process: &DesiredProcess) -> Result<(), EngineError> {
        let asked = process.clone();
        let begun = self.blocking(move |inner| start::begin(inner, &asked)).await??;
        if begun == start::Begun::Prepare {
            self.prepare_soon(process.clone());
        }
        Ok(())
    }

    async fn ensure_stopped(&self, key: AttemptKey, order: StopOrder) -> Result<(), EngineError> {
        self.blocking(move |inner| stop::stop(inner, key, order)).await?
    }
}

impl LocalEngine {
    /// Copies inputs and starts the shim in the background.
    fn prepare_soon(&self, process: DesiredProcess) {
        let inner = Arc::clone(&self.inner);
        let n_preparing = Arc::clone(&self.n_preparing);
        let mut tasks = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            let permit = n_preparing.acquire_owned().await;
            let worker = Arc::clone(&inner);
            let key = AttemptKey::from(&process);
            let outcome = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                start::prepare_and_spawn(&worker, &process);
            })
            .await;
            if let Err(error) = outcome {
                start::fail(&inner, key, &format!("the engine failed while preparing: {error}"));
            }
        });
    }

    fn join_finished(&self) {
        let mut tasks = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
    }
}

/// Which control-group mechanism a configuration uses when none is named.
pub(crate) fn default_mechanism() -> Mechanism {
    crate::cgroup::detect()
}

#[cfg(test)]
mod tests;
