//! Where an endpoint's requests go besides its own services: upstreams, canaries, fallbacks.

use api::{
    nouns::{
        endpoint_routing::{
            EndpointBackend, EndpointBackendNew, EndpointCanary, EndpointRoute, EndpointRouting,
        },
        model_endpoint::ModelEndpoint,
    },
    reference::Ref,
};
use kernel::{
    Command, State,
    access::Role,
    endpoint::{self, Backend, Canary, Routing},
};
use units::{Id, kinds};

use super::{
    caller::Caller,
    endpoints::{find, shown as shown_after},
    fail::Fail,
    mount::Call,
};

/// `PUT /api/v1/endpoints/{id}/routing`
pub(crate) async fn route(call: Call<EndpointRoute>) -> Result<ModelEndpoint, Fail> {
    let id = call.path.id;
    let routing = call.read(|state| {
        let project = find(state, &call.caller, Role::Member, id)?.project;
        routing_of(state, &call.caller, project, &call.body)
    })?;
    let command = endpoint::Command::Route { id, routing };
    let accepted = call.submit(Command::Endpoint(command)).await?;
    shown_after(&call, id, accepted.seq)
}

fn routing_of(
    state: &State,
    caller: &Caller,
    project: Id<kinds::Project>,
    given: &EndpointRouting,
) -> Result<Routing, Fail> {
    let canaries = given.canaries.iter().map(|one| {
        let endpoint = endpoint_of(state, caller, project, &one.endpoint)?;
        Ok(Canary { endpoint, percent: one.percent })
    });
    let fallbacks = given.fallbacks.iter().map(|one| endpoint_of(state, caller, project, one));
    Ok(Routing {
        backends: backends_of(state, project, &given.backends)?,
        canaries: canaries.collect::<Result<_, Fail>>()?,
        fallbacks: fallbacks.collect::<Result<_, Fail>>()?,
    })
}

/// The upstreams of references: those of the project come before those of the platform.
pub(super) fn backends_of(
    state: &State,
    project: Id<kinds::Project>,
    given: &[EndpointBackendNew],
) -> Result<Vec<Backend>, Fail> {
    let resolve = |one: &EndpointBackendNew| {
        let mut usable = state.upstreams.values().filter(|found| found.serves(project));
        let found = match &one.upstream {
            Ref::Id(id) => usable.find(|found| found.id == *id),
            Ref::Name(name) => {
                usable.filter(|found| found.name == *name).max_by_key(|found| found.project)
            }
        };
        let missing = || Fail::not_found("upstream", &one.upstream);
        let upstream = found.ok_or_else(missing)?.id;
        Ok(Backend { upstream, weight: one.weight, model: one.model.clone() })
    };
    given.iter().map(resolve).collect()
}

fn endpoint_of(
    state: &State,
    caller: &Caller,
    project: Id<kinds::Project>,
    given: &Ref<kinds::Endpoint>,
) -> Result<Id<kinds::Endpoint>, Fail> {
    let id = match given {
        Ref::Id(id) => Some(*id),
        Ref::Name(name) => state.endpoint_by_name(project, name),
    };
    let id = id.ok_or_else(|| Fail::not_found("endpoint", given))?;
    find(state, caller, Role::Viewer, id).map(|found| found.id)
}

/// An endpoint's upstreams and canaries, as they are shown.
pub(super) fn shown(
    state: &State,
    endpoint: &endpoint::Endpoint,
) -> (Vec<EndpointBackend>, Vec<EndpointCanary>) {
    let routed: Vec<_> =
        endpoint.routed_upstreams(state, |_| true).map(|(_, upstream)| upstream.id).collect();
    let backends = endpoint.backends.iter().map(|one| {
        let upstream = state.upstreams.get(&one.upstream);
        let model = upstream.map(|upstream| upstream.config.model.clone());
        EndpointBackend {
            upstream: one.upstream,
            weight: one.weight,
            model: one.model.clone().or(model).unwrap_or_default(),
            allowed: routed.contains(&one.upstream),
        }
    });
    let canaries = endpoint.canaries.iter();
    let canaries =
        canaries.map(|one| EndpointCanary { endpoint: one.endpoint, percent: one.percent });
    (backends.collect(), canaries.collect())
}
