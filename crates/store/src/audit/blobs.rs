//! Whether every file that a dataset or model version lists is stored, whole and unchanged.

use std::collections::BTreeSet;
use std::path::Path;

use kernel::State;
use units::Digest;

use super::List;
use crate::blob::Blobs;

/// Reads every listed blob once; answers how many.
pub(super) fn check(root: &Path, state: &State, list: &mut List) -> u64 {
    let blobs = Blobs::existing(root);
    let mut seen = BTreeSet::new();
    for dataset in state.datasets.values() {
        for version in &dataset.versions {
            let what = format!("dataset {} v{}", dataset.id, version.number);
            check_manifest(&blobs, version.manifest, &what, &mut seen, list);
        }
    }
    for model in state.models.values() {
        for version in &model.versions {
            let what = format!("model {} v{}", model.id, version.number);
            check_manifest(&blobs, version.manifest, &what, &mut seen, list);
            if let Some(signature) = version.signature {
                check_blob(&blobs, signature, &what, &mut seen, list);
            }
        }
    }
    u64::try_from(seen.len()).unwrap_or(u64::MAX)
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
