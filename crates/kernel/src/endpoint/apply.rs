//! Folds endpoint events.

use super::{Endpoint, Event};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, model, model_version, workloads } => {
            state.index.endpoint_names.insert((*project, name.clone()), *id);
            let endpoint = Endpoint {
                id: *id,
                project: *project,
                name: name.clone(),
                model: *model,
                model_version: *model_version,
                workloads: workloads.clone(),
                deleted_at: None,
                meta: Meta::new(stamp),
            };
            state.endpoints.insert(*id, endpoint);
        }
        Event::Deleted { id } => {
            if let Some(endpoint) = state.endpoints.get_mut(id) {
                endpoint.deleted_at = Some(stamp.at);
                endpoint.meta.touch(stamp);
                state.index.endpoint_names.remove(&(endpoint.project, endpoint.name.clone()));
            }
        }
    }
}
