//! What gateways that run apart follow, and where they hand in what they have counted.
//!
//! A gateway asks again and again for what it needs to serve, tells each time what it has in hand of every
//! budget, and waits for what is newer than what it has. It is told hashes of keys and never a key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{gateway_capture::GatewayCapture, guardrail::Guardrail},
    problem::Code,
    text::{ClassText, IdText},
};

/// What a gateway has and asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayAsk {
    /// The gateway, under the id by which its usage is recorded.
    #[schemars(with = "IdText<kinds::Gateway>")]
    pub gateway: Id<kinds::Gateway>,
    /// The `number` of the snapshot that it serves from; 0 for none.
    pub has: u64,
    /// The log sequence number of that snapshot; a newer one is waited for.
    pub seq: u64,
    /// What it has in hand of each budget: reserved for requests in flight, or used and not yet recorded.
    pub held: Vec<GatewayHeld>,
    /// Longest time to wait for something newer, in milliseconds, at most 25,000.
    pub wait_ms: u64,
    /// Which run of its process asks: any number that another run does not have.
    #[serde(default)]
    pub run: u64,
    /// True if this run has ended: it serves nothing any more, all that it counted is recorded, and its shares
    /// of budgets go back. What it still asks afterwards is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
}

/// What a gateway has in hand of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayHeld {
    /// The budget.
    #[schemars(with = "IdText<kinds::Budget>")]
    pub budget: Id<kinds::Budget>,
    /// In its measure: micro-euro or tokens, rounded up.
    pub amount: i64,
}

/// All that a gateway needs to serve, of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewaySnapshot {
    /// Grows with every snapshot that this gateway was given.
    pub number: u64,
    /// Log sequence number as of which it is true.
    pub seq: u64,
    /// The last roll-up of this gateway that is recorded.
    pub recorded: u64,
    /// Keys that may call models.
    pub keys: Vec<GatewayKey>,
    /// What may be called; keys name them by their place in this list.
    pub models: Vec<GatewayModel>,
    /// Upstreams that were registered by their address and that models name.
    pub upstreams: Vec<GatewayUpstream>,
    /// Budgets that end calls.
    pub budgets: Vec<GatewayBudget>,
    /// The address under which people reach the platform, if it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Price of a million tokens read, in micro-euro.
    pub price_in_micro_euro: i64,
    /// Price of a million tokens written, in micro-euro.
    pub price_out_micro_euro: i64,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayKey {
    /// Its id.
    #[schemars(with = "IdText<kinds::Key>")]
    pub id: Id<kinds::Key>,
    /// Its secrets: SHA-256 in hexadecimal, and until when each opens in microseconds since 1970.
    pub secrets: Vec<GatewaySecret>,
    /// The project that it is a key of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// The organisation that it is a key of or in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Whose it is: sixteen bytes in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whose: Option<String>,
    /// Shares of organisation and project when a model is overloaded.
    pub weights: [u32; 2],
    /// What is kept of its calls; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<GatewayCapture>,
    /// The limits over it, outermost first.
    pub limits: Vec<GatewayLimit>,
    /// Places of the models that it may call.
    pub models: Vec<u32>,
}

/// A secret of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewaySecret {
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Until when it opens, in microseconds since 1970; absent for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_us: Option<i64>,
}

/// A limit over a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayLimit {
    /// Whose it is: sixteen bytes in hexadecimal.
    pub holder: String,
    /// Requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Requests in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<u32>,
}

/// A model that some keys may call, with the replicas that may answer these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayModel {
    /// The public name.
    pub name: String,
    /// When it was published, in seconds since 1970.
    pub created_unix_s: i64,
    /// The project that offers it, by name.
    pub owner: String,
    /// Whether it was made here from another.
    pub fine_tuned: bool,
    /// Whether a call for which nobody answers now is to wait: reported, it has a service started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wakes: bool,
    /// Who answers.
    pub route: GatewayRoute,
}

/// Where calls go, and what they are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayRoute {
    /// The endpoint.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub endpoint: Id<kinds::Endpoint>,
    /// How sensitive what it is asked counts as; absent where it is not known, and then nothing is kept of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ClassText>")]
    pub class: Option<DataClass>,
    /// The project that pays.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Its organisation.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// What is checked of questions to this endpoint and of its answers, in order; empty for nothing. Where it is
    /// absent nobody knows, and a gateway serves nothing unchecked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Vec<Guardrail>>,
    /// Services that answer.
    pub replicas: Vec<GatewayReplica>,
    /// Upstreams that answer as well.
    pub upstreams: Vec<GatewayBackend>,
    /// Routes that take a part of the requests.
    pub canaries: Vec<GatewayCanary>,
    /// Routes to take when nothing of this one answers, in this order.
    pub fallbacks: Vec<Self>,
}

/// A route that takes a part of the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayCanary {
    /// Percent of the requests.
    pub percent: u32,
    /// Where they go.
    pub route: GatewayRoute,
}

/// An upstream on a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayBackend {
    /// The upstream.
    #[schemars(with = "IdText<kinds::Upstream>")]
    pub id: Id<kinds::Upstream>,
    /// Where it stands.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its share of the requests, where a service has 100.
    pub weight: u32,
    /// The name of the model there, where the upstream's own is not meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// How an upstream is spoken to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayUpstream {
    /// The upstream.
    #[schemars(with = "IdText<kinds::Upstream>")]
    pub id: Id<kinds::Upstream>,
    /// Grows with every change.
    pub version: u64,
    /// Its base URL.
    pub url: String,
    /// The name under which it knows the model.
    pub model: String,
    /// True if its name may stand for addresses of private networks.
    pub is_private: bool,
    /// Most requests there at once, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// Milliseconds to take a connection.
    pub connect_ms: u32,
    /// Milliseconds to the first byte of an answer.
    pub first_byte_ms: u32,
    /// Milliseconds between two pieces of an answer.
    pub gap_ms: u32,
    /// Milliseconds to the end of an answer.
    pub total_ms: u32,
    /// How its health is found out: nothing, `models`, or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// True if it has a key; without it in `key` it cannot be spoken to.
    pub has_key: bool,
    /// Its key. A gateway does not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// True if it is the platform's.
    pub is_shared: bool,
}

impl std::fmt::Debug for GatewayUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the key.
        f.debug_struct("GatewayUpstream").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayReplica {
    /// `host:port`.
    pub address: String,
    /// Its site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its share of the requests relative to the others.
    pub weight: u32,
}

/// A budget, and this gateway's share of what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayBudget {
    /// The budget.
    #[schemars(with = "IdText<kinds::Budget>")]
    pub id: Id<kinds::Budget>,
    /// Whose use it counts: sixteen bytes in hexadecimal.
    pub owner: String,
    /// The project that it is confined to: sixteen bytes in hexadecimal, zeros for none.
    pub within: String,
    /// True for micro-euro, false for tokens.
    pub is_money: bool,
    /// What this gateway may use of it beyond `recorded`.
    pub granted: i64,
    /// What is left of it in all.
    pub left: i64,
}

/// A count of one key, endpoint and minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayUsage {
    /// The gateway that counted.
    #[schemars(with = "IdText<kinds::Gateway>")]
    pub gateway: Id<kinds::Gateway>,
    /// Position among its roll-ups, from 1, without holes.
    pub sequence: u64,
    /// The key used.
    #[schemars(with = "IdText<kinds::Key>")]
    pub key: Id<kinds::Key>,
    /// The endpoint called.
    #[schemars(with = "IdText<kinds::Endpoint>")]
    pub endpoint: Id<kinds::Endpoint>,
    /// Start of the minute in seconds since 1970.
    pub minute_unix_s: i64,
    /// Requests that reached a replica or tried to.
    pub requests: u64,
    /// Those whose answer was an error or incomplete.
    pub errors: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// True if some tokens were counted by the gateway instead of told by the engine.
    pub estimated: bool,
    /// Number of leaves of the tree over the answers; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// Root of that tree in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_root: Option<String>,
}

/// Usage is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayRecorded {
    /// The last roll-up of the gateway that is in the log.
    pub recorded: u64,
}

/// `POST /api/v1/gateway/follow`: what a gateway needs to serve.
#[derive(Debug)]
pub struct GatewayFollow;

impl Endpoint for GatewayFollow {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/gateway/follow";
    const ID: &'static str = "gateway_follow";
    const SUMMARY: &'static str = "Get what a gateway that runs apart needs to serve";
    const DESCRIPTION: &'static str = "Waits until there is something newer than `seq`, or `wait_ms` \
        have passed. Each budget's rest is shared out among the gateways that ask; what one was given \
        stays its own until it tells that it has a newer snapshot, or that it leaves.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[];
    type Path = Nothing;
    type Query = Nothing;
    type Body = GatewayAsk;
    type Response = GatewaySnapshot;
}

/// `POST /api/v1/gateway/usage`: hand in a roll-up.
#[derive(Debug)]
pub struct GatewayUsageRecord;

impl Endpoint for GatewayUsageRecord {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/gateway/usage";
    const ID: &'static str = "gateway_usage_record";
    const SUMMARY: &'static str = "Record what a gateway that runs apart has counted";
    const DESCRIPTION: &'static str = "The same roll-up again changes nothing, so an unknown outcome is \
        repeated; roll-ups of a gateway come in the order of their numbers.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = Nothing;
    type Body = GatewayUsage;
    type Response = GatewayRecorded;
}
