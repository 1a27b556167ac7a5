//! Models: create, list, get; versions: add, list, get, evaluate.

use api::{
    nouns::{
        common::Page,
        model::{Model, ModelCreate, ModelGet, ModelList},
        model_version::{
            EvaluationCreate, ModelVersion, ModelVersionCreate, ModelVersionGet, ModelVersionList,
        },
    },
    reference::{ArtefactRef, InputRef},
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    model::{self, AddVersion, Artefact},
};
use units::{DataClass, Id, kinds};

use super::{
    access, blobs,
    caller::Caller,
    fail::Fail,
    models_dto::{dto, version_dto},
    mount::{Call, as_of},
    page,
    resolve::{self, Listing},
    unexpected,
};

/// Bytes of a signature bundle.
const SIGNATURE_BYTES_MAX: usize = 32 * 1024;

/// `POST /api/v1/models`
pub(crate) async fn create(call: Call<ModelCreate>) -> Result<Model, Fail> {
    let new = &call.body;
    let project =
        call.read(|state| resolve::project(state, &call.caller, Role::Member, &new.project))?;
    let command = Command::Model(model::Command::Create { project, name: new.name.clone() });
    let accepted = call.submit(command).await?;
    let Some(Subject::Model(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.models.get(&id).map(|m| dto(m, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/models`
pub(crate) async fn list(call: Call<ModelList>) -> Result<Page<Model>, Fail> {
    call.read(|state| {
        let listing = Listing { state, caller: &call.caller, query: &call.query };
        listing.page(&state.models, |m| (m.project, &m.name), |m| dto(m, as_of(state)))
    })
}

/// `GET /api/v1/models/{id}`
pub(crate) async fn get(call: Call<ModelGet>) -> Result<Model, Fail> {
    call.read(|state| {
        find(state, &call.caller, Role::Viewer, call.path.id).map(|m| dto(m, as_of(state)))
    })
}

/// `POST /api/v1/models/{id}/versions`
pub(crate) async fn add_version(call: Call<ModelVersionCreate>) -> Result<ModelVersion, Fail> {
    let (id, manifest) = (call.path.id, call.body.manifest);
    let _kept = call.platform().hold_content().await;
    let lineage = call.read(|state| {
        let model = find(state, &call.caller, Role::Member, id)?;
        lineage_of(state, model.project, &call)
    })?;
    let (files, size) = blobs::of_version(&call, manifest).await?;
    let signature = stored_signature(&call).await?;
    let class = DataClass::Public;
    let add = AddVersion { id, manifest, files, size, class, lineage, signature };
    let accepted = call.submit(Command::Model(model::Command::AddVersion(add))).await?;
    answer(&call, id, accepted.seq, |model| {
        model.versions.iter().rev().find(|version| version.manifest == manifest)
    })
}

/// What the caller says that the version was made from, as ids.
fn lineage_of(
    state: &State,
    project: Id<kinds::Project>,
    call: &Call<ModelVersionCreate>,
) -> Result<model::Lineage, Fail> {
    let given = &call.body.lineage;
    let dataset = given.dataset.clone().map(InputRef::Dataset);
    let base = given.base.clone().map(InputRef::Model);
    let inputs = [dataset, base].into_iter().flatten();
    let inputs = inputs.map(|input| resolve::input(state, project, &input).map(|i| i.artefact));
    if let Some(id) = given.workload {
        let own = state.workloads.get(&id).filter(|workload| workload.project == project);
        own.ok_or_else(|| Fail::not_found("workload", id))?;
    }
    Ok(model::Lineage {
        workload: given.workload,
        inputs: inputs.collect::<Result<_, Fail>>()?,
        program: given.software.clone().unwrap_or_default(),
        training_flop: None,
    })
}

async fn stored_signature(call: &Call<ModelVersionCreate>) -> Result<Option<units::Digest>, Fail> {
    let Some(signature) = call.body.signature.clone() else { return Ok(None) };
    if signature.len() > SIGNATURE_BYTES_MAX {
        let message = format!("has {} bytes: at most {SIGNATURE_BYTES_MAX}", signature.len());
        return Err(Fail::field("/signature", message));
    }
    if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&signature).is_err() {
        let message = "is not the JSON text of a signature bundle: pass the file's content";
        return Err(Fail::field("/signature", message));
    }
    blobs::put_text(&call.app, signature).await.map(Some)
}

/// `GET /api/v1/models/{id}/versions`
pub(crate) async fn list_versions(
    call: Call<ModelVersionList>,
) -> Result<Page<ModelVersion>, Fail> {
    let wanted = page::Wanted::<u32>::of(call.query.limit, call.query.page_token.as_deref())?;
    let page = call.read(|state| {
        let model = find(state, &call.caller, Role::Viewer, call.path.id)?;
        let newest_first = model.versions.iter().rev();
        let rest = newest_first.filter(|v| wanted.after.is_none_or(|after| v.number < after));
        let items = rest.filter_map(|version| {
            let dto = version_dto(state, model, version, as_of(state))?;
            Some((version.number, dto))
        });
        Ok::<_, Fail>(page::cut(items, wanted.limit, as_of(state)))
    })?;
    let blobs = call.platform().blobs();
    let items = page.items.into_iter().map(|version| version.read(blobs)).collect();
    Ok(Page { items, next_page_token: page.next_page_token, as_of: page.as_of })
}

/// `GET /api/v1/models/{id}/versions/{number}`
pub(crate) async fn get_version(call: Call<ModelVersionGet>) -> Result<ModelVersion, Fail> {
    let (id, number) = (call.path.id, call.path.number);
    let found = call.read(|state| {
        let model = find(state, &call.caller, Role::Viewer, id)?;
        let version = model.version(number);
        let found = version.and_then(|v| version_dto(state, model, v, as_of(state)));
        found.ok_or_else(|| Fail::not_found("model version", format_args!("{id}@v{number}")))
    })?;
    Ok(found.read(call.platform().blobs()))
}

/// `POST /api/v1/models/{id}/versions/{number}/evaluations`
pub(crate) async fn evaluate(call: Call<EvaluationCreate>) -> Result<ModelVersion, Fail> {
    let (id, version, new) = (call.path.id, call.path.number, &call.body);
    let dataset = call.read(|state| {
        let model = find(state, &call.caller, Role::Member, id)?;
        dataset_of(state, model.project, &new.dataset)
    })?;
    let command = model::Command::RecordEvaluation {
        id,
        version,
        metric: new.metric.clone(),
        correct: new.correct,
        total: new.total,
        workload: new.workload,
        dataset: Some(dataset),
    };
    let accepted = call.submit(Command::Model(command)).await?;
    answer(&call, id, accepted.seq, |model| model.version(version))
}

fn dataset_of(
    state: &State,
    project: Id<kinds::Project>,
    reference: &ArtefactRef,
) -> Result<Artefact, Fail> {
    let input = InputRef::Dataset(reference.clone());
    resolve::input(state, project, &input).map(|found| found.artefact)
}

/// A version after a change.
fn answer<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Model>,
    seq: u64,
    choose: impl Fn(&model::Model) -> Option<&model::Version>,
) -> Result<ModelVersion, Fail> {
    let found = call.read(|state| {
        let model = state.models.get(&id)?;
        version_dto(state, model, choose(model)?, seq)
    });
    found.map(|version| version.read(call.platform().blobs())).ok_or_else(unexpected)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Model>,
) -> Result<&'a model::Model, Fail> {
    let found = state.models.get(&id).map(|m| (m, Scope::Project(m.project)));
    access::find(state, caller, role, found, ("model", &id))
}
