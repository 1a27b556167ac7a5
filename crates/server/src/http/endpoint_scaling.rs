//! How many services an endpoint has, and another version of its model: agree, update, promote, roll back.

use api::{
    endpoint::Endpoint as ApiEndpoint,
    nouns::{
        common::IdPath,
        endpoint_scaling::{EndpointPromote, EndpointRollBack, EndpointScale, EndpointUpdate},
        model_endpoint::ModelEndpoint,
    },
    reference::InputRef,
};
use kernel::{Command, access::Role, endpoint, model::Artefact};
use units::{DurationMicros, Id, kinds};

use super::{
    endpoints::{find, service, shown},
    endpoints_dto::agreed,
    fail::Fail,
    mount::Call,
    resolve, unexpected,
};

/// `PUT /api/v1/endpoints/{id}/scaling`
pub(crate) async fn scale(call: Call<EndpointScale>) -> Result<ModelEndpoint, Fail> {
    let scaling = Box::new(agreed(&call.body));
    change(&call, |id| endpoint::Command::Scale { id, scaling }).await
}

/// `POST /api/v1/endpoints/{id}/update`
pub(crate) async fn update(call: Call<EndpointUpdate>) -> Result<ModelEndpoint, Fail> {
    let new = &call.body;
    let (model, model_version, service) = call.read(|state| {
        let current = find(state, &call.caller, Role::Member, call.path.id)?;
        let input = InputRef::Model(new.model.clone());
        let found = resolve::input(state, current.project, &input)?;
        let Artefact::Model { id, version } = found.artefact else { return Err(unexpected()) };
        // What prompts it may take was agreed with the endpoint and is not less for another version.
        let class = current.workloads.iter().chain(&current.retired).next();
        let class = class.and_then(|id| state.workloads.get(id)).map(|one| one.spec.class);
        Ok::<_, Fail>((id, version, Box::new(service(&current.name, class, &found))))
    })?;
    let promote_after = new.promote_after_s.map(DurationMicros::from_secs);
    let canary_percent = new.canary_percent;
    change(&call, |id| endpoint::Command::Update {
        id,
        model,
        model_version,
        service,
        canary_percent,
        promote_after,
    })
    .await
}

/// `POST /api/v1/endpoints/{id}/promote`
pub(crate) async fn promote(call: Call<EndpointPromote>) -> Result<ModelEndpoint, Fail> {
    change(&call, |id| endpoint::Command::Promote { id }).await
}

/// `POST /api/v1/endpoints/{id}/roll-back`
pub(crate) async fn roll_back(call: Call<EndpointRollBack>) -> Result<ModelEndpoint, Fail> {
    change(&call, |id| endpoint::Command::RollBack { id }).await
}

async fn change<E: ApiEndpoint<Path = IdPath<kinds::Endpoint>>>(
    call: &Call<E>,
    command: impl FnOnce(Id<kinds::Endpoint>) -> endpoint::Command,
) -> Result<ModelEndpoint, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, Role::Member, id).map(|_| ()))?;
    let accepted = call.submit(Command::Endpoint(command(id))).await?;
    shown(call, id, accepted.seq)
}
