//! Capture of payloads of a project: get, set, stop, close. Only who administers the project opts in.

use api::{
    nouns::capture::{
        Capture, CaptureClose, CaptureClosed, CaptureGet, CaptureSet, CaptureStop, CaptureWaiting,
    },
    problem::Code,
    reference::{ArtefactRef, Ref},
    text::Timestamp,
};
use kernel::{Command, State, access::Role, project};
use units::{Bytes, Id, kinds};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    projects,
};
use crate::platform::{Platform, erasures};

/// `GET /api/v1/projects/{id}/capture`
pub(crate) async fn get(call: Call<CaptureGet>) -> Result<Capture, Fail> {
    let id = call.path.id;
    let waiting = waiting(call.platform(), id);
    call.read(|state| {
        let found = projects::find(state, &call.caller, Role::Viewer, id)?;
        Ok(dto(state, found, waiting, as_of(state)))
    })
}

/// `PUT /api/v1/projects/{id}/capture`
pub(crate) async fn set(call: Call<CaptureSet>) -> Result<Capture, Fail> {
    let (id, new) = (call.path.id, &call.body);
    let dataset = call.read(|state| {
        projects::find(state, &call.caller, Role::Administrator, id)?;
        let found = match &new.dataset {
            Ref::Id(dataset) => Some(*dataset),
            Ref::Name(name) => state.dataset_by_name(id, name),
        };
        found.ok_or_else(|| Fail::not_found("dataset", &new.dataset))
    })?;
    let capture = project::Capture { dataset, permille: new.permille };
    let keep_days = new.keep_days;
    let command = project::Command::SetCapture { id, capture, keep_days };
    let accepted = call.submit(Command::Project(command)).await?;
    // A shorter time is in force at once.
    erasures::ask_for_expired(call.platform()).await;
    let waiting = waiting(call.platform(), id);
    call.read(|state| {
        let found = projects::find(state, &call.caller, Role::Administrator, id)?;
        Ok(dto(state, found, waiting, accepted.seq))
    })
}

/// `DELETE /api/v1/projects/{id}/capture`
pub(crate) async fn stop(call: Call<CaptureStop>) -> Result<Capture, Fail> {
    let id = call.path.id;
    call.read(|state| projects::find(state, &call.caller, Role::Administrator, id).map(|_| ()))?;
    let command = project::Command::StopCapture { id };
    let accepted = call.submit(Command::Project(command)).await?;
    let waiting = waiting(call.platform(), id);
    call.read(|state| {
        let found = projects::find(state, &call.caller, Role::Administrator, id)?;
        Ok(dto(state, found, waiting, accepted.seq))
    })
}

/// `POST /api/v1/projects/{id}/capture/close`
pub(crate) async fn close(call: Call<CaptureClose>) -> Result<CaptureClosed, Fail> {
    let id = call.path.id;
    call.read(|state| projects::find(state, &call.caller, Role::Administrator, id).map(|_| ()))?;
    match call.platform().close_capture(id).await {
        Ok(version) => Ok(CaptureClosed { version }),
        Err(error) => {
            tracing::warn!(error, project.id = %id, "what was captured of {id} is in no version yet");
            Err(Fail::new(Code::Unavailable, "what was captured cannot become a version now")
                .remedy("try again; nothing of it is lost"))
        }
    }
}

fn waiting(platform: &Platform, project: Id<kinds::Project>) -> CaptureWaiting {
    let waiting = platform.capture_waiting(project);
    CaptureWaiting {
        n_records: waiting.records,
        bytes: Bytes(waiting.bytes),
        since: waiting.since.map(Timestamp),
        n_dropped: waiting.dropped,
    }
}

fn dto(state: &State, project: &project::Project, waiting: CaptureWaiting, seq: u64) -> Capture {
    let dataset = project.capture.and_then(|capture| state.datasets.get(&capture.dataset));
    Capture {
        project: project.id,
        is_on: dataset.is_some_and(|dataset| dataset.erased_at.is_none()),
        dataset: dataset.map(|dataset| dataset.id),
        reference: dataset.map(|dataset| ArtefactRef {
            project: project.name.clone(),
            name: dataset.name.clone(),
            artefact_version: None,
        }),
        class: dataset.map(|dataset| dataset.class),
        permille: project.capture.map(|capture| capture.permille),
        keep_days: dataset.and_then(|dataset| dataset.keep_days),
        waiting,
        version: project.meta.version,
        seq,
    }
}
