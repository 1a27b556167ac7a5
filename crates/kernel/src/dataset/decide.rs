//! Validates dataset commands.

use units::{Id, Name, UnixMicros, kinds};

use super::{Command, Event, NewVersion, get};
use crate::{
    Ctx, Reject, State, erasure, limits, lineage,
    model::{self, Artefact},
    project, storage,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { project, name, class } => {
            require_room(state, *project, name)?;
            Event::Created { id: ctx.id(0), project: *project, name: name.clone(), class: *class }
        }
        Command::CreateCaptured { project, name, class } => {
            require_room(state, *project, name)?;
            let (id, project) = (ctx.id(0), *project);
            Event::CreatedCaptured { id, project, name: name.clone(), class: *class }
        }
        Command::AddVersion { id, manifest, files, size, source } => {
            let version = NewVersion {
                id: *id,
                manifest: *manifest,
                files: *files,
                size: *size,
                source: source.clone(),
            };
            by_hand(state, *id)?;
            return add(state, version, None);
        }
        Command::AddCaptured { version, since } => {
            captured(state, version.id)?;
            // A clock that was put back must not make a text look younger than it is.
            return add(state, version.clone(), Some((*since).min(ctx.now)));
        }
        Command::AddDerived { version, parents } => {
            by_hand(state, version.id)?;
            let Some(number) = next_number(state, version)? else { return Ok(Vec::new()) };
            check_parents(state, version, parents)?;
            return with_decision(state, version.id, |decided| {
                let (version, parents) = (version.clone(), parents.clone());
                Event::VersionDerived { number, version, parents, decided }
            });
        }
    };
    Ok(vec![crate::Event::Dataset(event)])
}

/// A version that was made from no other.
fn add(
    state: &State,
    version: NewVersion,
    since: Option<UnixMicros>,
) -> Result<Vec<crate::Event>, Reject> {
    let Some(number) = next_number(state, &version)? else { return Ok(Vec::new()) };
    with_decision(state, version.id, |decided| {
        let NewVersion { id, manifest, files, size, source } = version;
        Event::VersionAdded { id, number, manifest, files, size, source, decided, since }
    })
}

/// What has a retention is erased by the age of its texts, which nobody knows of data put there by hand.
fn by_hand(state: &State, id: Id<kinds::Dataset>) -> Result<(), Reject> {
    let dataset = get(state, id)?;
    if dataset.keep_days.is_none() {
        return Ok(());
    }
    let message = format!(
        "the gateway alone adds to `{}`, which has a retention: make another dataset for what is derived",
        dataset.name
    );
    Err(Reject::invalid("dataset", message))
}

/// What nobody promised to erase takes nothing that was captured.
fn captured(state: &State, id: Id<kinds::Dataset>) -> Result<(), Reject> {
    let dataset = get(state, id)?;
    if dataset.keep_days.is_some() {
        return Ok(());
    }
    let message = format!("`{}` has no retention: set one with the capture", dataset.name);
    Err(Reject::invalid("dataset", message))
}

/// The event of a version after the decision that it may lie where artefacts are kept.
fn with_decision(
    state: &State,
    id: Id<kinds::Dataset>,
    event: impl FnOnce(Vec<u64>) -> Event,
) -> Result<Vec<crate::Event>, Reject> {
    let dataset = get(state, id)?;
    let mut events = Vec::new();
    let moved = (dataset.project, dataset.class);
    let decided = storage::require_artefact(state, &mut events, moved, id.into())
        .map_err(|no| no.refuse(dataset.name.to_string()))?;
    events.push(crate::Event::Dataset(event(decided)));
    Ok(events)
}

fn require_room(state: &State, project: Id<kinds::Project>, name: &Name) -> Result<(), Reject> {
    erasure::require_open(state, project::get(state, project)?.organisation)?;
    Reject::limit("datasets", state.datasets.len(), limits::DATASETS_MAX)?;
    if state.dataset_by_name(project, name).is_some() {
        return Err(Reject::NameTaken { kind: "dataset", name: name.to_string() });
    }
    Ok(())
}

/// The number of a new version; none if it is what the last one is.
fn next_number(state: &State, version: &NewVersion) -> Result<Option<u32>, Reject> {
    let dataset = get(state, version.id)?;
    erasure::require_kept(dataset)?;
    erasure::require_open(state, project::get(state, dataset.project)?.organisation)?;
    Reject::limit("versions of this dataset", dataset.versions.len(), limits::VERSIONS_MAX)?;
    if version.source.len() > limits::TEXT_BYTES_MAX {
        return Err(Reject::invalid("source", "has more than 1024 bytes: shorten it"));
    }
    if version.files == 0 {
        return Err(Reject::invalid("files", "a version needs at least one file"));
    }
    // The same content twice in a row is the same version: a repeated upload changes nothing.
    if dataset.kept().last().is_some_and(|last| last.manifest == version.manifest) {
        return Ok(None);
    }
    Ok(Some(dataset.last_number().saturating_add(1)))
}

/// Parents exist, are the same organisation's, and classed no higher.
fn check_parents(state: &State, version: &NewVersion, parents: &[Artefact]) -> Result<(), Reject> {
    Reject::limit("parents", parents.len(), limits::PARENTS_MAX.saturating_add(1))?;
    if parents.is_empty() {
        return Err(Reject::invalid("parents", "name at least one, or add it without parents"));
    }
    let dataset = get(state, version.id)?;
    for parent in parents {
        let (_, class) = model::resolve(state, *parent)?;
        if lineage::organisation_of(state, *parent) != lineage::organisation(state, dataset.project)
        {
            return Err(match parent {
                Artefact::Dataset { id, .. } => Reject::not_found("dataset", id),
                Artefact::Model { id, .. } => Reject::not_found("model", id),
            });
        }
        if class > dataset.class {
            let message = format!("one is classed `{class}`, this dataset `{}`", dataset.class);
            return Err(Reject::invalid("parents", message));
        }
    }
    Ok(())
}
