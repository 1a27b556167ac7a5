//! What an erasure reaches on the disk, and what it must leave because somebody else has it too.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    State,
    erasure::{self, Target},
    model::Artefact,
    workload::Workload,
};
use store::{Blobs, blob::BlobError};
use units::{Digest, Id, kinds};

/// Content and folders, as the state names them.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Manifests that go.
    manifests: BTreeSet<Digest>,
    /// Single blobs that go, such as signatures.
    single: BTreeSet<Digest>,
    /// Manifests of what stays.
    kept_manifests: BTreeSet<Digest>,
    /// Single blobs of what stays.
    kept_single: BTreeSet<Digest>,
    /// Folders below `run/`.
    pub(super) folders: BTreeSet<String>,
    /// Projects that go as a whole.
    pub(super) projects: BTreeSet<Id<kinds::Project>>,
}

impl Reach {
    pub(super) fn of(state: &State, target: Target) -> Self {
        let mut reach = Self::default();
        for dataset in state.datasets.values() {
            for version in &dataset.versions {
                let artefact = Artefact::Dataset { id: dataset.id, version: version.number };
                if goes(state, target, artefact) {
                    reach.manifests.insert(version.manifest);
                } else if !erasure::is_gone(state, artefact) {
                    reach.kept_manifests.insert(version.manifest);
                }
            }
        }
        for model in state.models.values() {
            let artefact = Artefact::Model { id: model.id, version: 1 };
            let manifests = model.versions.iter().map(|version| version.manifest);
            let single = model.versions.iter().filter_map(|version| version.signature);
            if goes(state, target, artefact) {
                reach.manifests.extend(manifests);
                reach.single.extend(single);
            } else if !erasure::is_gone(state, artefact) {
                reach.kept_manifests.extend(manifests);
                reach.kept_single.extend(single);
            }
        }
        if let Target::Organisation(wanted) = target {
            let all = state.projects.values().filter(|one| one.organisation == wanted);
            reach.projects = all.map(|one| one.id).collect();
        }
        reach.folders = state.workloads.values().filter_map(|w| folder(state, target, w)).collect();
        reach
    }

    /// Blobs that nothing else refers to, with their bytes; manifests come out like any other blob.
    pub(super) fn blobs_to_go(&self, blobs: &Blobs) -> Result<BTreeMap<Digest, u64>, String> {
        let mut kept: BTreeSet<Digest> =
            self.kept_manifests.union(&self.kept_single).copied().collect();
        for manifest in &self.kept_manifests {
            kept.extend(files_of(blobs, *manifest)?.into_keys());
        }
        let mut gone = BTreeMap::new();
        for manifest in &self.manifests {
            gone.extend(files_of(blobs, *manifest)?);
            gone.insert(*manifest, blobs.size(*manifest).unwrap_or(0));
        }
        gone.extend(self.single.iter().map(|digest| (*digest, blobs.size(*digest).unwrap_or(0))));
        gone.retain(|digest, _| !kept.contains(digest) && blobs.exists(*digest));
        Ok(gone)
    }
}

fn goes(state: &State, target: Target, artefact: Artefact) -> bool {
    match (target, artefact) {
        (Target::User { .. } | Target::Dataset(_) | Target::Versions { .. }, _) => {
            target.takes(artefact)
        }
        (Target::Organisation(wanted), _) => {
            let project = match artefact {
                Artefact::Dataset { id, .. } => state.datasets.get(&id).map(|d| d.project),
                Artefact::Model { id, .. } => state.models.get(&id).map(|m| m.project),
            };
            project.is_some_and(|project| is_of(state, project, wanted))
        }
    }
}

/// The whole folder of an organisation's work; of a dataset's readers, the copies of their inputs.
fn folder(state: &State, target: Target, workload: &Workload) -> Option<String> {
    match target {
        Target::User { .. } => None,
        Target::Organisation(wanted) => {
            is_of(state, workload.project, wanted).then(|| workload.id.to_string())
        }
        Target::Dataset(_) | Target::Versions { .. } => {
            let reads = workload.spec.inputs.iter().any(|input| target.takes(input.artefact));
            reads.then(|| format!("{}/inputs", workload.id))
        }
    }
}

fn is_of(
    state: &State,
    project: Id<kinds::Project>,
    organisation: Id<kinds::Organisation>,
) -> bool {
    state.projects.get(&project).is_some_and(|p| p.organisation == organisation)
}

/// A manifest's files; none of one that is not stored, which an audit reports.
fn files_of(blobs: &Blobs, manifest: Digest) -> Result<BTreeMap<Digest, u64>, String> {
    match blobs.manifest(manifest) {
        Ok(found) => Ok(found.files.into_iter().map(|file| (file.digest, file.size)).collect()),
        Err(BlobError::Missing { .. }) => Ok(BTreeMap::new()),
        // A manifest that cannot be read may name anything: nothing is destroyed on a guess.
        Err(error) => Err(format!("manifest `{manifest}`: {error}")),
    }
}
