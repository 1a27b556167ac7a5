//! Where an endpoint's requests go besides its own services.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{common::IdPath, model_endpoint::ModelEndpoint},
    problem::Code,
    reference::Ref,
    text::IdText,
};

/// An upstream of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointBackendNew {
    /// The upstream: one of the endpoint's project, else one of the platform.
    pub upstream: Ref<kinds::Upstream>,
    /// Its share of the requests, relative to the others, where a service has 100: 0 to 1,000; 100 if
    /// absent. 0 gets none.
    #[serde(default = "usual_weight")]
    pub weight: u32,
    /// The name of the model there, such as that of a LoRA adapter; the upstream's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

const fn usual_weight() -> u32 {
    100
}

/// An upstream of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointBackend {
    /// The upstream.
    #[schemars(with = "IdText<kinds::Upstream>")]
    pub upstream: Id<kinds::Upstream>,
    /// Its share of the requests, relative to the others, where a service has 100.
    pub weight: u32,
    /// The name of the model there.
    pub model: String,
    /// True while policy's yes about its site is on record: without it it gets no request.
    pub allowed: bool,
}

/// An endpoint that takes a part of another's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointCanaryNew {
    /// The endpoint, of the same project.
    pub endpoint: Ref<kinds::Endpoint>,
    /// How many of a hundred requests it takes, 1 to 100.
    pub percent: u32,
}

/// An endpoint that takes a part of another's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointCanary {
    /// The endpoint.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub endpoint: Id<kinds::Endpoint>,
    /// How many of a hundred requests it takes.
    pub percent: u32,
}

/// Where an endpoint's requests go besides its own services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointRouting {
    /// Upstreams that answer beside its services, or instead of them; at most 64.
    #[serde(default)]
    pub backends: Vec<EndpointBackendNew>,
    /// Endpoints that take a part of its requests, such as the next version of its model; at most 8.
    #[serde(default)]
    pub canaries: Vec<EndpointCanaryNew>,
    /// Endpoints that answer when nothing of its own does, in this order; at most 8.
    #[serde(default)]
    pub fallbacks: Vec<Ref<kinds::Endpoint>>,
}

/// `PUT /api/v1/endpoints/{id}/routing`: say where its requests go.
#[derive(Debug)]
pub struct EndpointRoute;

impl Endpoint for EndpointRoute {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/endpoints/{id}/routing";
    const ID: &'static str = "endpoint_route";
    const SUMMARY: &'static str = "Say where an endpoint's requests go besides its own services";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict, Code::ForbiddenByPolicy];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = EndpointRouting;
    type Response = ModelEndpoint;
}
