//! Folds dataset events.

use units::{DataClass, Id, Name, UnixMicros, kinds};

use super::{Dataset, Event, NewVersion, Origin, Version};
use crate::{Meta, Stamp, State, model::Artefact};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, class } => {
            create(state, *id, (*project, name, *class), Origin::Given, stamp);
        }
        Event::CreatedCaptured { id, project, name, class } => {
            create(state, *id, (*project, name, *class), Origin::Captured, stamp);
        }
        Event::VersionAdded { id, number, manifest, files, size, source, since, decided: _ } => {
            let version = NewVersion {
                id: *id,
                manifest: *manifest,
                files: *files,
                size: *size,
                source: source.clone(),
            };
            add(state, *number, &version, (&[], *since), stamp);
        }
        Event::VersionDerived { number, version, parents, .. } => {
            add(state, *number, version, (parents, None), stamp);
        }
        Event::RetentionSet { id, keep_days } => {
            if let Some(dataset) = state.datasets.get_mut(id) {
                dataset.keep_days = Some(*keep_days);
                dataset.meta.touch(stamp);
            }
        }
    }
}

fn create(
    state: &mut State,
    id: Id<kinds::Dataset>,
    (project, name, class): (Id<kinds::Project>, &Name, DataClass),
    origin: Origin,
    stamp: &Stamp,
) {
    state.index.dataset_names.insert((project, name.clone()), id);
    let dataset = Dataset {
        id,
        project,
        name: name.clone(),
        class,
        origin,
        erased_at: None,
        keep_days: None,
        erased_through: 0,
        versions: Vec::new(),
        meta: Meta::new(stamp),
    };
    state.datasets.insert(id, dataset);
}

fn add(
    state: &mut State,
    number: u32,
    new: &NewVersion,
    (parents, since): (&[Artefact], Option<UnixMicros>),
    stamp: &Stamp,
) {
    if let Some(dataset) = state.datasets.get_mut(&new.id) {
        dataset.versions.push(Version {
            number,
            manifest: new.manifest,
            files: new.files,
            size: new.size,
            source: new.source.clone(),
            parents: parents.to_vec(),
            since,
            created_at: stamp.at,
        });
        dataset.meta.touch(stamp);
        if !dataset.origin.is_given() {
            state.index.captured.insert((new.manifest, new.id));
        }
    }
}
