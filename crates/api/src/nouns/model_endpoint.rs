//! Public model names and the services behind them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{
        common::{IdPath, Page, ProjectNamedQuery},
        endpoint_routing::{EndpointBackend, EndpointBackendNew, EndpointCanary},
        endpoint_scaling::{EndpointReplica, EndpointRollout, EndpointScaling},
    },
    problem::Code,
    reference::{ArtefactRef, ProjectRef},
    text::{ClassText, IdText, NameText, Timestamp},
};

/// Whether a public model answers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelEndpointState {
    /// No replica is ready yet.
    Pending,
    /// Every replica is ready.
    Ready,
    /// Some replicas are ready.
    Degraded,
    /// It has no replica until somebody asks.
    Asleep,
    /// It was deleted.
    Deleted,
}

/// A public model name with services behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelEndpoint {
    /// Its id.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub id: Id<kinds::Endpoint>,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// The model name that callers of `/v1` use; unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The model version that its services serve; absent if only upstreams are behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ArtefactRef>,
    /// The most sensitive prompts that it may take.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
    /// Services wanted.
    pub replicas: u32,
    /// Services that answer.
    pub replicas_ready: u32,
    /// Whether it answers.
    pub state: ModelEndpointState,
    /// Why, unless it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Its services.
    #[schemars(with = "Vec<IdText<kinds::Workload>>")]
    pub workloads: Vec<Id<kinds::Workload>>,
    /// The same, with where each stands and its share of the requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<EndpointReplica>,
    /// Bounds of their number; absent if it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<EndpointScaling>,
    /// The version that is being introduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<EndpointRollout>,
    /// Upstreams that answer beside its services, or instead of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<EndpointBackend>,
    /// Endpoints that take a part of its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<EndpointCanary>,
    /// Endpoints that answer when nothing of its own does, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<IdText<kinds::Endpoint>>")]
    pub fallbacks: Vec<Id<kinds::Endpoint>>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an endpoint is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEndpointNew {
    /// The project.
    pub project: ProjectRef,
    /// The model name that callers use; unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The model version to serve, such as `nlp/words@v1`; absent for an endpoint over upstreams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ArtefactRef>,
    /// Upstreams that answer, in place of a model to serve; `PUT …/routing` adds them to one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<EndpointBackendNew>,
    /// The most sensitive prompts that it may take; if absent the model's class, or `internal` over
    /// upstreams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ClassText>")]
    pub class: Option<DataClass>,
    /// Services wanted, 1 to 64; 1 if absent.
    #[serde(default = "one")]
    pub replicas: u32,
}

fn one() -> u32 {
    1
}

/// `POST /api/v1/endpoints`: serve a model under a public name.
#[derive(Debug)]
pub struct EndpointCreate;

impl Endpoint for EndpointCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/endpoints";
    const ID: &'static str = "endpoint_create";
    const SUMMARY: &'static str = "Serve a model under a public name";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[
        Code::NotFound,
        Code::NameTaken,
        Code::ForbiddenByPolicy,
        Code::BudgetExhausted,
        Code::NoCapacity,
    ];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ModelEndpointNew;
    type Response = ModelEndpoint;
}

/// `GET /api/v1/endpoints`: list endpoints.
#[derive(Debug)]
pub struct EndpointList;

impl Endpoint for EndpointList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/endpoints";
    const ID: &'static str = "endpoint_list";
    const SUMMARY: &'static str = "List endpoints";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
    type Body = Nothing;
    type Response = Page<ModelEndpoint>;
}

/// `GET /api/v1/endpoints/{id}`: get an endpoint.
#[derive(Debug)]
pub struct EndpointGet;

impl Endpoint for EndpointGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/endpoints/{id}";
    const ID: &'static str = "endpoint_get";
    const SUMMARY: &'static str = "Get an endpoint";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ModelEndpoint;
}

/// `DELETE /api/v1/endpoints/{id}`: stop serving a model and stop its services.
#[derive(Debug)]
pub struct EndpointDelete;

impl Endpoint for EndpointDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/endpoints/{id}";
    const ID: &'static str = "endpoint_delete";
    const SUMMARY: &'static str = "Stop serving a model and stop its services";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ModelEndpoint;
}
