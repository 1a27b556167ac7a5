//! Endpoints: serve a model under a public name, list, get, stop serving.

use std::collections::BTreeMap;

use api::{
    nouns::{
        common::Page,
        model_endpoint::{
            EndpointCreate, EndpointDelete, EndpointGet, EndpointList, ModelEndpoint,
            ModelEndpointNew, ModelEndpointState,
        },
    },
    reference::{ArtefactRef, InputRef},
    text::Timestamp,
};
use kernel::{
    Command, Reject, State, Subject,
    access::{Role, Scope},
    endpoint,
    model::Artefact,
    node::Capacity,
    workload::{self, Input, Kind, Outputs, RetryOn, Spec, Terms},
};
use units::{Bytes, DurationMicros, GpuCount, Id, MilliCpu, kinds};

use super::{
    access,
    caller::Caller,
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
    let (project, found) = call.read(|state| {
        let project = resolve::project(state, &call.caller, Role::Member, &new.project)?;
        let model = InputRef::Model(new.model.clone());
        Ok::<_, Fail>((project, resolve::input(state, project, &model)?))
    })?;
    let Artefact::Model { id: model, version: model_version } = found.artefact else {
        return Err(unexpected());
    };
    let command = endpoint::Command::Create {
        project,
        name: new.name.clone(),
        model,
        model_version,
        replicas: new.replicas,
        service: Box::new(service(new, &found)),
    };
    let accepted = call.submit(Command::Endpoint(command)).await?;
    let Some(Subject::Endpoint(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.endpoints.get(&id).map(|e| dto(s, e, accepted.seq))).ok_or_else(unexpected)
}

/// What each replica asks for.
fn service(new: &ModelEndpointNew, found: &Found) -> Spec {
    let weights = found.size_bytes.saturating_mul(MEMORY_PER_MODEL_BYTE);
    let memory = Bytes(weights.saturating_add(REPLICA_MEMORY));
    Spec {
        name: new.name.clone(),
        kind: Kind::Service,
        // A name holds no character that a shell would read.
        script: format!("{SERVE_SCRIPT} --name {}", new.name),
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
        class: new.class.unwrap_or(found.class),
        outputs: Outputs::default(),
        priority: 0,
        terms: Terms::default(),
    }
}

/// `GET /api/v1/endpoints`
pub(crate) async fn list(call: Call<EndpointList>) -> Result<Page<ModelEndpoint>, Fail> {
    call.read(|state| {
        let listing = Listing { state, caller: &call.caller, query: &call.query };
        listing.page(&state.endpoints, |e| (e.project, &e.name), |e| dto(state, e, as_of(state)))
    })
}

/// `GET /api/v1/endpoints/{id}`
pub(crate) async fn get(call: Call<EndpointGet>) -> Result<ModelEndpoint, Fail> {
    call.read(|state| {
        find(state, &call.caller, Role::Viewer, call.path.id).map(|e| dto(state, e, as_of(state)))
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
    call.read(|s| s.endpoints.get(&id).map(|e| dto(s, e, accepted.seq))).ok_or_else(unexpected)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Endpoint>,
) -> Result<&'a endpoint::Endpoint, Fail> {
    let found = state.endpoints.get(&id).map(|e| (e, Scope::Project(e.project)));
    access::find(state, caller, role, found, ("endpoint", &id))
}

fn dto(state: &State, endpoint: &endpoint::Endpoint, seq: u64) -> ModelEndpoint {
    let services: Vec<&workload::Workload> =
        endpoint.workloads.iter().filter_map(|id| state.workloads.get(id)).collect();
    let n_ready = services.iter().filter(|w| w.ready_addresses().next().is_some()).count();
    let deleted = endpoint.deleted_at.is_some();
    let endpoint_state = match n_ready {
        _ if deleted => ModelEndpointState::Deleted,
        0 => ModelEndpointState::Pending,
        n if n < services.len() => ModelEndpointState::Degraded,
        _ => ModelEndpointState::Ready,
    };
    let artefact = Artefact::Model { id: endpoint.model, version: endpoint.model_version };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ModelEndpoint {
        id: endpoint.id,
        project: endpoint.project,
        name: endpoint.name.clone(),
        model: resolve::artefact_ref(state, artefact).unwrap_or_else(|| unnamed(endpoint)),
        class: services.first().map_or(units::DataClass::Public, |w| w.class),
        replicas: count(services.len()),
        replicas_ready: count(n_ready),
        state: endpoint_state,
        state_reason: why(endpoint_state, &services, n_ready),
        workloads: endpoint.workloads.clone(),
        version: endpoint.meta.version,
        seq,
        created_at: Timestamp(endpoint.meta.created_at),
    }
}

/// Models are never deleted, so this stands for nothing that can be seen.
fn unnamed(endpoint: &endpoint::Endpoint) -> ArtefactRef {
    let name = endpoint.name.clone();
    ArtefactRef { project: name.clone(), name, artefact_version: Some(endpoint.model_version) }
}

fn why(
    state: ModelEndpointState,
    services: &[&workload::Workload],
    n_ready: usize,
) -> Option<String> {
    match state {
        ModelEndpointState::Ready => None,
        ModelEndpointState::Deleted => Some("it was deleted".to_owned()),
        ModelEndpointState::Pending | ModelEndpointState::Degraded => {
            let waiting = services.iter().find(|w| w.ready_addresses().next().is_none());
            let what = waiting.map_or("none", |w| w.state_name());
            Some(format!("{n_ready} of {} replicas answer; the next is {what}", services.len()))
        }
    }
}
