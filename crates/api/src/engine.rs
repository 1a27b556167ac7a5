//! The contract between the platform and an execution engine on a node.
//!
//! Effects are desired state, not messages: the platform says what must run ([`DesiredNode`]), an
//! engine makes it so and reports what happened ([`AttemptReport`]). Every object carries the
//! workload's generation; a report or a start of an older generation is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Bytes, Digest, DurationMicros, GpuCount, Id, MilliCpu, MilliJoule, UnixMicros, kinds};

/// Everything that must be true on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredNode {
    /// The node.
    pub node: Id<kinds::Node>,
    /// Processes in order of workload id; anything else that the engine finds is to be stopped.
    pub processes: Vec<DesiredProcess>,
}

/// One rank of one attempt of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredProcess {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// Attempt number, from 1.
    pub attempt: u32,
    /// Rank of this node in the gang, from 0.
    pub rank: u32,
    /// Grows with every change of the workload's desired state.
    pub generation: u64,
    /// What must be true.
    pub goal: Goal,
    /// How to run it.
    pub launch: Launch,
}

/// What must be true of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// It runs, or has run to its end.
    Run,
    /// It is gone: the stop signal first, then SIGKILL after the grace.
    Stop {
        /// Time between the signal and SIGKILL.
        grace: DurationMicros,
    },
}

/// How to run a process; complete, so that the engine makes no choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The workload's name, for people.
    pub name: String,
    /// A shell script, run with `sh -e`, in the working folder.
    pub script: String,
    /// A container image, or none for a plain process.
    pub image: Option<String>,
    /// Environment besides what the engine adds (`NODE_RANK`, `NNODES`, `MASTER_ADDR`, …).
    pub environment: BTreeMap<String, String>,
    /// Number of ranks in the gang.
    pub n_ranks: u32,
    /// Processor limit.
    pub cpu: MilliCpu,
    /// Memory limit.
    pub memory: Bytes,
    /// Whole GPUs to expose.
    pub gpus: GpuCount,
    /// A part of one more GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<GpuPart>,
    /// Read-only inputs by mount path: a manifest of files, by digest.
    pub inputs: Vec<Input>,
    /// Signal sent first on a stop: `TERM`, `INT`, `USR1` or `USR2`.
    pub stop_signal: String,
    /// Longest run time, or none.
    pub time_limit: Option<DurationMicros>,
    /// True for a service: it gets a `PORT`, is probed at `GET /healthz`, and its end is a failure.
    pub service: bool,
}

/// A part of one GPU of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuPart {
    /// Number of the GPU in the platform's books: equal numbers are one device for as long as some
    /// attempt has a part of it.
    pub gpu: u32,
    /// Thousandths of the GPU.
    pub milli: u32,
    /// Profile of the MIG instance; none for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Memory slice at which the instance starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u8>,
}

impl Launch {
    /// Thousandths of a GPU that the work counts for.
    #[must_use]
    pub fn gpu_milli(&self) -> u64 {
        let part = self.part.as_ref().map_or(0, |part| u64::from(part.milli));
        u64::from(self.gpus.0).saturating_mul(1_000).saturating_add(part)
    }
}

/// A read-only input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Absolute path in a container; below the working folder for a plain process.
    pub mount: String,
    /// The manifest that lists its files.
    pub manifest: Digest,
}

/// What an engine says of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// The attempt.
    pub attempt: u32,
    /// The rank.
    pub rank: u32,
    /// The generation that the engine acted on.
    pub generation: u64,
    /// What happened.
    pub phase: Phase,
    /// Cumulative use since the attempt began.
    pub usage: AttemptUsage,
    /// When the engine saw it.
    pub observed_at: UnixMicros,
}

/// Where an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The process runs.
    Running,
    /// A service answers its health probe at this loopback or node address.
    Ready {
        /// `host:port`.
        address: String,
    },
    /// A service runs but does not answer its probe (any more).
    Unready,
    /// The process ended by itself or was stopped.
    Exited {
        /// Exit code, if it returned one.
        code: Option<i32>,
        /// Signal number, if one ended it.
        signal: Option<i32>,
        /// Why, when the engine knows more: `time limit`, `out of memory`, `stopped`.
        reason: Option<String>,
    },
    /// It could not be started; the message says what to do.
    LaunchFailed {
        /// The cause, for the user.
        message: String,
    },
}

/// Cumulative use of an attempt on one node; never decreases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptUsage {
    /// Processor time used, in core-microseconds (measured).
    pub cpu_micros: u64,
    /// GPU time allocated, in GPU-microseconds.
    pub gpu_micros: u64,
    /// Wall time, in microseconds.
    pub wall_micros: u64,
    /// Largest resident memory seen.
    pub memory_peak: Bytes,
    /// Energy and how it is known; `None` until the first sample.
    pub energy: Option<Energy>,
}

/// An energy figure that says how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Energy {
    /// Energy since the attempt began.
    pub energy: MilliJoule,
    /// True if a meter was read, false for a model.
    pub measured: bool,
    /// The source: `RAPL package-0`, `NVML`, or the model with its constants.
    pub source: String,
}

/// What an engine knows about the machine it runs on; "no GPU" is a fact, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Host name.
    pub hostname: String,
    /// Kernel and architecture, such as `Linux 6.18 x86_64`.
    pub system: String,
    /// Processor model.
    pub cpu_model: String,
    /// Usable cores × 1,000 (affinity and cgroup quota respected).
    pub cpu: MilliCpu,
    /// Usable memory.
    pub memory: Bytes,
    /// GPUs, in index order.
    pub gpus: Vec<GpuFacts>,
    /// How limits are enforced: `cgroup v2`, `cgroup v1`, `rlimits`.
    pub limits: String,
    /// The file-system sandbox: `Landlock ABI 6` or why there is none.
    pub sandbox: String,
    /// The energy source: `RAPL`, `NVML`, or `model: …`.
    pub power: String,
    /// The container runtime reached, or none.
    pub container: Option<String>,
    /// The machine that shows itself as this node among others, for tests and teaching; its GPUs
    /// are then not real. `None` for a machine of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_host: Option<String>,
}

/// One GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuFacts {
    /// Model as the driver names it.
    pub model: String,
    /// Universally unique id.
    pub uuid: String,
    /// Memory.
    pub memory: Bytes,
}
