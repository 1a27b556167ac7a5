//! Capture of payloads, as the gateway needs it: whether a project wants its texts kept, and how they become
//! a version of its dataset. The gateway writes them down; nothing of a text passes through here but as a file.

use std::{collections::BTreeMap, future::Future, path::PathBuf, pin::Pin};

use kernel::{
    Actor, Command, State, Submission,
    dataset::{self, NewVersion},
};
use store::{
    Blobs,
    blob::{BlobError, File, Imported, Manifest},
};
use units::{Bytes, DataClass, Id, UnixMicros, kinds};

use super::{CapturedLine, Platform, SubmitFailure};

/// What lineage says of captured versions.
const SOURCE: &str = "captured by the gateway";

/// What is to be captured of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Where it goes.
    pub dataset: Id<kinds::Dataset>,
    /// Of a thousand requests so many, from 1 to 1000.
    pub permille: u16,
    /// The dataset's class: nothing of a higher class may go there.
    pub class: DataClass,
}

/// What was captured and is in no version yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaptureWaiting {
    /// Questions with their answers.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them was captured.
    pub since: Option<UnixMicros>,
    /// Those that should have been kept and could not be, since the start.
    pub dropped: u64,
}

/// The number of a version that is made, or none; an error is text for people.
pub type CaptureClosing = Pin<Box<dyn Future<Output = Result<Option<u32>, String>> + Send>>;

/// How many records are kept.
pub type CaptureTaking = Pin<Box<dyn Future<Output = u64> + Send>>;
/// Records of projects that could not be kept.
pub type DroppedCounts = BTreeMap<Id<kinds::Project>, u64>;

/// Who writes captured texts down until they are a version.
pub trait Captures: Send + Sync {
    /// What waits of a project.
    fn waiting(&self, project: Id<kinds::Project>) -> CaptureWaiting;
    /// Makes a version of what waits.
    fn close(&self, project: Id<kinds::Project>) -> CaptureClosing;
    /// Writes down what a gateway apart has captured, and counts what it had no room for; answers how many
    /// records are kept.
    fn take(&self, lines: Vec<CapturedLine>, dropped: DroppedCounts) -> CaptureTaking;
}

/// Why captured files did not become a version. They may be offered again, unless it was refused.
#[derive(Debug, thiserror::Error)]
pub enum AddCapturedError {
    /// The dataset takes nothing captured, now and later: it is erased, closed, or has no retention.
    #[error("the dataset takes nothing that is captured")]
    Refused,
    /// A file could not be stored.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// The log did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitFailure),
}

impl Platform {
    /// What is to be captured of what a project's keys ask; `None` if nothing.
    #[must_use]
    pub fn capture(&self, project: Id<kinds::Project>) -> Option<Capture> {
        self.read(|state| of(state, project))
    }

    /// How sensitive what an endpoint is asked counts as.
    #[must_use]
    pub fn endpoint_class(&self, endpoint: Id<kinds::Endpoint>) -> Option<DataClass> {
        self.read(|state| state.endpoints.get(&endpoint).map(|found| found.class(state)))
    }

    /// Makes a version of files, each under its path in the version; answers its number. `since` is when the
    /// oldest text in them was captured. Offered again, the same files are the same version.
    ///
    /// # Errors
    /// [`AddCapturedError`].
    pub async fn add_captured(
        &self,
        dataset: Id<kinds::Dataset>,
        files: Vec<(String, PathBuf)>,
        since: UnixMicros,
    ) -> Result<u32, AddCapturedError> {
        let _kept = self.hold_content().await;
        // Before anything is stored: what no version names would lie there for ever.
        if self.read(|state| takes(state, dataset)).is_none() {
            return Err(AddCapturedError::Refused);
        }
        let blobs = self.blobs().clone();
        let stored = tokio::task::spawn_blocking(move || store(&blobs, &files)).await;
        let stored = stored.map_err(|error| SubmitFailure::Unavailable(error.to_string()))??;
        let version = NewVersion {
            id: dataset,
            manifest: stored.digest,
            files: u32::try_from(stored.manifest.files.len()).unwrap_or(u32::MAX),
            size: Bytes(stored.manifest.size()),
            source: SOURCE.to_owned(),
        };
        let add = Command::Dataset(dataset::Command::AddCaptured { version, since });
        self.submit(Actor::System, Submission::new(add)).await?;
        let number = self.read(|state| {
            let versions = &state.datasets.get(&dataset)?.versions;
            versions.iter().rev().find(|one| one.manifest == stored.digest).map(|one| one.number)
        });
        number.ok_or(AddCapturedError::Refused)
    }

    /// Sets who writes captured texts down; once, at start.
    pub fn set_captures(&self, captures: Box<dyn Captures>) {
        let _ = self.captures.set(captures);
    }

    /// What waits of a project; nothing where nobody writes.
    pub(crate) fn capture_waiting(&self, project: Id<kinds::Project>) -> CaptureWaiting {
        self.captures.get().map(|captures| captures.waiting(project)).unwrap_or_default()
    }

    /// Writes down what a gateway apart has captured; answers how much of it is kept.
    pub(crate) async fn write_captured(
        &self,
        lines: Vec<CapturedLine>,
        dropped: DroppedCounts,
    ) -> u64 {
        match self.captures.get() {
            Some(captures) => captures.take(lines, dropped).await,
            None => 0,
        }
    }

    /// Makes a version of what waits of a project.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(crate) async fn close_capture(
        &self,
        project: Id<kinds::Project>,
    ) -> Result<Option<u32>, String> {
        match self.captures.get() {
            Some(captures) => captures.close(project).await,
            None => Ok(None),
        }
    }
}

/// What is captured of a project.
pub(super) fn of(state: &State, project: Id<kinds::Project>) -> Option<Capture> {
    let wanted = state.projects.get(&project)?.capture?;
    let class = takes(state, wanted.dataset)?;
    Some(Capture { dataset: wanted.dataset, permille: wanted.permille, class })
}

/// The class of a dataset that takes what is captured.
fn takes(state: &State, id: Id<kinds::Dataset>) -> Option<DataClass> {
    let dataset = state.datasets.get(&id)?;
    let is_closed = kernel::erasure::project_is_closed(state, dataset.project);
    let takes = dataset.keep_days.is_some() && dataset.erased_at.is_none() && !is_closed;
    takes.then_some(dataset.class)
}

/// Stores the files and the manifest that lists them; blocks.
fn store(blobs: &Blobs, files: &[(String, PathBuf)]) -> Result<Imported, BlobError> {
    let one = |(path, file): &(String, PathBuf)| {
        let stored = blobs.put_file(file)?;
        Ok(File { path: path.clone(), digest: stored.digest, size: stored.size })
    };
    let listed = files.iter().map(one).collect::<Result<Vec<_>, BlobError>>()?;
    blobs.put_manifest(Manifest::new(listed)?)
}
