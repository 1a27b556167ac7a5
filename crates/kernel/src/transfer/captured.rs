//! What the gateway captured elsewhere: it comes with its retention, and its texts are as old here as
//! they were there.

use units::{Id, kinds};

use super::admit::{new, require_own};
use crate::{Ctx, Event, Reject, State, access::Scope, dataset, project};

/// That a project's texts are kept, if it does not say otherwise here. The retention came before it.
pub(super) fn of_project(
    state: &State,
    home: Id<kinds::Organisation>,
    (id, capture): (Id<kinds::Project>, Option<project::Capture>),
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let found = project::get(state, id)?;
    require_own(state, home, Scope::Project(id))?;
    let known = found.capture.map(|here| capture == Some(here));
    let Some(capture) = capture else { return Ok(Vec::new()) };
    let keep_days = dataset::get(state, capture.dataset)?.keep_days;
    let Some(keep_days) = keep_days else {
        let message = "its dataset has no retention: that comes before it";
        return Err(Reject::invalid("item", message));
    };
    let command = project::Command::SetCapture { id, capture, keep_days };
    new(known, "capture", id, || project::decide(state, &command, ctx))
}

/// How long a dataset's texts stay; another time under the same id is refused.
pub(super) fn of_retention(
    state: &State,
    home: Id<kinds::Organisation>,
    id: Id<kinds::Dataset>,
    keep_days: u16,
) -> Result<Vec<Event>, Reject> {
    let dataset = dataset::get(state, id)?;
    require_own(state, home, Scope::Project(dataset.project))?;
    let known = dataset.keep_days.map(|here| here == keep_days);
    new(known, "retention", id, || {
        Ok(dataset::retain(state, id, keep_days)?.into_iter().collect::<Vec<Event>>())
    })
}

/// A captured version. Those before it may have been erased there, so that numbers rise with gaps.
pub(super) fn of_version(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &dataset::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let dataset::Event::VersionAdded {
        id,
        number,
        manifest,
        files,
        size,
        source,
        since: Some(since),
        ..
    } = event
    else {
        return Ok(Vec::new());
    };
    let dataset = dataset::get(state, *id)?;
    require_own(state, home, Scope::Project(dataset.project))?;
    if *since > ctx.now {
        return Err(Reject::invalid("item", "its texts were captured after now"));
    }
    let known = dataset.version(*number).map(|version| version.manifest == *manifest);
    if *number <= dataset.erased_through {
        // It came in before, and its time has come since.
        return Ok(Vec::new());
    }
    let (id, last) = (*id, dataset.last_number());
    if known.is_none() && *number <= last {
        let message = format!("version {number} does not follow version {last}");
        return Err(Reject::invalid("item", message));
    }
    let (manifest, files, size, source) = (*manifest, *files, *size, source.clone());
    let version = dataset::NewVersion { id, manifest, files, size, source };
    let command = dataset::Command::AddCaptured { version, since: *since };
    new(known, "dataset version", id, || dataset::decide(state, &command, ctx))
}
