//! Validates endpoint commands.

use units::{Id, kinds};

use super::{
    Command, Endpoint, Event, Observed, Stage,
    converge::converge,
    routing::{self, Owner, Routing},
};
use crate::{Ctx, Reject, State, limits, model, model::Artefact, project, workload};

/// Longest time until a canary is promoted by itself: 30 days.
const PROMOTE_AFTER_MAX: units::DurationMicros = units::DurationMicros::from_secs(30 * 86_400);

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { .. } => create(state, command, ctx),
        Command::Open { .. } => open_routes(state, command, ctx),
        Command::Route { id, routing } => route(state, *id, routing),
        Command::Delete { id } => delete(state, *id),
        Command::Scale { id, scaling } => {
            let endpoint = with_services(state, *id, "scale it")?;
            scaling.check()?;
            if endpoint.scaling.as_ref() == Some(scaling) {
                return Ok(Vec::new());
            }
            let wanted = scaling.bound(endpoint.wanted());
            let resized = (wanted != endpoint.wanted()).then_some(Event::Resized {
                id: *id,
                replicas: wanted,
                observed: None,
            });
            let set = Event::ScalingSet { id: *id, scaling: scaling.clone() };
            Ok(std::iter::once(set).chain(resized).map(crate::Event::Endpoint).collect())
        }
        Command::Resize { id, replicas, observed } => resize(state, *id, *replicas, *observed),
        Command::Converge { id, quiet } => {
            let endpoint = get(state, *id)?;
            converge(state, endpoint, quiet, ctx)
        }
        Command::Update { .. } => update(state, command, ctx),
        Command::Promote { id } => {
            let action = "promote what it introduces";
            match rollout_of(open(state, *id, action)?, action)? {
                Stage::Canary { .. } => Ok(one(Event::Promoted { id: *id })),
                Stage::Replacing => Ok(Vec::new()),
                Stage::Leaving => Err(wrong(*id, "rolling back", action)),
            }
        }
        Command::RollBack { id } => {
            let action = "roll back what it introduces";
            match rollout_of(open(state, *id, action)?, action)? {
                Stage::Canary { .. } | Stage::Replacing => Ok(one(Event::RolledBack { id: *id })),
                Stage::Leaving => Ok(Vec::new()),
            }
        }
    }
}

pub(super) fn one(event: Event) -> Vec<crate::Event> {
    vec![crate::Event::Endpoint(event)]
}

fn get(state: &State, id: Id<kinds::Endpoint>) -> Result<&Endpoint, Reject> {
    state.endpoints.get(&id).ok_or_else(|| Reject::not_found("endpoint", id))
}

fn open<'a>(
    state: &'a State,
    id: Id<kinds::Endpoint>,
    action: &'static str,
) -> Result<&'a Endpoint, Reject> {
    let endpoint = get(state, id)?;
    if endpoint.deleted_at.is_some() {
        return Err(wrong(id, "deleted", action));
    }
    Ok(endpoint)
}

/// An endpoint that has services, or had: one over upstreams alone has none to add or to replace.
fn with_services<'a>(
    state: &'a State,
    id: Id<kinds::Endpoint>,
    action: &'static str,
) -> Result<&'a Endpoint, Reject> {
    let endpoint = open(state, id, action)?;
    if endpoint.model.is_none() {
        return Err(wrong(id, "over upstreams alone", action));
    }
    Ok(endpoint)
}

fn wrong(id: Id<kinds::Endpoint>, state: &str, action: &'static str) -> Reject {
    let (kind, id, state) = ("endpoint", id.to_string(), state.to_owned());
    Reject::WrongState { kind, id, state, action }
}

fn rollout_of(endpoint: &Endpoint, action: &'static str) -> Result<Stage, Reject> {
    let rollout = endpoint.rollout.as_ref();
    let stage = rollout.map(|rollout| rollout.stage);
    stage.ok_or_else(|| wrong(endpoint.id, "introducing no other version", action))
}

fn create(state: &State, command: &Command, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let Command::Create { project, name, model, model_version, replicas, service } = command else {
        return Ok(Vec::new());
    };
    Reject::limit("endpoints", state.endpoints.len(), limits::ENDPOINTS_MAX)?;
    if state.endpoint_by_name(*project, name).is_some() {
        return Err(Reject::NameTaken { kind: "endpoint", name: name.to_string() });
    }
    if !(1..=limits::REPLICAS_MAX).contains(replicas) {
        let message = format!("`{replicas}` is out of range: 1 to {}", limits::REPLICAS_MAX);
        return Err(Reject::invalid("replicas", message));
    }
    require_serves(state, (*model, *model_version), service)?;
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
    let class = events.iter().filter_map(|event| {
        let crate::Event::Workload(workload::Event::Submitted { class, .. }) = event else {
            return None;
        };
        Some(*class)
    });
    let class = class.max().unwrap_or_default();
    project::require_for_endpoint(state, (ctx.id(0), *project), class, &mut events)?;
    Ok(events)
}

fn open_routes(state: &State, command: &Command, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let Command::Open { project, name, class, routing } = command else { return Ok(Vec::new()) };
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

/// A service of an endpoint has the model version among its inputs.
fn require_serves(
    state: &State,
    (id, version): (Id<kinds::Model>, u32),
    service: &workload::Spec,
) -> Result<(), Reject> {
    let artefact = Artefact::Model { id, version };
    model::resolve(state, artefact)?;
    let serves = service.inputs.iter().any(|input| input.artefact == artefact);
    if service.kind != workload::Kind::Service || !serves {
        let message = "must be of type `service` with the model version as an input";
        return Err(Reject::invalid("service", message));
    }
    Ok(())
}

fn delete(state: &State, id: Id<kinds::Endpoint>) -> Result<Vec<crate::Event>, Reject> {
    let endpoint = get(state, id)?;
    if endpoint.deleted_at.is_some() {
        return Ok(Vec::new());
    }
    let stops = endpoint
        .workloads
        .iter()
        .filter_map(|id| workload::stop_one(state, *id, workload::StopCause::EndpointDeleted));
    Ok(one(Event::Deleted { id }).into_iter().chain(stops).collect())
}

fn resize(
    state: &State,
    id: Id<kinds::Endpoint>,
    replicas: u32,
    observed: Observed,
) -> Result<Vec<crate::Event>, Reject> {
    let endpoint = open(state, id, "resize it")?;
    let Some(scaling) = &endpoint.scaling else {
        return Err(wrong(id, "of a fixed number of replicas", "resize it"));
    };
    if scaling.bound(replicas) != replicas {
        let (min, max) = (scaling.replicas_min, scaling.replicas_max);
        let message = format!("`{replicas}` is out of the endpoint's bounds: {min} to {max}");
        return Err(Reject::invalid("replicas", message));
    }
    if endpoint.wanted() == replicas {
        return Ok(Vec::new());
    }
    Ok(one(Event::Resized { id, replicas, observed: Some(observed) }))
}

fn update(state: &State, command: &Command, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let Command::Update { id, model, model_version, service, canary_percent, promote_after } =
        command
    else {
        return Ok(Vec::new());
    };
    let endpoint = with_services(state, *id, "update it")?;
    if let Some(rollout) = &endpoint.rollout {
        let action = "introduce another: promote that one or roll it back first";
        let at = format!("introducing a version already ({})", rollout.stage.as_str());
        return Err(wrong(*id, &at, action));
    }
    require_serves(state, (*model, *model_version), service)?;
    if (endpoint.model, endpoint.model_version) == (Some(*model), *model_version) {
        let message = "is what the endpoint serves already: name another version";
        return Err(Reject::invalid("model", message));
    }
    if canary_percent.is_some_and(|percent| !(1..=99).contains(&percent)) {
        let message = "is out of range: 1 to 99; leave it out to replace all at once";
        return Err(Reject::invalid("canary_percent", message));
    }
    if let Some(after) = promote_after {
        if canary_percent.is_none() {
            let message = "needs a canary: without one, all is replaced at once";
            return Err(Reject::invalid("promote_after", message));
        }
        if *after > PROMOTE_AFTER_MAX || after.0 == 0 {
            let message = format!("`{after}` is out of range: above 0 s to {PROMOTE_AFTER_MAX}");
            return Err(Reject::invalid("promote_after", message));
        }
    }
    let service = workload::tightened(state, ctx, service)?;
    let mut trial = Vec::new();
    // What cannot be started at all is refused now, not found out by a loop later.
    workload::submit(state, (endpoint.project, &service), ctx.id(1), ctx, &mut trial)?;
    Ok(one(Event::UpdateStarted {
        id: *id,
        model: *model,
        model_version: *model_version,
        service: Box::new(service.into_owned()),
        canary_percent: *canary_percent,
        promote_after: *promote_after,
    }))
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
    if routing.backends.is_empty() && endpoint.model.is_none() {
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
