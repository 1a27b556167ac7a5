//! Datasets: create, list, get; versions: add, list.

use api::{
    nouns::{
        common::Page,
        dataset::{
            Dataset, DatasetCreate, DatasetGet, DatasetList, DatasetOrigin, DatasetVersion,
            DatasetVersionCreate, DatasetVersionList,
        },
    },
    reference::{ArtefactRef, InputRef},
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    dataset,
    model::Artefact,
};
use units::{Id, kinds};

use super::{
    access, blobs,
    caller::Caller,
    fail::Fail,
    lineage,
    mount::{Call, as_of},
    page,
    resolve::{self, Listing},
    unexpected,
};

/// `POST /api/v1/datasets`
pub(crate) async fn create(call: Call<DatasetCreate>) -> Result<Dataset, Fail> {
    let new = &call.body;
    let project =
        call.read(|state| resolve::project(state, &call.caller, Role::Member, &new.project))?;
    let (name, class) = (new.name.clone(), new.class);
    let command = match new.origin {
        DatasetOrigin::Given => dataset::Command::Create { project, name, class },
        DatasetOrigin::Captured => dataset::Command::CreateCaptured { project, name, class },
    };
    let accepted = call.submit(Command::Dataset(command)).await?;
    let Some(Subject::Dataset(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.datasets.get(&id).map(|d| dto(d, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/datasets`
pub(crate) async fn list(call: Call<DatasetList>) -> Result<Page<Dataset>, Fail> {
    call.read(|state| {
        let listing = Listing { state, caller: &call.caller, query: &call.query };
        listing.page(&state.datasets, |d| (d.project, &d.name), |d| dto(d, as_of(state)))
    })
}

/// `GET /api/v1/datasets/{id}`
pub(crate) async fn get(call: Call<DatasetGet>) -> Result<Dataset, Fail> {
    call.read(|state| {
        find(state, &call.caller, Role::Viewer, call.path.id).map(|d| dto(d, as_of(state)))
    })
}

/// `POST /api/v1/datasets/{id}/versions`
pub(crate) async fn add_version(call: Call<DatasetVersionCreate>) -> Result<DatasetVersion, Fail> {
    let (id, manifest) = (call.path.id, call.body.manifest);
    let _kept = call.platform().hold_content().await;
    let mut parents = call.read(|state| {
        let dataset = find(state, &call.caller, Role::Member, id)?;
        let named = call.body.parents.iter();
        let found =
            named.map(|one| resolve::input(state, dataset.project, one).map(|i| i.artefact));
        found.collect::<Result<Vec<Artefact>, Fail>>()
    })?;
    let (files, size) = blobs::of_version(&call, manifest).await?;
    parents.extend(lineage::captured_parents(&call.app, id, manifest).await?);
    parents.sort_unstable();
    parents.dedup();
    let source = format!("uploaded by {}", call.caller.actor()?);
    let add = if parents.is_empty() {
        dataset::Command::AddVersion { id, manifest, files, size, source }
    } else {
        let version = dataset::NewVersion { id, manifest, files, size, source };
        dataset::Command::AddDerived { version, parents }
    };
    let accepted = call.submit(Command::Dataset(add)).await?;
    call.read(|state| {
        let dataset = state.datasets.get(&id)?;
        // The newest version of this content: a repeated upload answers with the one it made.
        let version = dataset.kept().rev().find(|v| v.manifest == manifest)?;
        version_dto(state, dataset, version, accepted.seq)
    })
    .ok_or_else(unexpected)
}

/// `GET /api/v1/datasets/{id}/versions`
pub(crate) async fn list_versions(
    call: Call<DatasetVersionList>,
) -> Result<Page<DatasetVersion>, Fail> {
    let wanted = page::Wanted::<u32>::of(call.query.limit, call.query.page_token.as_deref())?;
    call.read(|state| {
        let dataset = find(state, &call.caller, Role::Viewer, call.path.id)?;
        let newest_first = dataset.kept().rev();
        let rest = newest_first.filter(|v| wanted.after.is_none_or(|after| v.number < after));
        let items = rest.filter_map(|version| {
            version_dto(state, dataset, version, as_of(state)).map(|dto| (version.number, dto))
        });
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Dataset>,
) -> Result<&'a dataset::Dataset, Fail> {
    let found = state.datasets.get(&id).map(|d| (d, Scope::Project(d.project)));
    access::find(state, caller, role, found, ("dataset", &id))
}

fn dto(dataset: &dataset::Dataset, seq: u64) -> Dataset {
    Dataset {
        id: dataset.id,
        project: dataset.project,
        name: dataset.name.clone(),
        class: dataset.class,
        origin: match dataset.origin {
            dataset::Origin::Given => DatasetOrigin::Given,
            dataset::Origin::Captured => DatasetOrigin::Captured,
        },
        erased_at: dataset.erased_at.map(Timestamp),
        n_versions: dataset.kept().last().map_or(0, |version| version.number),
        keep_days: dataset.keep_days,
        version: dataset.meta.version,
        seq,
        created_at: Timestamp(dataset.meta.created_at),
    }
}

fn input_ref(state: &State, artefact: Artefact) -> Option<InputRef> {
    let reference = resolve::artefact_ref(state, artefact)?;
    Some(match artefact {
        Artefact::Dataset { .. } => InputRef::Dataset(reference),
        Artefact::Model { .. } => InputRef::Model(reference),
    })
}

fn version_dto(
    state: &State,
    dataset: &dataset::Dataset,
    version: &dataset::Version,
    seq: u64,
) -> Option<DatasetVersion> {
    let artefact = Artefact::Dataset { id: dataset.id, version: version.number };
    let reference: ArtefactRef = resolve::artefact_ref(state, artefact)?;
    Some(DatasetVersion {
        dataset: dataset.id,
        number: version.number,
        reference,
        manifest: version.manifest,
        n_files: u64::from(version.files),
        size_bytes: version.size,
        parents: version.parents.iter().filter_map(|p| input_ref(state, *p)).collect(),
        seq,
        since: version.since.map(Timestamp),
        created_at: Timestamp(version.created_at),
    })
}
