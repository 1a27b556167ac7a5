//! Endpoints: serve a model under a public name, list, get, stop serving.

use std::collections::BTreeMap;

use api::{
    endpoint::Endpoint as ApiEndpoint,
    nouns::{
        common::Page,
        model_endpoint::{
            EndpointCreate, EndpointDelete, EndpointGet, EndpointList, ModelEndpoint,
            ModelEndpointNew,
        },
    },
    reference::{ArtefactRef, InputRef},
};
use kernel::{
    Command, Reject, State, Subject,
    access::{Role, Scope},
    endpoint,
    model::Artefact,
    node::Capacity,
    workload::{Input, Kind, Outputs, RetryOn, Spec, Terms},
};
use units::{Bytes, DataClass, DurationMicros, GpuCount, Id, MilliCpu, Name, kinds};

use super::{
    access,
    caller::Caller,
    endpoint_routing,
    endpoints_dto::{Detail, dto},
    fail::Fail,
    mount::{Call, as_of},
    resolve::{self, Found, Listing},
    unexpected,
};

/// How a replica is run: the built-in engine on the model, which is mounted below the working
/// folder, and the port that the execution engine chose.
const SERVE_SCRIPT: &str = "exec cocarde lm serve --model model --port \"$PORT\"";
/// Where the model is mounted.
const MODEL_MOUNT: &str = "/model";
/// Processor time of a replica: one core.
const REPLICA_CPU: MilliCpu = MilliCpu(1_000);
/// Memory of a replica besides its weights: program, tokenizer and caches.
const REPLICA_MEMORY: u64 = 512 << 20;
/// Weights are read from files (bytes once) and held as 32-bit floats, at most twice their size on
/// disk for models stored in 16 bits.
const MEMORY_PER_MODEL_BYTE: u64 = 3;
/// Restarts of a replica.
const REPLICA_RETRIES: u32 = 100;

/// `POST /api/v1/endpoints`
pub(crate) async fn create(call: Call<EndpointCreate>) -> Result<ModelEndpoint, Fail> {
    let new = &call.body;
    let command = call.read(|state| {
        let project = resolve::project(state, &call.caller, Role::Member, &new.project)?;
        match &new.model {
            Some(model) => serving(state, project, new, model),
            None => over_upstreams(state, project, new),
        }
    })?;
    let accepted = call.submit(Command::Endpoint(command)).await?;
    let Some(Subject::Endpoint(id)) = accepted.subject else { return Err(unexpected()) };
    shown(&call, id, accepted.seq)
}

/// An endpoint with services of its own.
fn serving(
    state: &State,
    project: Id<kinds::Project>,
    new: &ModelEndpointNew,
    model: &ArtefactRef,
) -> Result<endpoint::Command, Fail> {
    if !new.backends.is_empty() {
        let text = "give a model to serve or upstreams; `PUT …/routing` adds these to services";
        return Err(Fail::field("/backends", text));
    }
    let found = resolve::input(state, project, &InputRef::Model(model.clone()))?;
    let Artefact::Model { id: model, version: model_version } = found.artefact else {
        return Err(unexpected());
    };
    Ok(endpoint::Command::Create {
        project,
        name: new.name.clone(),
        model,
        model_version,
        replicas: new.replicas,
        service: Box::new(service(&new.name, new.class, &found)),
    })
}

/// An endpoint over upstreams.
fn over_upstreams(
    state: &State,
    project: Id<kinds::Project>,
    new: &ModelEndpointNew,
) -> Result<endpoint::Command, Fail> {
    if new.backends.is_empty() {
        return Err(Fail::field("/model", "give a model to serve, or upstreams as `backends`"));
    }
    let backends = endpoint_routing::backends_of(state, project, &new.backends)?;
    let (name, class) = (new.name.clone(), new.class.unwrap_or_default());
    let routing = endpoint::Routing { backends, ..endpoint::Routing::default() };
    Ok(endpoint::Command::Open { project, name, class, routing })
}

/// What each replica asks for.
pub(crate) fn service(name: &Name, class: Option<DataClass>, found: &Found) -> Spec {
    let weights = found.size_bytes.saturating_mul(MEMORY_PER_MODEL_BYTE);
    let memory = Bytes(weights.saturating_add(REPLICA_MEMORY));
    Spec {
        name: name.clone(),
        kind: Kind::Service,
        // A name holds no character that a shell would read.
        script: format!("{SERVE_SCRIPT} --name {name}"),
        image: None,
        environment: BTreeMap::new(),
        nodes_min: 1,
        nodes_max: 1,
        per_node: Capacity { cpu: REPLICA_CPU, memory, gpus: GpuCount::ZERO },
        gpu_model: None,
        inputs: vec![Input {
            mount: MODEL_MOUNT.to_owned(),
            artefact: found.artefact,
            manifest: found.manifest,
        }],
        stop_signal: "TERM".to_owned(),
        grace: DurationMicros::from_secs(10),
        time_limit: None,
        budget: None,
        retries_max: REPLICA_RETRIES,
        retry_on: RetryOn { failure: true, node_failure: true, preempted: true },
        residency_countries: None,
        class: class.unwrap_or(found.class),
        outputs: Outputs::default(),
        priority: 0,
        terms: Terms::default(),
    }
}

/// `GET /api/v1/endpoints`
pub(crate) async fn list(call: Call<EndpointList>) -> Result<Page<ModelEndpoint>, Fail> {
    call.read(|state| {
        let listing = Listing { state, caller: &call.caller, query: &call.query };
        let line = |e: &endpoint::Endpoint| dto(state, e, Detail::Line, as_of(state));
        listing.page(&state.endpoints, |e| (e.project, &e.name), line)
    })
}

/// `GET /api/v1/endpoints/{id}`
pub(crate) async fn get(call: Call<EndpointGet>) -> Result<ModelEndpoint, Fail> {
    let now = call.platform().now();
    call.read(|state| {
        let found = find(state, &call.caller, Role::Viewer, call.path.id)?;
        Ok(dto(state, found, Detail::Whole(now), as_of(state)))
    })
}

/// `DELETE /api/v1/endpoints/{id}`
pub(crate) async fn delete(call: Call<EndpointDelete>) -> Result<ModelEndpoint, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = find(state, &call.caller, Role::Member, id)?;
        if found.deleted_at.is_none() {
            return Ok(());
        }
        let (kind, action) = ("endpoint", "delete it again");
        let state = "deleted".to_owned();
        Err(Fail::from(Reject::WrongState { kind, id: id.to_string(), state, action }))
    })?;
    let accepted = call.submit(Command::Endpoint(endpoint::Command::Delete { id })).await?;
    shown(&call, id, accepted.seq)
}

/// The endpoint after a change.
pub(crate) fn shown<E: ApiEndpoint>(
    call: &Call<E>,
    id: Id<kinds::Endpoint>,
    seq: u64,
) -> Result<ModelEndpoint, Fail> {
    let shown = |s: &State| s.endpoints.get(&id).map(|e| dto(s, e, Detail::Line, seq));
    call.read(shown).ok_or_else(unexpected)
}

/// The endpoint, if the caller has the role for it.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Endpoint>,
) -> Result<&'a endpoint::Endpoint, Fail> {
    let found = state.endpoints.get(&id).map(|e| (e, Scope::Project(e.project)));
    access::find(state, caller, role, found, ("endpoint", &id))
}
