//! Whether every file that a dataset or model version lists is stored, whole and unchanged.

use std::collections::BTreeSet;
use std::path::Path;

use kernel::{
    State,
    erasure::{self, Phase, Target},
    model::Artefact,
};
use units::Digest;

use super::List;
use crate::blob::Blobs;

/// Reads every listed blob once; answers how many.
pub(super) fn check(root: &Path, state: &State, list: &mut List) -> u64 {
    let blobs = Blobs::existing(root);
    let mut seen = BTreeSet::new();
    let kept = |artefact| !erasure::is_gone(state, artefact);
    for dataset in state.datasets.values() {
        let id = dataset.id;
        let kept = |number| kept(Artefact::Dataset { id, version: number });
        for version in dataset.versions.iter().filter(|version| kept(version.number)) {
            let what = format!("dataset {} v{}", dataset.id, version.number);
            check_manifest(&blobs, version.manifest, &what, &mut seen, list);
        }
    }
    let models = state.models.values();
    for model in models.filter(|m| kept(Artefact::Model { id: m.id, version: 1 })) {
        for version in &model.versions {
            let what = format!("model {} v{}", model.id, version.number);
            check_manifest(&blobs, version.manifest, &what, &mut seen, list);
            if let Some(signature) = version.signature {
                check_blob(&blobs, signature, &what, &mut seen, list);
            }
        }
    }
    check_erased(&blobs, state, &seen, list);
    u64::try_from(seen.len()).unwrap_or(u64::MAX)
}

/// What is erased is gone, unless somebody else has the same.
fn check_erased(blobs: &Blobs, state: &State, kept: &BTreeSet<Digest>, list: &mut List) {
    let is_done = |id| {
        let mut done = state.erasures.values().filter(|e| matches!(e.phase, Phase::Done { .. }));
        done.any(|e| e.target == Target::Dataset(id))
    };
    for dataset in state.datasets.values().filter(|d| d.erased_at.is_some() && is_done(d.id)) {
        let manifests = dataset.versions.iter().map(|version| version.manifest);
        for manifest in manifests.filter(|m| !kept.contains(m) && blobs.exists(*m)) {
            list.push(None, format!("dataset {} is erased, but `{manifest}` is there", dataset.id));
        }
    }
}

fn check_manifest(
    blobs: &Blobs,
    digest: Digest,
    what: &str,
    seen: &mut BTreeSet<Digest>,
    list: &mut List,
) {
    if !seen.insert(digest) {
        return;
    }
    match blobs.manifest(digest) {
        Err(error) => list.push(None, format!("{what}: {error}")),
        Ok(manifest) => {
            for file in &manifest.files {
                check_blob(blobs, file.digest, what, seen, list);
            }
        }
    }
}

fn check_blob(
    blobs: &Blobs,
    digest: Digest,
    what: &str,
    seen: &mut BTreeSet<Digest>,
    list: &mut List,
) {
    if seen.insert(digest)
        && let Err(error) = blobs.verify(digest)
    {
        list.push(None, format!("{what}: {error}"));
    }
}
