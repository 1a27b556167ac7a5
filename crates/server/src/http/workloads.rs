//! Workloads: submit, list, get, stop.

use api::{
    nouns::{
        common::Page,
        workload::{Workload, WorkloadCreate, WorkloadGet, WorkloadList, WorkloadStop},
    },
    problem::Code,
};
use kernel::{
    Command, Reject, State, Subject,
    access::{Role, Scope},
    model, workload,
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    forecast, job,
    mount::{Call, as_of},
    page, resolve, unexpected,
    workloads_dto::{Detail, dto, state_of},
};

/// `POST /api/v1/workloads`
pub(crate) async fn create(call: Call<WorkloadCreate>) -> Result<Workload, Fail> {
    let now = call.platform().now();
    let mut prepared =
        call.read(|state| job::prepare(state, &call.caller, Role::Member, &call.body, now))?;
    call.read(|state| forecast::require_possible(state, &prepared))?;
    if let Some(name) = prepared.new_model.take() {
        prepared.spec.outputs.model = Some(ensure_model(&call, &prepared, name).await?);
    }
    let (project, spec) = (prepared.project, Box::new(prepared.spec));
    let submit = Command::Workload(workload::Command::Submit { project, spec });
    let accepted = call.submit(submit).await?;
    let Some(Subject::Workload(id)) = accepted.subject else { return Err(unexpected()) };
    let found = call
        .read(|state| state.workloads.get(&id).map(|w| dto(state, w, Detail::Whole, accepted.seq)));
    found.ok_or_else(unexpected)
}

/// The model that a job's output goes to; another request may have created it meanwhile.
async fn ensure_model(
    call: &Call<WorkloadCreate>,
    prepared: &job::Prepared,
    name: units::Name,
) -> Result<Id<kinds::Model>, Fail> {
    let project = prepared.project;
    // A job that is refused must leave nothing behind: its own refusal comes first.
    call.read(|state| {
        forecast::dry_run(call.platform(), state, &call.caller, prepared).map(|_| ())
    })?;
    let create = model::Command::Create { project, name: name.clone() };
    match call.submit_plain(Command::Model(create)).await {
        Err(fail) if fail.code() != Code::NameTaken => Err(fail),
        _ => call.read(|state| state.model_by_name(project, &name)).ok_or_else(unexpected),
    }
}

/// `GET /api/v1/workloads`
pub(crate) async fn list(call: Call<WorkloadList>) -> Result<Page<Workload>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Workload>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.project.as_ref();
        let only =
            only.map(|p| resolve::project(state, &call.caller, Role::Viewer, p)).transpose()?;
        let visible = |w: &workload::Workload| {
            access::allows(state, &call.caller, Role::Viewer, Scope::Project(w.project))
        };
        let wished = |w: &workload::Workload| {
            query.name.as_ref().is_none_or(|name| *name == w.spec.name)
                && query.state.is_none_or(|wanted| wanted == state_of(state, w))
                && query.array == w.task.map(|task| task.array)
                && query.array_index.is_none_or(|i| w.task.is_some_and(|task| task.index == i))
                && only.is_none_or(|project| project == w.project)
        };
        // Ids grow with time, so the newest come first from the end.
        let newest_first = state.workloads.range(page::before(&wanted)).rev();
        let found = newest_first.filter(|(_, w)| wished(w) && visible(w));
        let items = found.map(|(id, w)| (*id, dto(state, w, Detail::Brief, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/workloads/{id}`
pub(crate) async fn get(call: Call<WorkloadGet>) -> Result<Workload, Fail> {
    call.read(|state| {
        let found = find(state, &call.caller, Role::Viewer, call.path.id)?;
        Ok(dto(state, found, Detail::Whole, as_of(state)))
    })
}

/// `POST /api/v1/workloads/{id}/stop`
pub(crate) async fn stop(call: Call<WorkloadStop>) -> Result<Workload, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = find(state, &call.caller, Role::Member, id)?;
        if !found.has_ended() {
            return Ok(());
        }
        let (kind, action) = ("workload", "stop it: it has ended");
        let state = found.state_name().to_owned();
        Err(Fail::from(Reject::WrongState { kind, id: id.to_string(), state, action }))
    })?;
    let accepted = call.submit(Command::Workload(workload::Command::Stop { id })).await?;
    let found = call
        .read(|state| state.workloads.get(&id).map(|w| dto(state, w, Detail::Whole, accepted.seq)));
    found.ok_or_else(unexpected)
}

/// A workload on whose project the caller may act in this role.
///
/// # Errors
/// 404 if it is missing or hidden; 403 without the role.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Workload>,
) -> Result<&'a workload::Workload, Fail> {
    let found = state.workloads.get(&id).map(|w| (w, Scope::Project(w.project)));
    access::find(state, caller, role, found, ("workload", &id))
}
