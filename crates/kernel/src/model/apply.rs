//! Folds model events.

use super::{Artefact, Event, Model, Version};
use crate::{Meta, Stamp, State, workload};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name } => {
            state.index.model_names.insert((*project, name.clone()), *id);
            let model = Model {
                id: *id,
                project: *project,
                name: name.clone(),
                versions: Vec::new(),
                meta: Meta::new(stamp),
            };
            state.models.insert(*id, model);
        }
        Event::VersionAdded { number, version, .. } => {
            if let Some(model) = state.models.get_mut(&version.id) {
                model.versions.push(Version {
                    number: *number,
                    manifest: version.manifest,
                    files: version.files,
                    size: version.size,
                    class: version.class,
                    lineage: version.lineage.clone(),
                    signature: version.signature,
                    evaluations: Vec::new(),
                    created_at: stamp.at,
                });
                model.meta.touch(stamp);
            }
            if let Some(id) = version.lineage.workload {
                let outputs = workload::Outputs { model: Some(version.id), evaluates: None };
                workload::outputs_registered(state, id, &outputs);
            }
        }
        Event::Evaluated { id, version, evaluation } => {
            if let Some(model) = state.models.get_mut(id) {
                if let Some(found) = model.versions.iter_mut().find(|v| v.number == *version) {
                    found.evaluations.push(evaluation.clone());
                }
                model.meta.touch(stamp);
            }
            if let Some(workload) = evaluation.workload {
                let evaluates = Some(Artefact::Model { id: *id, version: *version });
                let outputs = workload::Outputs { model: None, evaluates };
                workload::outputs_registered(state, workload, &outputs);
            }
        }
    }
}
