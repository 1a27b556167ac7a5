//! The files of one attempt, which are the only truth about it.
//!
//! ```text
//! <run folder>/<workload>[-rank-R]/generation.json   highest generation acted on
//!                                  work/             cwd, kept across attempts; work/out, work/tmp
//!                                  inputs/           read-only inputs, linked from work/
//!                                  attempt-N/launch.json   everything needed to run (commit point)
//!                                           /script.sh     the user's script
//!                                           /lock          held by the shim for its whole life
//!                                           /shim.json     who supervises; never started twice
//!                                           /stop.json     the order to end
//!                                           /usage.json    latest sample
//!                                           /exit.json     how it ended; written once
//!                                           /log, log.1 …  stdout and stderr
//! ```
//! Written by the engine: generation, launch.json, stop.json, and exit.json if the shim died or
//! never was. Written by the shim: all the rest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use api::engine::{AttemptUsage, Launch, Phase};
use serde::{Deserialize, Serialize};
use units::{Bytes, DurationMicros, UnixMicros};

use crate::{
    cgroup::Group, container::ContainerPlan, engine::AttemptKey, logs::LogLimits, power::PowerModel,
};

/// `launch.json`: all that the shim and the launcher need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Which attempt.
    pub key: AttemptKey,
    /// What to run.
    pub launch: Launch,
    /// The program that answers the launcher's subcommand.
    pub program: PathBuf,
    /// The launcher's subcommand, before the folder.
    pub launch_args: Vec<String>,
    /// The working folder.
    pub work: PathBuf,
    /// The folder with read-only inputs.
    pub inputs: PathBuf,
    /// The run folder as a whole: the sandbox must not open it.
    pub state_dir: PathBuf,
    /// The complete environment.
    pub environment: BTreeMap<String, String>,
    /// The loopback port given to a service.
    pub port: Option<u16>,
    /// Indices of the GPUs given to it.
    pub gpus: Vec<u32>,
    /// The control group to create, if there is one.
    pub group: Option<Group>,
    /// Folders that may be read besides the usual ones.
    pub read_paths: Vec<PathBuf>,
    /// How a container is reached and named; used only with an image.
    pub container: ContainerPlan,
    /// Log rotation.
    pub log: LogLimits,
    /// Time between two usage samples, in milliseconds.
    pub sample_interval_ms: u64,
    /// Largest number of processes and threads.
    pub n_processes_max: u64,
    /// Grace after the time limit.
    pub time_limit_grace: DurationMicros,
    /// The energy model for when no meter can be read.
    pub power: PowerModel,
}

/// A process that cannot be mistaken for another after its id was reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_ticks: u64,
    /// The boot it was started in (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
}

/// `shim.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimRecord {
    /// The shim.
    pub shim: ProcessIdentity,
    /// The workload's first process: its id is also its session and process group.
    pub workload: Option<ProcessIdentity>,
    /// When the shim began.
    pub started_at: UnixMicros,
}

/// `stop.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Time between the stop signal and SIGKILL.
    pub grace: DurationMicros,
    /// When it was first asked for.
    pub asked_at: UnixMicros,
}

/// `usage.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Cumulative use.
    pub usage: AttemptUsage,
    /// Memory in use at the sample.
    pub memory_now: Bytes,
}

/// `exit.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit code, if it returned one.
    pub code: Option<i32>,
    /// Signal number, if one ended it.
    pub signal: Option<i32>,
    /// Why, if more is known.
    pub reason: Option<String>,
    /// Set if it could not be started at all; the message says what to do.
    pub launch_error: Option<String>,
    /// Total use.
    pub usage: AttemptUsage,
    /// Log bytes that could not be written (a full disk); the workload was not held up.
    pub log_lost_bytes: u64,
    /// When it ended.
    pub ended_at: UnixMicros,
}

impl ExitRecord {
    /// The phase that this end means.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.launch_error {
            Some(message) => Phase::LaunchFailed { message: message.clone() },
            None => {
                Phase::Exited { code: self.code, signal: self.signal, reason: self.reason.clone() }
            }
        }
    }
}

/// The folder of one attempt, with a name for each file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDir(pub PathBuf);

impl AttemptDir {
    /// The folder of a workload's rank below the run folder.
    #[must_use]
    pub fn workload_dir(state_dir: &Path, key: AttemptKey) -> PathBuf {
        match key.rank {
            0 => state_dir.join(key.workload.to_string()),
            rank => state_dir.join(format!("{}-rank-{rank}", key.workload)),
        }
    }

    /// The folder of an attempt.
    #[must_use]
    pub fn of(state_dir: &Path, key: AttemptKey) -> Self {
        Self(Self::workload_dir(state_dir, key).join(format!("attempt-{}", key.attempt)))
    }

    /// Reads the workload and rank out of a folder name made by [`Self::workload_dir`].
    #[must_use]
    pub fn parse_workload_dir(name: &str) -> Option<(units::Id<units::kinds::Workload>, u32)> {
        match name.split_once("-rank-") {
            Some((workload, rank)) => Some((workload.parse().ok()?, rank.parse().ok()?)),
            None => Some((name.parse().ok()?, 0)),
        }
    }

    /// `launch.json`.
    #[must_use]
    pub fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }
    /// `script.sh`.
    #[must_use]
    pub fn script(&self) -> PathBuf {
        self.0.join("script.sh")
    }
    /// `shim.json`.
    #[must_use]
    pub fn shim(&self) -> PathBuf {
        self.0.join("shim.json")
    }
    /// `stop.json`.
    #[must_use]
    pub fn stop(&self) -> PathBuf {
        self.0.join("stop.json")
    }
    /// `usage.json`.
    #[must_use]
    pub fn usage(&self) -> PathBuf {
        self.0.join("usage.json")
    }
    /// `exit.json`.
    #[must_use]
    pub fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }
    /// `lock`.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    /// Where the launcher says why it could not start the workload.
    #[must_use]
    pub fn launch_error(&self) -> PathBuf {
        self.0.join("launch-error")
    }
}
