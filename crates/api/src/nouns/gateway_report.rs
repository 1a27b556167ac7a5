//! What gateways that run apart say of themselves, a few times a second: what they have in flight.
//!
//! The number of an endpoint's services follows it, so that load counts wherever it comes in. Nothing of a
//! request is in it but its size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::IdText,
};

/// What a gateway has in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayReport {
    /// The gateway, under the id by which its usage is recorded.
    #[schemars(with = "IdText<kinds::Gateway>")]
    pub gateway: Id<kinds::Gateway>,
    /// How long its process runs, in microseconds; less than before says that it was started again.
    pub uptime_us: u64,
    /// Endpoints for which something is in flight, waits, or has come since its report before.
    pub loads: Vec<GatewayLoad>,
}

/// What a gateway has in flight for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayLoad {
    /// The endpoint.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub endpoint: Id<kinds::Endpoint>,
    /// Tokens in flight now: of prompts, and what the answers are expected to have.
    pub tokens: u64,
    /// Tokens in flight times the microseconds for which they were, since the start; wraps.
    pub token_micros: u64,
    /// Requests that came since the start.
    pub requests: u64,
    /// Requests that wait for a service.
    pub waiting: u32,
    /// For how long the first of them has, in microseconds.
    pub waited_us: u64,
    /// Its services.
    pub replicas: Vec<GatewayReplicaLoad>,
}

/// What a gateway has in flight at a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayReplicaLoad {
    /// `host:port`, or the id of an upstream.
    pub address: String,
    /// Requests in flight now.
    pub in_flight: u32,
    /// Requests sent since the start.
    pub sent: u64,
    /// Those of them that it failed.
    pub failed: u64,
}

/// A report was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayHeard {}

/// `POST /api/v1/gateway/report`: say what a gateway has in flight.
#[derive(Debug)]
pub struct GatewayReportSend;

impl Endpoint for GatewayReportSend {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/gateway/report";
    const ID: &'static str = "gateway_report_send";
    const SUMMARY: &'static str = "Say what a gateway that runs apart has in flight";
    const DESCRIPTION: &'static str = "Endpoints scale by what all gateways have in flight. One that is \
        not heard for five seconds counts for nothing, until it is heard again.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[];
    type Path = Nothing;
    type Query = Nothing;
    type Body = GatewayReport;
    type Response = GatewayHeard;
}
