//! What the app tells the local engine.

use std::{path::PathBuf, sync::Arc};

use units::DurationMicros;

use crate::{
    cgroup::Mechanism,
    container::ContainerPlan,
    engine::{Artefacts, EngineError},
    logs::LogLimits,
    power::PowerModel,
};

/// Settings of a [`super::LocalEngine`].
#[derive(Clone)]
pub struct LocalConfig {
    /// The run folder, such as `DATA/run`; made if missing.
    pub state_dir: PathBuf,
    /// The program that answers `shim_args` and `launch_args`: the platform's own binary. Its folder
    /// is first in the workloads' `PATH`.
    pub program: PathBuf,
    /// The subcommand that runs [`crate::shim::run`] with a folder.
    pub shim_args: Vec<String>,
    /// The subcommand that runs [`crate::launch::run`] with a folder.
    pub launch_args: Vec<String>,
    /// Where inputs come from.
    pub artefacts: Arc<dyn Artefacts>,
    /// What enforces limits.
    pub mechanism: Mechanism,
    /// Folders that workloads may read besides the operating system's; one that contains the run
    /// folder is left out.
    pub read_paths: Vec<PathBuf>,
    /// Log rotation.
    pub log: LogLimits,
    /// Time between two usage samples, in milliseconds, at least 50.
    pub sample_interval_ms: u64,
    /// Largest number of processes and threads of an attempt.
    pub n_processes_max: u64,
    /// Time between the stop signal and SIGKILL at the end of the time limit.
    pub time_limit_grace: DurationMicros,
    /// The energy model for when no meter can be read.
    pub power: PowerModel,
    /// Where container runtimes are looked for.
    pub containers: ContainerPlan,
}

impl LocalConfig {
    /// The usual settings; limits are detected by trying them on this machine.
    #[must_use]
    pub fn new(state_dir: PathBuf, program: PathBuf, artefacts: Arc<dyn Artefacts>) -> Self {
        Self {
            state_dir,
            program,
            shim_args: vec!["__shim".to_owned()],
            launch_args: vec!["__launch".to_owned()],
            artefacts,
            mechanism: super::default_mechanism(),
            read_paths: Vec::new(),
            log: LogLimits::default(),
            sample_interval_ms: 500,
            n_processes_max: 4_096,
            time_limit_grace: DurationMicros::from_secs(10),
            power: PowerModel::default(),
            containers: ContainerPlan::usual(),
        }
    }

    /// Makes paths absolute and real, because shims and sandboxes use them from elsewhere.
    pub(super) fn absolute(mut self) -> Result<Self, EngineError> {
        for path in [&mut self.state_dir, &mut self.program] {
            *path = path.canonicalize().map_err(|error| EngineError::io("find", path, error))?;
        }
        Ok(self)
    }
}

impl std::fmt::Debug for LocalConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalConfig")
            .field("state_dir", &self.state_dir)
            .field("program", &self.program)
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}
