//! The platform: the log with its sequencer, the blobs, the keys, and what runs around them.
//!
//! What the platform decides is in the state machine: everything it answers is a query there, and
//! everything it changes a command. Beside it are only what must be able to disappear (the vault), who
//! is signed in, and what capability tokens have spent.

mod allowances;
mod answers;
mod assigned;
mod bootstrap;
mod calls;
mod capture_spool;
mod captured;
mod content;
pub mod courses;
mod directory;
pub mod drains;
mod engine;
pub mod erasures;
mod figures;
mod flows;
mod followers;
mod heard;
pub mod importer;
mod leases;
mod log;
mod open;
pub mod planner;
pub(crate) mod positions;
mod questions;
pub mod scaling;
pub(crate) mod signature;
mod sovereign;
pub(crate) mod token;
mod upstreams;
mod usage;

use std::{
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use api::engine::{AttemptReport, DesiredNode};
use kernel::{Actor, Reject, State, Submission};
use store::{Blobs, DataFolder, Finality, Handle, LogView, Outcome, SubmitError, Vault};
use tokio::sync::watch;
use units::{Digest, DurationMicros, Id, IdKind, UnixMicros, kinds};

pub use allowances::{CallAccount, CallAllowance, CallLevel, CallRoom, CallStanding};
pub(crate) use answers::FoundAnswer;
pub use answers::{AnswerFinder, AnswerPath, KeptAnswer};
pub use assigned::{Assigned, Assignments};
pub use capture_spool::{CaptureSpool, CapturedLine, DroppedRecords, SharedSpool};
pub use captured::{
    AddCapturedError, Capture, CaptureClosing, CaptureTaking, CaptureWaiting, Captures,
    DroppedCounts,
};
pub use content::ContentError;
pub use directory::{CallRefused, CallRoute, CallableModel, Calling};
pub use figures::{CallFigure, CallFigures};
pub use flows::DeclaredFlow;
pub use followers::LocalHeld;
pub use open::{OpenError, PlatformConfig, model_public_key};
pub use scaling::{SeenLoad, SeenReplica};
pub use signature::{ModelSigner, SignatureError, SignedFile, verify as verify_model};
pub use upstreams::{CallUpstream, UpstreamAccess, UpstreamError};
pub use usage::TokenUsage;

use crate::sign_in::SignIn;

/// Delivers what a gateway has counted and not yet handed over.
type UsageFlush = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;
/// Renders a gateway's counters.
type MetricsText = Box<dyn Fn() -> String + Send + Sync>;

/// Everything that one running platform shares.
pub struct Platform {
    /// Taken when the platform closes.
    folder: Mutex<Option<DataFolder>>,
    handle: Handle,
    log: LogView,
    finality: Finality,
    final_size: watch::Receiver<u64>,
    blobs: Blobs,
    vault: Vault,
    ahead: open::Ahead,
    /// Held for reading while somebody registers content, for writing while content is destroyed: what
    /// was found to be stored must still be so when it is referred to.
    references: Arc<tokio::sync::RwLock<()>>,
    data_dir: PathBuf,
    version: String,
    program: OnceLock<String>,
    signer: ModelSigner,
    size: watch::Receiver<u64>,
    usage_flush: OnceLock<UsageFlush>,
    gateway_metrics: OnceLock<MetricsText>,
    figures: figures::Figures,
    loads: Mutex<Vec<scaling::LoadSource>>,
    heard: heard::Heard,
    answers: OnceLock<AnswerFinder>,
    captures: OnceLock<Box<dyn Captures>>,
    declared: OnceLock<Vec<DeclaredFlow>>,
    leases: leases::Leases,
    local_held: OnceLock<LocalHeld>,
    sign_in: SignIn,
    public_url: OnceLock<String>,
    positions: positions::Positions,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// Why a command was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitFailure {
    /// The state does not allow it; nothing has changed.
    #[error(transparent)]
    Reject(Box<Reject>),
    /// It could not be taken now; nothing has changed.
    #[error("{0}")]
    Unavailable(String),
    /// Nobody knows whether it was stored: send it again with the same idempotency key.
    #[error("{0}")]
    Unknown(String),
}

impl From<SubmitError> for SubmitFailure {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Reject(reject) => Self::Reject(Box::new(reject)),
            SubmitError::Overloaded { .. } | SubmitError::NotStored { .. } => {
                Self::Unavailable(text)
            }
            SubmitError::Unknown { .. } | SubmitError::Stopped { .. } => Self::Unknown(text),
        }
    }
}

/// Why inputs could not be brought to the disk.
#[derive(Debug, thiserror::Error)]
pub enum MaterialiseError {
    /// The store does not have the manifest or a file of it.
    #[error("it is not stored")]
    Missing,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(std::io::Error),
    /// The content does not match its digest.
    #[error("{0}")]
    Damaged(String),
}

impl Platform {
    /// Looks at the durable state; keep it short, the sequencer waits for lookers.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.handle.read(look)
    }

    /// Submits a command and waits until it is durable or refused.
    ///
    /// # Errors
    /// [`SubmitFailure`].
    pub async fn submit(
        &self,
        actor: Actor,
        submission: Submission,
    ) -> Result<Outcome, SubmitFailure> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.handle.submit_with(actor, submission, move |verdict| {
            // A caller that has gone does not want to know.
            let _ = tell.send(verdict);
        });
        match told.await {
            Ok(verdict) => verdict.map_err(SubmitFailure::from),
            Err(_) => Err(SubmitFailure::Unknown("the log has stopped: restart".to_owned())),
        }
    }

    /// The wall clock; commands are stamped by the sequencer, this is for queries.
    #[must_use]
    pub fn now(&self) -> UnixMicros {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        UnixMicros(now.saturating_add(self.ahead.micros()))
    }

    /// Sets this process's clock ahead, for drills and tests of what happens at a later date. The log
    /// keeps the later times: never do this to a platform that is to go on.
    pub fn set_clock_ahead(&self, by: DurationMicros) {
        self.ahead.add(by);
    }

    /// A fresh id.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn fresh_id<K: IdKind>(&self) -> Result<Id<K>, getrandom::Error> {
        let mut random = [0_u8; 10];
        getrandom::fill(&mut random)?;
        Ok(Id::from_parts(self.now().millis(), random))
    }

    /// The artefacts.
    #[must_use]
    pub const fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// What must be able to disappear: personal data and secrets, sealed.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Keeps stored content from being destroyed until it is referred to.
    pub(crate) async fn hold_content(&self) -> tokio::sync::OwnedRwLockReadGuard<()> {
        Arc::clone(&self.references).read_owned().await
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where the local engine keeps a workload: `attempt-N/log`, `work/out`.
    #[must_use]
    pub fn workload_dir(&self, id: Id<kinds::Workload>) -> PathBuf {
        self.data_dir.join("run").join(id.to_string())
    }

    /// The key for model signatures.
    #[must_use]
    pub const fn signer(&self) -> &ModelSigner {
        &self.signer
    }

    /// Name, version and digest of this program, as lineage names it. The first call reads the
    /// whole program file, so it blocks; a start does not wait for it.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.get_or_init(|| match open::program_digest() {
            Ok(digest) => format!("{} {digest}", self.version),
            Err(error) => {
                tracing::warn!(%error, "lineage will not name this program's digest");
                self.version.clone()
            }
        })
    }

    /// Everything that must be true now on the nodes of one engine, as of one moment; under the first
    /// one's id.
    #[must_use]
    pub fn desired_nodes(&self, nodes: &[Id<kinds::Node>]) -> DesiredNode {
        self.read(|state| engine::desired_nodes(state, nodes))
    }

    /// Records what an engine saw.
    ///
    /// # Errors
    /// [`SubmitFailure`]; a stale report is a reject.
    pub async fn report(&self, report: &AttemptReport) -> Result<(), SubmitFailure> {
        self.submit(Actor::Engine, engine::to_submission(report)).await.map(|_| ())
    }

    /// Writes the files of a manifest below an empty folder, read-only.
    ///
    /// # Errors
    /// [`MaterialiseError`].
    pub fn materialise(&self, manifest: Digest, into: &Path) -> Result<(), MaterialiseError> {
        use store::blob::BlobError;
        // Copies, not links: a workload that changes its input must not change the store.
        match self.blobs.materialise(manifest, into, store::blob::Placing::Copy) {
            Ok(_) => Ok(()),
            Err(BlobError::Missing { .. }) => Err(MaterialiseError::Missing),
            Err(BlobError::Io { source, .. }) => Err(MaterialiseError::Io(source)),
            Err(other) => Err(MaterialiseError::Damaged(other.to_string())),
        }
    }

    /// Workloads that hold nodes now.
    #[must_use]
    pub fn n_running(&self) -> usize {
        self.read(|state| state.active_workloads().filter(|w| w.holds_nodes()).count())
    }

    /// Sets how waiting usage is delivered; once, at start.
    pub fn set_usage_flush(&self, flush: UsageFlush) {
        let _ = self.usage_flush.set(flush);
    }

    /// Delivers waiting usage, so that a bill is of now and not of the last minute.
    pub async fn flush_usage(&self) {
        if let Some(flush) = self.usage_flush.get() {
            flush().await;
        }
    }

    /// Adds a gateway whose load the number of services follows.
    pub fn add_load_source(&self, source: scaling::LoadSource) {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// What each gateway has in flight now: those of this process, and those that say so.
    pub(crate) fn seen_loads(&self) -> Vec<(scaling::Where, scaling::Loads)> {
        let sources = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let here = sources.iter().enumerate();
        let here = here.map(|(place, source)| (scaling::Where::Here(place), source()));
        let mut all: Vec<_> = here.collect();
        drop(sources);
        all.extend(self.heard.loads());
        all
    }

    /// Sets how the gateway's counters are rendered; once, at start.
    pub fn set_gateway_metrics(&self, render: MetricsText) {
        let _ = self.gateway_metrics.set(render);
    }

    /// The gateway's counters in Prometheus text; empty without a gateway.
    #[must_use]
    pub fn gateway_metrics(&self) -> String {
        self.gateway_metrics.get().map_or_else(String::new, |render| render())
    }

    /// Sessions, attempts to sign in, and what capability tokens are signed with.
    pub(crate) const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Sets the address under which people reach this platform, without a slash at the end; once, at
    /// start. What a request says of its host is not believed.
    pub fn set_public_url(&self, url: &str) {
        let _ = self.public_url.set(url.trim_end_matches('/').to_owned());
    }

    /// The address under which people reach this platform, if it was set.
    #[must_use]
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.get().map(String::as_str)
    }

    /// Finishes what is queued and saves a snapshot.
    pub async fn close(&self) {
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(folder) = folder else { return };
        let closed = tokio::task::spawn_blocking(move || folder.close()).await;
        if let Ok(Err(error)) = closed {
            tracing::error!(%error, "the log did not close cleanly; the next start replays it");
        }
    }
}
