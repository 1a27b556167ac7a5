//! Datasets: named, classed, with content-addressed versions that never change.

mod apply;
mod decide;
mod retention;

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub use retention::{KEEP_DAYS_MAX, expired};
pub(crate) use retention::{forget, retain};

use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Digest, Id, Name, UnixMicros, kinds};

use crate::{Meta, Reject, State, Subject, model::Artefact};

/// One immutable version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1. What a retention erased leaves a gap, and no number is given twice.
    pub number: u32,
    /// The manifest that lists the files by path, digest and size.
    pub manifest: Digest,
    /// Files listed.
    pub files: u32,
    /// Bytes of all files.
    pub size: Bytes,
    /// Where the data comes from: generator with seed, URL, or a workload; for people and lineage.
    pub source: String,
    /// Versions that it was made from, as far as is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Artefact>,
    /// When the oldest text in it was captured, if the gateway captured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixMicros>,
    /// When it was added.
    pub created_at: UnixMicros,
}

/// How a dataset's data came to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody put it there.
    #[default]
    Given,
    /// What people asked models and what those answered.
    Captured,
}

impl Origin {
    /// True unless it was captured.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        matches!(self, Self::Given)
    }

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Captured => "captured",
        }
    }
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: Id<kinds::Dataset>,
    /// Its owner.
    pub project: Id<kinds::Project>,
    /// Unique among the project's datasets.
    pub name: Name,
    /// How sensitive every version is.
    pub class: DataClass,
    /// How its data came to be.
    #[serde(default, skip_serializing_if = "Origin::is_given")]
    pub origin: Origin,
    /// Since when its content is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<UnixMicros>,
    /// Days for which a text that was captured stays. Where this is said, the gateway alone adds versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u16>,
    /// Versions up to this number are erased, or are being erased; 0 if none is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub erased_through: u32,
    /// Versions in order; one that is being erased is here until it is gone.
    pub versions: Vec<Version>,
    /// Version (for `If-Match`) and times.
    pub meta: Meta,
}

impl Dataset {
    /// A version by number.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// Versions that no retention has taken, in order; of a dataset that is erased, those it had.
    pub fn kept(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.iter().filter(|version| version.number > self.erased_through)
    }

    /// True unless what has this number is erased, or is being erased.
    #[must_use]
    pub const fn is_kept(&self, number: u32) -> bool {
        self.erased_at.is_none() && number > self.erased_through
    }

    /// The highest number that was ever given.
    #[must_use]
    pub fn last_number(&self) -> u32 {
        let last = self.versions.last().map_or(0, |version| version.number);
        last.max(self.erased_through)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A version to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVersion {
    /// The dataset.
    pub id: Id<kinds::Dataset>,
    /// The manifest, already stored.
    pub manifest: Digest,
    /// Files listed.
    pub files: u32,
    /// Bytes of all files.
    pub size: Bytes,
    /// Where the data comes from.
    pub source: String,
}

/// What can be asked about datasets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one without versions.
    Create {
        /// Its owner.
        project: Id<kinds::Project>,
        /// Unique among the project's datasets.
        name: Name,
        /// How sensitive it is.
        class: DataClass,
    },
    /// Creates one for what people asked models: it enters no training unless its organisation
    /// allows that.
    CreateCaptured {
        /// Its owner.
        project: Id<kinds::Project>,
        /// Unique among the project's datasets.
        name: Name,
        /// How sensitive it is.
        class: DataClass,
    },
    /// Adds a version that was made from others.
    AddDerived {
        /// The version.
        version: NewVersion,
        /// What it was made from; above none.
        parents: Vec<Artefact>,
    },
    /// Adds a version.
    AddVersion {
        /// The dataset.
        id: Id<kinds::Dataset>,
        /// The manifest, already stored.
        manifest: Digest,
        /// Files listed.
        files: u32,
        /// Bytes of all files.
        size: Bytes,
        /// Where the data comes from.
        source: String,
    },
    /// Adds what the gateway captured, to a dataset with a retention. Only the platform asks for it.
    AddCaptured {
        /// The version.
        version: NewVersion,
        /// When the oldest text in it was captured.
        since: UnixMicros,
    },
}

/// What can happen to datasets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Dataset>,
        /// Its owner.
        project: Id<kinds::Project>,
        /// Its name.
        name: Name,
        /// Its class.
        class: DataClass,
    },
    /// A version was added.
    VersionAdded {
        /// The dataset.
        id: Id<kinds::Dataset>,
        /// The version's number.
        number: u32,
        /// The manifest.
        manifest: Digest,
        /// Files listed.
        files: u32,
        /// Bytes of all files.
        size: Bytes,
        /// Where the data comes from.
        source: String,
        /// Positions of the decisions that allow it to lie where artefacts are kept; empty in older
        /// entries and where no such place is registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decided: Vec<u64>,
        /// When the oldest text in it was captured, if the gateway captured it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<UnixMicros>,
    },
    /// One was created for captured data.
    CreatedCaptured {
        /// Its id.
        id: Id<kinds::Dataset>,
        /// Its owner.
        project: Id<kinds::Project>,
        /// Its name.
        name: Name,
        /// Its class.
        class: DataClass,
    },
    /// A version was added that was made from others.
    VersionDerived {
        /// The version's number.
        number: u32,
        /// Everything else.
        version: NewVersion,
        /// What it was made from.
        parents: Vec<Artefact>,
        /// Positions of the decisions that allow it to lie where artefacts are kept; empty in older
        /// entries and where no such place is registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decided: Vec<u64>,
    },
    /// From now on what is captured into it stays for so long.
    RetentionSet {
        /// The dataset.
        id: Id<kinds::Dataset>,
        /// Days, counted from when a text was captured.
        keep_days: u16,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "dataset.created",
            Self::VersionAdded { .. } => "dataset.version_added",
            Self::CreatedCaptured { .. } => "dataset.created_captured",
            Self::VersionDerived { .. } => "dataset.version_derived",
            Self::RetentionSet { .. } => "dataset.retention_set",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::CreatedCaptured { id, .. }
            | Self::VersionAdded { id, .. }
            | Self::RetentionSet { id, .. } => (*id).into(),
            Self::VersionDerived { version, .. } => version.id.into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Dataset>> {
    match command {
        Command::Create { .. } | Command::CreateCaptured { .. } => None,
        Command::AddDerived { version, .. } | Command::AddCaptured { version, .. } => {
            Some(version.id)
        }
        Command::AddVersion { id, .. } => Some(*id),
    }
}

/// The dataset, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Dataset>) -> Result<&Dataset, Reject> {
    state.datasets.get(&id).ok_or_else(|| Reject::not_found("dataset", id))
}
