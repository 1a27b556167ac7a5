//! The traits at the border: an engine, the control plane above it, and the artefact store beside.
//!
//! Who calls: [`crate::reconcile`] calls an [`Engine`] and a [`ControlPlane`]; the app implements
//! the control plane and [`Artefacts`]. Nothing here decides anything.

use std::{future::Future, io, path::Path};

use api::engine::{AttemptReport, AttemptUsage, DesiredNode, DesiredProcess, NodeFacts, Phase};
use serde::{Deserialize, Serialize};
use units::{Digest, DurationMicros, Id, kinds};

/// Names one rank of one attempt of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// Rank of this node in the gang, from 0.
    pub rank: u32,
    /// Attempt number, from 1.
    pub attempt: u32,
}

impl From<&DesiredProcess> for AttemptKey {
    fn from(process: &DesiredProcess) -> Self {
        Self { workload: process.workload, rank: process.rank, attempt: process.attempt }
    }
}

/// What an engine sees of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Which attempt.
    pub key: AttemptKey,
    /// The newest generation that the engine has acted on for this workload.
    pub generation: u64,
    /// Where it stands; `None` while it is being prepared (inputs are being copied).
    pub phase: Option<Phase>,
    /// Cumulative use.
    pub usage: AttemptUsage,
}

impl Observed {
    /// True if something may still run, so that a stop is needed before it is gone.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match &self.phase {
            None | Some(Phase::Running | Phase::Ready { .. } | Phase::Unready) => true,
            Some(Phase::Exited { .. } | Phase::LaunchFailed { .. }) => false,
        }
    }
}

/// How to stop an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopOrder {
    /// Time between the stop signal and SIGKILL.
    pub grace: DurationMicros,
    /// The generation that orders it; `None` for something that is not desired at all.
    pub generation: Option<u64>,
}

/// An execution engine on one node. Every method is idempotent.
pub trait Engine: Send + Sync + 'static {
    /// What the engine knows about its machine.
    fn facts(&self) -> impl Future<Output = NodeFacts> + Send;

    /// What exists: everything in `wanted` that the engine knows of, and everything alive.
    ///
    /// # Errors
    /// Only if nothing at all can be said; a single unreadable attempt is left out and logged.
    fn observe(
        &self,
        wanted: &DesiredNode,
    ) -> impl Future<Output = Result<Vec<Observed>, EngineError>> + Send;

    /// Starts the attempt unless it was ever started; returns before it is up.
    ///
    /// # Errors
    /// [`EngineError::Stale`] for an older generation, [`EngineError::Occupied`] while another
    /// attempt of the workload is still alive here, otherwise I/O.
    fn ensure_running(
        &self,
        process: &DesiredProcess,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Orders the attempt to end; returns before it has. An attempt that was never started is
    /// recorded as stopped, so that it never starts.
    ///
    /// # Errors
    /// [`EngineError::Stale`] for an older generation, otherwise I/O.
    fn ensure_stopped(
        &self,
        key: AttemptKey,
        order: StopOrder,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// The platform as an engine sees it.
pub trait ControlPlane: Send + Sync + 'static {
    /// What must be true now. Anything else that runs is stopped, so this must only be called once
    /// the platform's state is fully replayed, and an attempt must stay listed (with
    /// [`api::engine::Goal::Stop`]) until its end has been accepted by [`Self::report`].
    fn desired(&self) -> DesiredNode;

    /// Takes reports; they are sent again until accepted.
    ///
    /// # Errors
    /// See [`ReportError`].
    fn report(
        &self,
        reports: Vec<AttemptReport>,
    ) -> impl Future<Output = Result<(), ReportError>> + Send;

    /// Completes when the desired state may have changed; must be safe to cancel.
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

/// Brings content-addressed inputs onto the disk.
pub trait Artefacts: Send + Sync + 'static {
    /// Writes the files that a manifest lists below `into`, an existing empty folder. May block.
    ///
    /// # Errors
    /// See [`ArtefactError`].
    fn materialise(&self, manifest: Digest, into: &Path) -> Result<(), ArtefactError>;
}

/// Why an input could not be brought to the disk.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// The store does not have it.
    #[error("manifest `{manifest}` is not in the artefact store: push the dataset version again")]
    Missing {
        /// What was asked for.
        manifest: Digest,
    },
    /// Reading or writing failed.
    #[error("manifest `{manifest}` could not be written: {source}")]
    Io {
        /// What was asked for.
        manifest: Digest,
        /// The cause.
        source: io::Error,
    },
    /// The content does not match its digest.
    #[error("manifest `{manifest}` is damaged: {detail}; restore the artefact store from a backup")]
    Damaged {
        /// What was asked for.
        manifest: Digest,
        /// Which part.
        detail: String,
    },
}

/// Why a report was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The platform cannot take it now; it will be sent again.
    #[error("the platform cannot take reports now: {message}")]
    Unavailable {
        /// The cause.
        message: String,
    },
    /// The platform refuses it (an older generation, an unknown workload); it is not sent again
    /// until something changes.
    #[error("the platform refuses the report: {message}")]
    Refused {
        /// The cause.
        message: String,
    },
}

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The order is older than what the engine has already acted on.
    #[error("generation {asked} is older than {known}, on which this engine has already acted")]
    Stale {
        /// The order's generation.
        asked: u64,
        /// The engine's.
        known: u64,
    },
    /// Another attempt of the workload is still alive; asked again later.
    #[error("attempt {attempt} of the workload is still alive here")]
    Occupied {
        /// That attempt.
        attempt: u32,
    },
    /// The run folder belongs to another process of the platform.
    #[error("`{folder}` is in use by another running platform: stop it, or choose another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// A file could not be read or written.
    #[error("cannot {what} `{path}`: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl EngineError {
    /// Attaches what was tried and where to an I/O error.
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.display().to_string(), source }
    }
}
