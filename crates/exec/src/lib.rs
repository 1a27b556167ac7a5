//! The local execution engine and the loop that drives any engine.
//!
//! Invariant this crate guards: it converges to the desired state from any actual state. Nothing
//! here is event-driven: each tick compares [`api::engine::DesiredNode`] with what exists, acts
//! idempotently, and reports. A platform that is killed and started again adopts what still runs.
//!
//! How a workload is kept: the engine starts one *shim* process per attempt ([`shim::run`]), which
//! outlives the platform, holds the attempt's lock, runs the workload through the *launcher*
//! ([`launch::run`]: session, limits, sandbox, then `exec`), writes its log, enforces stops and the
//! time limit, and leaves `exit.json`. The files of an attempt are the only truth; see [`spec`].
//!
//! It must never start an attempt twice, never act on an older generation, and never signal a
//! process whose start time it has not verified. Under systemd the platform's unit needs
//! `KillMode=process`, or a restart of the unit ends the workloads.

pub mod cgroup;
pub mod container;
pub mod engine;
pub mod facts;
mod files;
pub mod launch;
pub mod limits;
pub mod local;
pub mod logs;
pub mod power;
mod procfs;
pub mod reconcile;
pub mod sandbox;
pub mod shim;
pub mod spec;

pub use engine::{
    ArtefactError, Artefacts, AttemptKey, ControlPlane, Engine, EngineError, Observed, ReportError,
    StopOrder,
};
pub use local::{LocalConfig, LocalEngine};
pub use reconcile::{Reconciler, ReconcilerConfig};
