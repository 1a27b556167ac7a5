//! Parents that a new version has whether or not somebody names them: it holds a file that a captured
//! version of the same organisation holds. Files are compared by content, so another name hides nothing.

use std::{collections::BTreeSet, sync::Arc};

use kernel::{State, model::Artefact};
use units::{Digest, Id, kinds};

use super::{App, blobs::blocking_fail, fail::Fail};

/// Most parents that are added; whoever mixes more has named enough of them.
const PARENTS_MAX: usize = 32;

/// Captured versions that share a file with this content, which is to become a version of `dataset`.
///
/// # Errors
/// If a stored manifest cannot be read.
pub(super) async fn captured_parents(
    app: &Arc<App>,
    dataset: Id<kinds::Dataset>,
    manifest: Digest,
) -> Result<Vec<Artefact>, Fail> {
    let captured = app.platform.read(|state| captured_of(state, dataset));
    if captured.is_empty() {
        return Ok(Vec::new());
    }
    let app = Arc::clone(app);
    blocking_fail(move || {
        let files = |manifest| app.possession.files_of(app.platform.blobs(), manifest);
        let mine: Arc<BTreeSet<Digest>> = files(manifest);
        let shares = |other: Digest| files(other).iter().any(|file| mine.contains(file));
        let parents = captured.into_iter().filter(|(_, other)| shares(*other));
        Ok(parents.map(|(artefact, _)| artefact).take(PARENTS_MAX).collect())
    })
    .await
}

/// Versions of other captured datasets of the organisation, with their content.
fn captured_of(state: &State, dataset: Id<kinds::Dataset>) -> Vec<(Artefact, Digest)> {
    let organisation = |project| state.projects.get(&project).map(|p| p.organisation);
    let Some(home) = state.datasets.get(&dataset).and_then(|d| organisation(d.project)) else {
        return Vec::new();
    };
    let others = state.datasets.values().filter(|d| {
        !d.origin.is_given() && d.id != dataset && organisation(d.project) == Some(home)
    });
    let kept = others.filter(|d| d.erased_at.is_none());
    kept.flat_map(|d| {
        let version = |number| Artefact::Dataset { id: d.id, version: number };
        d.kept().map(move |v| (version(v.number), v.manifest))
    })
    .collect()
}
