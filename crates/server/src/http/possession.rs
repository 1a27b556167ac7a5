//! Who may read content by its digest, and build on it.
//!
//! Blobs of all tenants lie in one store, so a digest alone must open nothing: content may be read,
//! and named in manifests and versions, if a version that the caller may see names it, or if it was
//! put by somebody in the caller's scope since this process started. Sending the bytes is the proof
//! of having them; after a restart they are simply sent again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use kernel::{
    State,
    access::{self as kernel_access, Role, Scope},
};
use units::Digest;

use super::{App, access, blobs::blocking_fail, caller::Caller, fail::Fail};

/// Digests remembered as put; the memory is emptied beyond, and content then put again.
const PUT_MAX: usize = 500_000;
/// Manifests whose files are remembered.
const MANIFESTS_MAX: usize = 1_024;

/// What was put lately, and what manifests list.
#[derive(Debug, Default)]
pub(crate) struct Possession {
    put: Mutex<BTreeSet<(Scope, Digest)>>,
    files: Mutex<BTreeMap<Digest, Arc<BTreeSet<Digest>>>>,
}

impl Possession {
    /// Somebody in this scope has sent the content.
    pub(crate) fn note(&self, caller: &Caller, digest: Digest) {
        let scopes = access::scopes(caller, Role::Member);
        let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        if put.len() >= PUT_MAX {
            put.clear();
        }
        put.extend(scopes.into_iter().map(|scope| (scope, digest)));
    }

    /// True if somebody in a scope that the caller's covers has sent the content.
    fn has_put(&self, state: &State, mine: Scope, digest: Digest) -> bool {
        let put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        let narrower = std::iter::once(mine)
            .chain(state.projects.keys().map(|id| Scope::Project(*id)))
            .filter(|scope| kernel_access::covers(state, mine, *scope))
            .filter(|scope| !kernel_access::is_shut(state, mine, *scope));
        narrower.into_iter().any(|scope| put.contains(&(scope, digest)))
    }

    /// The files of a manifest, read once; nothing for one that is not stored.
    pub(crate) fn files_of(&self, store: &store::Blobs, manifest: Digest) -> Arc<BTreeSet<Digest>> {
        let known =
            self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&manifest).cloned();
        if let Some(files) = known {
            return files;
        }
        let listed = store.manifest(manifest).map(|m| m.files).unwrap_or_default();
        let files: Arc<BTreeSet<Digest>> = Arc::new(listed.iter().map(|f| f.digest).collect());
        let mut all = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANIFESTS_MAX {
            all.clear();
        }
        all.insert(manifest, Arc::clone(&files));
        files
    }
}

/// Manifests and signatures of versions that the caller may see, the newest first.
fn visible(state: &State, caller: &Caller) -> (Vec<Digest>, BTreeSet<Digest>) {
    // Who may only make things in a project builds on what is in it.
    let sees = |id| {
        let allows = |role| access::allows(state, caller, role, Scope::Project(id));
        allows(Role::Viewer) || allows(Role::Member)
    };
    let datasets = state.datasets.values().rev().filter(|dataset| sees(dataset.project));
    let models: Vec<_> = state.models.values().rev().filter(|model| sees(model.project)).collect();
    let signatures =
        models.iter().flat_map(|model| &model.versions).filter_map(|v| v.signature).collect();
    let of_datasets = datasets.flat_map(|d| d.kept().rev()).map(|v| v.manifest);
    let of_models = models.iter().flat_map(|m| m.versions.iter().rev()).map(|v| v.manifest);
    (of_models.chain(of_datasets).collect(), signatures)
}

/// Where the caller may use content: what it may read, or make.
fn caller_scopes(caller: &Caller) -> Result<Vec<Scope>, Fail> {
    caller.principal()?;
    let mut scopes = access::scopes(caller, Role::Viewer);
    scopes.extend(access::scopes(caller, Role::Member));
    Ok(scopes)
}

/// The digests among these that the caller may not use: they must look as if not stored.
///
/// # Errors
/// 401 without a key.
pub(crate) async fn withheld(
    app: &Arc<App>,
    caller: &Caller,
    wanted: BTreeSet<Digest>,
) -> Result<BTreeSet<Digest>, Fail> {
    let mine = caller_scopes(caller)?;
    let (manifests, signatures, mut left) = app.platform.read(|state| {
        let (manifests, signatures) = visible(state, caller);
        let put = |digest: &Digest| {
            mine.iter().any(|scope| app.possession.has_put(state, *scope, *digest))
        };
        let left: BTreeSet<Digest> = wanted.into_iter().filter(|digest| !put(digest)).collect();
        (manifests, signatures, left)
    });
    left.retain(|digest| !signatures.contains(digest) && !manifests.contains(digest));
    if left.is_empty() {
        return Ok(left);
    }
    let app = Arc::clone(app);
    blocking_fail(move || {
        for manifest in manifests {
            let files = app.possession.files_of(app.platform.blobs(), manifest);
            left.retain(|digest| !files.contains(digest));
            if left.is_empty() {
                break;
            }
        }
        Ok(left)
    })
    .await
}
