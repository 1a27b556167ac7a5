//! Datasets: named, classed, with content-addressed versions that never change.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Digest, Id, Name, UnixMicros, kinds};

use crate::{Meta, Reject, State, Subject, model::Artefact};

/// One immutable version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1, without gaps.
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
    /// Versions in order.
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
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "dataset.created",
            Self::VersionAdded { .. } => "dataset.version_added",
            Self::CreatedCaptured { .. } => "dataset.created_captured",
            Self::VersionDerived { .. } => "dataset.version_derived",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::CreatedCaptured { id, .. }
            | Self::VersionAdded { id, .. } => (*id).into(),
            Self::VersionDerived { version, .. } => version.id.into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Dataset>> {
    match command {
        Command::Create { .. } | Command::CreateCaptured { .. } => None,
        Command::AddDerived { version, .. } => Some(version.id),
        Command::AddVersion { id, .. } => Some(*id),
    }
}

/// The dataset, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Dataset>) -> Result<&Dataset, Reject> {
    state.datasets.get(&id).ok_or_else(|| Reject::not_found("dataset", id))
}
