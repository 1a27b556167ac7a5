//! Folds endpoint events.

use units::DataClass;

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
                model: Some(*model),
                model_version: *model_version,
                workloads: workloads.clone(),
                class: None,
                backends: Vec::new(),
                openings: Vec::new(),
                canaries: Vec::new(),
                fallbacks: Vec::new(),
                deleted_at: None,
                meta: Meta::new(stamp),
            };
            state.endpoints.insert(*id, endpoint);
        }
        Event::Opened { id, project, name, class, routing, opened } => {
            state.index.endpoint_names.insert((*project, name.clone()), *id);
            let mut endpoint = Endpoint {
                id: *id,
                project: *project,
                name: name.clone(),
                model: None,
                model_version: 0,
                workloads: Vec::new(),
                class: Some(*class),
                backends: routing.backends.clone(),
                openings: Vec::new(),
                canaries: routing.canaries.clone(),
                fallbacks: routing.fallbacks.clone(),
                deleted_at: None,
                meta: Meta::new(stamp),
            };
            endpoint.reopen(*class, opened, stamp.at);
            state.endpoints.insert(*id, endpoint);
        }
        Event::Routed { id, class, routing, opened } => {
            if let Some(endpoint) = state.endpoints.get_mut(id) {
                endpoint.class = Some(*class);
                endpoint.backends.clone_from(&routing.backends);
                endpoint.canaries.clone_from(&routing.canaries);
                endpoint.fallbacks.clone_from(&routing.fallbacks);
                endpoint.reopen(*class, opened, stamp.at);
                endpoint.meta.touch(stamp);
            }
        }
        Event::Deleted { id } => {
            if let Some(endpoint) = state.endpoints.get_mut(id) {
                endpoint.reopen(DataClass::default(), &[], stamp.at);
                endpoint.deleted_at = Some(stamp.at);
                endpoint.meta.touch(stamp);
                state.index.endpoint_names.remove(&(endpoint.project, endpoint.name.clone()));
            }
        }
    }
}
