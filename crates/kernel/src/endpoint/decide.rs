//! Validates endpoint commands.

use units::{Id, kinds};

use super::{
    Command, Event,
    routing::{self, Owner, Routing},
};
use crate::{Ctx, Reject, State, limits, model, model::Artefact, workload};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { project, name, model, model_version, replicas, service } => {
            Reject::limit("endpoints", state.endpoints.len(), limits::ENDPOINTS_MAX)?;
            if state.endpoint_by_name(*project, name).is_some() {
                return Err(Reject::NameTaken { kind: "endpoint", name: name.to_string() });
            }
            if !(1..=limits::REPLICAS_MAX).contains(replicas) {
                let message =
                    format!("`{replicas}` is out of range: 1 to {}", limits::REPLICAS_MAX);
                return Err(Reject::invalid("replicas", message));
            }
            let artefact = Artefact::Model { id: *model, version: *model_version };
            model::resolve(state, artefact)?;
            let serves = service.inputs.iter().any(|input| input.artefact == artefact);
            if service.kind != workload::Kind::Service || !serves {
                let message = "must be of type `service` with the model version as an input";
                return Err(Reject::invalid("service", message));
            }
            let id_of = |number: u32| ctx.id(u16::try_from(number).unwrap_or(u16::MAX));
            let created = Event::Created {
                id: ctx.id(0),
                project: *project,
                name: name.clone(),
                model: *model,
                model_version: *model_version,
                workloads: (1..=*replicas).map(id_of).collect(),
            };
            let mut events = vec![crate::Event::Endpoint(created)];
            let service = workload::tightened(state, ctx, service)?;
            for number in 1..=*replicas {
                workload::submit(state, (*project, &service), id_of(number), ctx, &mut events)?;
            }
            Ok(events)
        }
        Command::Open { project, name, class, routing } => {
            Reject::limit("endpoints", state.endpoints.len(), limits::ENDPOINTS_MAX)?;
            if !state.projects.contains_key(project) {
                return Err(Reject::not_found("project", project));
            }
            if state.endpoint_by_name(*project, name).is_some() {
                return Err(Reject::NameTaken { kind: "endpoint", name: name.to_string() });
            }
            if routing.backends.is_empty() {
                let message = "name at least one upstream, or a model to serve";
                return Err(Reject::invalid("backends", message));
            }
            let mut events = Vec::new();
            let owner = Owner { id: ctx.id(0), project: *project, class: *class };
            let opened = routing::open(state, owner, routing, &mut events)?;
            events.push(crate::Event::Endpoint(Event::Opened {
                id: owner.id,
                project: *project,
                name: name.clone(),
                class: *class,
                routing: routing.clone(),
                opened,
            }));
            Ok(events)
        }
        Command::Route { id, routing } => route(state, *id, routing),
        Command::Delete { id } => {
            let endpoint =
                state.endpoints.get(id).ok_or_else(|| Reject::not_found("endpoint", id))?;
            if endpoint.deleted_at.is_some() {
                return Ok(Vec::new());
            }
            let stops = endpoint.workloads.iter().filter_map(|id| {
                workload::stop_one(state, *id, workload::StopCause::EndpointDeleted)
            });
            let deleted = crate::Event::Endpoint(Event::Deleted { id: *id });
            Ok(std::iter::once(deleted).chain(stops).collect())
        }
    }
}

/// New routes of an endpoint; those that stay the same are no event.
fn route(
    state: &State,
    id: Id<kinds::Endpoint>,
    routing: &Routing,
) -> Result<Vec<crate::Event>, Reject> {
    let endpoint = state.endpoints.get(&id).ok_or_else(|| Reject::not_found("endpoint", id))?;
    if endpoint.deleted_at.is_some() {
        let (kind, action, state) = ("endpoint", "route it", "deleted".to_owned());
        return Err(Reject::WrongState { kind, id: id.to_string(), state, action });
    }
    if routing.backends.is_empty() && endpoint.workloads.is_empty() {
        let message = "it has no services: name at least one upstream";
        return Err(Reject::invalid("backends", message));
    }
    let class = endpoint.class(state);
    let mut events = Vec::new();
    let owner = Owner { id, project: endpoint.project, class };
    let opened = routing::open(state, owner, routing, &mut events)?;
    let same = endpoint.backends == routing.backends
        && endpoint.canaries == routing.canaries
        && endpoint.fallbacks == routing.fallbacks;
    if same {
        // Answers that had been forgotten still go on record.
        return Ok(events);
    }
    let routing = routing.clone();
    events.push(crate::Event::Endpoint(Event::Routed { id, class, routing, opened }));
    Ok(events)
}
