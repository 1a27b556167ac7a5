//! Folds dataset events.

use super::{Dataset, Event, Version};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, class } => {
            state.index.dataset_names.insert((*project, name.clone()), *id);
            let dataset = Dataset {
                id: *id,
                project: *project,
                name: name.clone(),
                class: *class,
                versions: Vec::new(),
                meta: Meta::new(stamp),
            };
            state.datasets.insert(*id, dataset);
        }
        Event::VersionAdded { id, number, manifest, files, size, source, .. } => {
            if let Some(dataset) = state.datasets.get_mut(id) {
                dataset.versions.push(Version {
                    number: *number,
                    manifest: *manifest,
                    files: *files,
                    size: *size,
                    source: source.clone(),
                    created_at: stamp.at,
                });
                dataset.meta.touch(stamp);
            }
        }
    }
}
