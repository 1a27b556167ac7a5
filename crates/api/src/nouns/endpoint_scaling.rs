//! How many services an endpoint has, and how another version takes the place of the one in force.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{common::IdPath, model_endpoint::ModelEndpoint},
    problem::Code,
    reference::ArtefactRef,
    text::{IdText, Timestamp},
};

/// Bounds of an endpoint's services and what moves their number between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointScaling {
    /// Fewest services, 0 to `replicas_max`; with 0, the endpoint sleeps while nobody asks, and the first
    /// request waits for it.
    pub replicas_min: u32,
    /// Most services, 1 to 64.
    pub replicas_max: u32,
    /// Tokens in flight (read and to be written) that each is to have, 1 to 10⁹.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_tokens: Option<u64>,
    /// Milliseconds that a request may wait for a service before one is added, 1 to 600 000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_wait_ms: Option<u64>,
    /// Seconds over which load is averaged before services are added, and the least time between two
    /// changes after which there are more; 0 to 900.
    #[serde(default = "up_after_s")]
    pub up_after_s: u64,
    /// Seconds for which fewer must have been enough before some go; 1 to 900.
    #[serde(default = "down_after_s")]
    pub down_after_s: u64,
    /// Seconds without a request after which the last one goes, if the fewest is 0; 1 to 2 592 000.
    #[serde(default = "idle_after_s")]
    pub idle_after_s: u64,
    /// Seconds that a service that goes may take to end what it has begun; 1 to 3 600.
    #[serde(default = "drain_s")]
    pub drain_s: u64,
}

const fn up_after_s() -> u64 {
    10
}

const fn down_after_s() -> u64 {
    120
}

const fn idle_after_s() -> u64 {
    600
}

const fn drain_s() -> u64 {
    120
}

/// How far another version is introduced.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EndpointRolloutStage {
    /// It gets a share of the requests until somebody decides.
    Canary,
    /// It takes the other's place, service by service.
    Replacing,
    /// It goes again.
    Leaving,
}

/// A version that is being introduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointRollout {
    /// The version.
    pub model: ArtefactRef,
    /// How far it is.
    pub stage: EndpointRolloutStage,
    /// Since when it is there.
    pub since: Timestamp,
    /// Its share of the requests, in percent, while it is tried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<u32>,
    /// After how many seconds without an error it is promoted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after_s: Option<u64>,
}

/// One service of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointReplica {
    /// The service.
    #[schemars(with = "IdText<kinds::Workload>")]
    pub workload: Id<kinds::Workload>,
    /// The version that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ArtefactRef>,
    /// Its state as a workload.
    pub state: String,
    /// Why, while it waits; `GET /api/v1/workloads/{id}/explain` says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// True if it answers.
    pub ready: bool,
    /// Its share of the requests, in thousandths.
    pub share_milli: u32,
    /// It gets no more requests, and is stopped then at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<Timestamp>,
}

/// A version to be introduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointUpdateNew {
    /// The model version, such as `nlp/words@v2`.
    pub model: ArtefactRef,
    /// The share of the requests that it gets until it is promoted, 1 to 99 percent; without, it takes the
    /// other's place at once, service by service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<u32>,
    /// Promote it by itself after so many seconds in which it answered and nothing of it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after_s: Option<u64>,
}

/// `PUT /api/v1/endpoints/{id}/scaling`: agree how many services an endpoint may have.
#[derive(Debug)]
pub struct EndpointScale;

impl Endpoint for EndpointScale {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/endpoints/{id}/scaling";
    const ID: &'static str = "endpoint_scale";
    const SUMMARY: &'static str = "Agree how many services an endpoint may have";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = EndpointScaling;
    type Response = ModelEndpoint;
}

/// `POST /api/v1/endpoints/{id}/update`: introduce another version of the model.
#[derive(Debug)]
pub struct EndpointUpdate;

impl Endpoint for EndpointUpdate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/endpoints/{id}/update";
    const ID: &'static str = "endpoint_update";
    const SUMMARY: &'static str = "Introduce another version of the model";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[
        Code::NotFound,
        Code::StateConflict,
        Code::ForbiddenByPolicy,
        Code::BudgetExhausted,
        Code::NoCapacity,
    ];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = EndpointUpdateNew;
    type Response = ModelEndpoint;
}

/// `POST /api/v1/endpoints/{id}/promote`: let the version that is tried out take the other's place.
#[derive(Debug)]
pub struct EndpointPromote;

impl Endpoint for EndpointPromote {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/endpoints/{id}/promote";
    const ID: &'static str = "endpoint_promote";
    const SUMMARY: &'static str = "Let the version that is tried out take the other's place";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ModelEndpoint;
}

/// `POST /api/v1/endpoints/{id}/roll-back`: give up the version that is being introduced.
#[derive(Debug)]
pub struct EndpointRollBack;

impl Endpoint for EndpointRollBack {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/endpoints/{id}/roll-back";
    const ID: &'static str = "endpoint_roll_back";
    const SUMMARY: &'static str = "Give up the version that is being introduced";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Endpoint>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ModelEndpoint;
}
