//! What gateways that run apart say of themselves, a few times a second: what they have in flight, and where the
//! answers are that they are asked for.
//!
//! The number of an endpoint's services follows it, so that load counts wherever it comes in. Nothing of a
//! request is in it but its size; of an answer, what its receipt says.

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
    /// Answers that were wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<GatewayAnswer>,
}

/// Where an answer is that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayAnswer {
    /// Its id, as it was asked for.
    pub id: String,
    /// What is kept of it; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<GatewayKept>,
}

/// What a gateway keeps of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayKept {
    /// The key that asked.
    #[schemars(with = "IdText<kinds::Key>")]
    pub key: Id<kinds::Key>,
    /// What was asked.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub endpoint: Id<kinds::Endpoint>,
    /// Its place under its minute's root; absent while the minute is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled: Option<GatewayRolled>,
}

/// The way from an answer to the root that its roll-up names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayRolled {
    /// The number of the roll-up.
    pub sequence: u64,
    /// The leaf: JSON, byte for byte.
    pub leaf: String,
    /// Its place in the roll-up's tree, from 0.
    pub index: u64,
    /// From the leaf's sibling up: SHA-256 in hexadecimal.
    pub path: Vec<String>,
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
pub struct GatewayHeard {
    /// Ids of answers that somebody wants a receipt of: its next report is to say where they are.
    pub answers_wanted: Vec<String>,
}

/// `POST /api/v1/gateway/report`: say what a gateway has in flight.
#[derive(Debug)]
pub struct GatewayReportSend;

impl Endpoint for GatewayReportSend {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/gateway/report";
    const ID: &'static str = "gateway_report_send";
    const SUMMARY: &'static str =
        "Say what a gateway that runs apart has in flight, and hear what is wanted of it";
    const DESCRIPTION: &'static str = "Endpoints scale by what all gateways have in flight. One that is \
        not heard for five seconds counts for nothing, until it is heard again. What \
        it is asked for in return are answers that it gave, of which somebody wants a receipt.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[];
    type Path = Nothing;
    type Query = Nothing;
    type Body = GatewayReport;
    type Response = GatewayHeard;
}
