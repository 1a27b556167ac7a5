//! Models: named, with content-addressed versions, their lineage, signature and evaluations.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Digest, Id, Name, UnixMicros, kinds};

use crate::{Meta, Reject, State, Subject};

/// A version of a dataset or model, as an input or an ancestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Artefact {
    /// A dataset version.
    Dataset {
        /// The dataset.
        id: Id<kinds::Dataset>,
        /// Its version.
        version: u32,
    },
    /// A model version.
    Model {
        /// The model.
        id: Id<kinds::Model>,
        /// Its version.
        version: u32,
    },
}

/// Where a model version comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The workload that made it.
    pub workload: Option<Id<kinds::Workload>>,
    /// What it was made from.
    pub inputs: Vec<Artefact>,
    /// The program that made it, with its version or digest.
    pub program: String,
    /// Training compute in floating-point operations, with its method, if known.
    pub training_flop: Option<u64>,
}

/// A result on held-out data; counts, so that no float is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The metric, such as `exact_match`.
    pub metric: String,
    /// Items answered correctly.
    pub correct: u64,
    /// Items asked; above zero.
    pub total: u64,
    /// The workload that measured it.
    pub workload: Option<Id<kinds::Workload>>,
    /// The data it was measured on.
    pub dataset: Option<Artefact>,
    /// When it was recorded.
    pub at: UnixMicros,
}

/// One immutable version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1, without gaps.
    pub number: u32,
    /// The manifest that lists the files.
    pub manifest: Digest,
    /// Files listed.
    pub files: u32,
    /// Bytes of all files.
    pub size: Bytes,
    /// How sensitive it is: at least as its inputs.
    pub class: DataClass,
    /// Where it comes from.
    pub lineage: Lineage,
    /// The stored OpenSSF model signature bundle.
    pub signature: Option<Digest>,
    /// Results.
    pub evaluations: Vec<Evaluation>,
    /// When it was added.
    pub created_at: UnixMicros,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its id.
    pub id: Id<kinds::Model>,
    /// Its owner.
    pub project: Id<kinds::Project>,
    /// Unique among the project's models.
    pub name: Name,
    /// Versions in order.
    pub versions: Vec<Version>,
    /// Version (for `If-Match`) and times.
    pub meta: Meta,
}

impl Model {
    /// A version by number.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// What can be asked about models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one without versions.
    Create {
        /// Its owner.
        project: Id<kinds::Project>,
        /// Unique among the project's models.
        name: Name,
    },
    /// Adds a version.
    AddVersion(AddVersion),
    /// Records a result of a version.
    RecordEvaluation {
        /// The model.
        id: Id<kinds::Model>,
        /// Its version.
        version: u32,
        /// The metric.
        metric: String,
        /// Items answered correctly.
        correct: u64,
        /// Items asked.
        total: u64,
        /// The workload that measured it.
        workload: Option<Id<kinds::Workload>>,
        /// The data it was measured on.
        dataset: Option<Artefact>,
    },
}

/// A new version of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddVersion {
    /// The model.
    pub id: Id<kinds::Model>,
    /// The manifest, already stored.
    pub manifest: Digest,
    /// Files listed.
    pub files: u32,
    /// Bytes of all files.
    pub size: Bytes,
    /// How sensitive it is, at least; raised to that of its inputs.
    pub class: DataClass,
    /// Where it comes from.
    pub lineage: Lineage,
    /// The stored signature bundle.
    pub signature: Option<Digest>,
}

/// What can happen to models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Model>,
        /// Its owner.
        project: Id<kinds::Project>,
        /// Its name.
        name: Name,
    },
    /// A version was added.
    VersionAdded {
        /// The version's number.
        number: u32,
        /// Everything else, with the class as decided.
        version: AddVersion,
        /// Positions of the decisions that allow it to lie where artefacts are kept; empty in older
        /// entries and where no such place is registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decided: Vec<u64>,
    },
    /// A result was recorded.
    Evaluated {
        /// The model.
        id: Id<kinds::Model>,
        /// Its version.
        version: u32,
        /// The result.
        evaluation: Evaluation,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "model.created",
            Self::VersionAdded { .. } => "model.version_added",
            Self::Evaluated { .. } => "model.evaluated",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Evaluated { id, .. } => (*id).into(),
            Self::VersionAdded { version, .. } => version.id.into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Model>> {
    match command {
        Command::Create { .. } => None,
        Command::AddVersion(add) => Some(add.id),
        Command::RecordEvaluation { id, .. } => Some(*id),
    }
}

/// The model, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Model>) -> Result<&Model, Reject> {
    state.models.get(&id).ok_or_else(|| Reject::not_found("model", id))
}

/// The manifest and class of an artefact version, or a refusal.
pub(crate) fn resolve(state: &State, artefact: Artefact) -> Result<(Digest, DataClass), Reject> {
    match artefact {
        Artefact::Dataset { id, version } => {
            let dataset = crate::dataset::get(state, id)?;
            crate::erasure::require_kept(dataset)?;
            crate::erasure::require_kept_version(dataset, version)?;
            let found = dataset.version(version);
            let missing = || Reject::not_found("dataset version", format!("{id}@v{version}"));
            found.map(|v| (v.manifest, dataset.class)).ok_or_else(missing)
        }
        Artefact::Model { id, version } => {
            let found = get(state, id)?.version(version);
            let missing = || Reject::not_found("model version", format!("{id}@v{version}"));
            found.map(|v| (v.manifest, v.class)).ok_or_else(missing)
        }
    }
}

/// The project that owns an artefact.
pub(crate) fn owner(state: &State, artefact: Artefact) -> Result<Id<kinds::Project>, Reject> {
    match artefact {
        Artefact::Dataset { id, .. } => crate::dataset::get(state, id).map(|d| d.project),
        Artefact::Model { id, .. } => get(state, id).map(|m| m.project),
    }
}
