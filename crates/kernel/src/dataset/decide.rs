//! Validates dataset commands.

use super::{Command, Event, get};
use crate::{Ctx, Reject, State, limits, project, storage};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { project, name, class } => {
            project::get(state, *project)?;
            Reject::limit("datasets", state.datasets.len(), limits::DATASETS_MAX)?;
            if state.dataset_by_name(*project, name).is_some() {
                return Err(Reject::NameTaken { kind: "dataset", name: name.to_string() });
            }
            Event::Created { id: ctx.id(0), project: *project, name: name.clone(), class: *class }
        }
        Command::AddVersion { id, manifest, files, size, source } => {
            let dataset = get(state, *id)?;
            Reject::limit(
                "versions of this dataset",
                dataset.versions.len(),
                limits::VERSIONS_MAX,
            )?;
            if source.len() > limits::TEXT_BYTES_MAX {
                return Err(Reject::invalid("source", "has more than 1024 bytes: shorten it"));
            }
            if *files == 0 {
                return Err(Reject::invalid("files", "a version needs at least one file"));
            }
            // The same content twice in a row is the same version: a repeated upload changes nothing.
            if dataset.versions.last().is_some_and(|last| last.manifest == *manifest) {
                return Ok(Vec::new());
            }
            let number = dataset.versions.last().map_or(0, |v| v.number).saturating_add(1);
            let mut events = Vec::new();
            let moved = (dataset.project, dataset.class);
            let decided = storage::require_artefact(state, &mut events, moved, (*id).into())
                .map_err(|no| no.refuse(dataset.name.to_string()))?;
            events.push(crate::Event::Dataset(Event::VersionAdded {
                id: *id,
                number,
                manifest: *manifest,
                files: *files,
                size: *size,
                source: source.clone(),
                decided,
            }));
            return Ok(events);
        }
    };
    Ok(vec![crate::Event::Dataset(event)])
}
