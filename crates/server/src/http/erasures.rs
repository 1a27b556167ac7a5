//! Erasures: ask, list, get, take back. Only whoever administers what is to go may ask; what belongs
//! to others does not exist.

use api::{
    nouns::{
        common::Page,
        erasure::{
            DestroyedCounts, Erasure, ErasureCancel, ErasureCreate, ErasureGet, ErasureList,
            ErasureState, ErasureTarget,
        },
    },
    reference::ArtefactRef,
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    erasure::{self, Phase, Stage, Target},
    model::Artefact,
};
use units::{Id, UnixMicros, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/erasures`
pub(crate) async fn create(call: Call<ErasureCreate>) -> Result<Erasure, Fail> {
    let target = target_of(&call)?;
    call.read(|state| require(state, &call.caller, target))?;
    let switch = call.body.switch.map(|days| erasure::SwitchDays {
        notice: days.notice_days,
        transition: days.transition_days,
        retrieval: days.retrieval_days,
    });
    let command = Command::Erasure(erasure::Command::Request { target, switch });
    let accepted = call.submit(command).await?;
    let Some(Subject::Erasure(id)) = accepted.subject else { return Err(unexpected()) };
    answer(&call, id, Some(accepted.seq))
}

/// `GET /api/v1/erasures`
pub(crate) async fn list(call: Call<ErasureList>) -> Result<Page<Erasure>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Erasure>>::of(query.limit, query.page_token.as_deref())?;
    let now = call.platform().now();
    call.read(|state| {
        let seq = as_of(state);
        let visible = |e: &erasure::Erasure| require(state, &call.caller, e.target).is_ok();
        let all = state.erasures.range(page::after(&wanted)).filter(|(_, e)| visible(e));
        let items = all.map(|(id, e)| (*id, dto(state, e, now, seq)));
        Ok(page::cut(items, wanted.limit, seq))
    })
}

/// `GET /api/v1/erasures/{id}`
pub(crate) async fn get(call: Call<ErasureGet>) -> Result<Erasure, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    answer(&call, id, None)
}

/// `POST /api/v1/erasures/{id}/cancel`
pub(crate) async fn cancel(call: Call<ErasureCancel>) -> Result<Erasure, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let accepted = call.submit(Command::Erasure(erasure::Command::Cancel { id })).await?;
    answer(&call, id, Some(accepted.seq))
}

fn answer<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Erasure>,
    seq: Option<u64>,
) -> Result<Erasure, Fail> {
    let now = call.platform().now();
    let found = call.read(|state| {
        let erasure = state.erasures.get(&id)?;
        Some(dto(state, erasure, now, seq.unwrap_or_else(|| as_of(state))))
    });
    found.ok_or_else(unexpected)
}

fn target_of(call: &Call<ErasureCreate>) -> Result<Target, Fail> {
    let given = &call.body.target;
    if given.versions_through.is_some() {
        let text = "the end of a retention alone erases some versions: leave it out to erase all";
        return Err(Fail::field("/target/versions_through", text));
    }
    match (given.user, given.dataset, given.organisation) {
        (Some(id), None, None) => user(call, id),
        (None, Some(id), None) => Ok(Target::Dataset(id)),
        (None, None, Some(id)) => Ok(Target::Organisation(id)),
        _ => Err(Fail::fields(vec![api::problem::FieldError::new(
            "/target",
            "name exactly one of `user`, `dataset` and `organisation`",
        )])),
    }
}

/// The user with their home.
fn user(call: &Call<ErasureCreate>, id: Id<kinds::User>) -> Result<Target, Fail> {
    let home = call.read(|state| state.users.get(&id).map(|user| user.home));
    home.map(|home| Target::User { id, home }).ok_or_else(|| Fail::not_found("user", id))
}

/// May the caller have this erased, or see that it is? As if it did not exist otherwise.
fn require(state: &State, caller: &Caller, target: Target) -> Result<(), Fail> {
    let missing = || match target {
        Target::User { id, .. } => Fail::not_found("user", id),
        Target::Dataset(id) | Target::Versions { dataset: id, .. } => {
            Fail::not_found("dataset", id)
        }
        Target::Organisation(id) => Fail::not_found("organisation", id),
    };
    let (scope, role) = match target {
        Target::User { home: None, .. } => (Scope::Platform, Role::Operator),
        Target::User { home: Some(home), .. } => (Scope::Organisation(home), Role::Administrator),
        Target::Dataset(id) | Target::Versions { dataset: id, .. } => {
            let dataset = state.datasets.get(&id).ok_or_else(missing)?;
            (Scope::Project(dataset.project), Role::Administrator)
        }
        Target::Organisation(id) if state.organisations.contains_key(&id) => {
            (Scope::Organisation(id), Role::Administrator)
        }
        Target::Organisation(_) => return Err(missing()),
    };
    access::require(state, caller, role, scope, missing)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::Erasure>,
) -> Result<&'a erasure::Erasure, Fail> {
    let missing = || Fail::not_found("erasure", id);
    let found = state.erasures.get(&id).ok_or_else(missing)?;
    match require(state, caller, found.target) {
        Err(fail) if fail.code() == api::problem::Code::NotFound => Err(missing()),
        other => other.map(|()| found),
    }
}

fn dto(state: &State, erasure: &erasure::Erasure, now: UnixMicros, seq: u64) -> Erasure {
    let target = match erasure.target {
        Target::User { id, .. } => ErasureTarget { user: Some(id), ..ErasureTarget::default() },
        Target::Dataset(id) => ErasureTarget { dataset: Some(id), ..ErasureTarget::default() },
        Target::Versions { dataset, through } => ErasureTarget {
            dataset: Some(dataset),
            versions_through: Some(through),
            ..ErasureTarget::default()
        },
        Target::Organisation(id) => {
            ErasureTarget { organisation: Some(id), ..ErasureTarget::default() }
        }
    };
    let (done_at, destroyed) = match erasure.phase {
        Phase::Done { at, destroyed, list } => {
            let counts = DestroyedCounts {
                n_records: destroyed.records,
                n_keys: destroyed.keys,
                n_blobs: destroyed.blobs,
                n_folders: destroyed.folders,
                size_bytes: destroyed.bytes,
                list,
            };
            (Some(Timestamp(at)), Some(counts))
        }
        Phase::Waiting | Phase::Begun { .. } | Phase::Cancelled { .. } => (None, None),
    };
    Erasure {
        id: erasure.id,
        target,
        state: state_of(erasure.stage(now)),
        transition_starts_at: erasure.switch.map(|s| Timestamp(s.transition_starts_at)),
        transition_ends_at: erasure.switch.map(|s| Timestamp(s.transition_ends_at)),
        retrieval_ends_at: erasure.switch.map(|s| Timestamp(s.retrieval_ends_at)),
        due_at: Timestamp(erasure.due_at),
        done_at,
        destroyed,
        derived: derived(state, erasure.target),
        version: erasure.meta.version,
        seq,
        created_at: Timestamp(erasure.meta.created_at),
    }
}

const fn state_of(stage: Stage) -> ErasureState {
    match stage {
        Stage::Notice => ErasureState::Notice,
        Stage::Transition => ErasureState::Transition,
        Stage::Retrieval => ErasureState::Retrieval,
        Stage::Due => ErasureState::Due,
        Stage::Erasing => ErasureState::Erasing,
        Stage::Done => ErasureState::Done,
        Stage::Cancelled => ErasureState::Cancelled,
    }
}

/// Versions that name the dataset as what they were made from: whoever erases should know of them.
fn derived(state: &State, target: Target) -> Vec<ArtefactRef> {
    let (Target::Dataset(wanted) | Target::Versions { dataset: wanted, .. }) = target else {
        return Vec::new();
    };
    let from = |artefact: &Artefact| target.takes(*artefact);
    let models = state.models.values().flat_map(|model| {
        let made = model.versions.iter().filter(|v| v.lineage.inputs.iter().any(from));
        made.map(|v| Artefact::Model { id: model.id, version: v.number })
    });
    let datasets = state.datasets.values().filter(|d| d.id != wanted).flat_map(|dataset| {
        let made = dataset.versions.iter().filter(|v| v.parents.iter().any(from));
        made.map(|v| Artefact::Dataset { id: dataset.id, version: v.number })
    });
    models.chain(datasets).filter_map(|a| resolve::artefact_ref(state, a)).take(100).collect()
}
