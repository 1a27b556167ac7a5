//! What a project's keys ask of models, as the gateway counts it: for the project's own people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
    reference::ProjectRef,
    text::{IdText, Timestamp},
};

/// Calls of one key at one endpoint since `since`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InferenceLine {
    /// The key; absent for the rest, which is the sum over keys and endpoints that are not shown apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// The endpoint; absent for calls that reached none, and for the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Endpoint>>")]
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// The model as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Calls that ended.
    pub requests: u64,
    /// Those that did not end well.
    pub errors: u64,
    /// Those that a guardrail refused; errors too.
    pub refused: u64,
    /// Texts in which guardrails replaced something.
    pub redacted: u64,
    /// Matches of guardrails that only report.
    pub reported: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Time from arrival to the last byte, in milliseconds, over all calls.
    pub duration_ms: u64,
    /// Streams that gave a token.
    pub streams: u64,
    /// Time from arrival to the first token, in milliseconds, over those streams.
    pub first_token_ms: u64,
}

/// What a project's keys asked of models since the gateway started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inference {
    /// The project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Since when is counted: the start of this process. What was used before is in the costs.
    pub since: Timestamp,
    /// By key, then by endpoint.
    pub lines: Vec<InferenceLine>,
}

/// Whose figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferenceQuery {
    /// The project.
    pub project: ProjectRef,
}

/// `GET /api/v1/inference`: what a project's keys ask of models.
#[derive(Debug)]
pub struct InferenceGet;

impl Endpoint for InferenceGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/inference";
    const ID: &'static str = "inference_get";
    const SUMMARY: &'static str = "Calls of models by a project's keys, as the gateway counts them";
    const DESCRIPTION: &'static str = "Counters of the gateway's process: they start at zero with it, and \
         are no bill; `GET /api/v1/costs` is from the log. The least used of very many keys are summed in \
         a line without a key.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = InferenceQuery;
    type Body = Nothing;
    type Response = Inference;
}

/// `GET /api/v1/inference/metrics`: the same for Prometheus.
#[derive(Debug)]
pub struct InferenceMetricsGet;

impl Endpoint for InferenceMetricsGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/inference/metrics";
    const ID: &'static str = "inference_metrics_get";
    const SUMMARY: &'static str =
        "Calls of models by a project's keys, in the Prometheus text format";
    const DESCRIPTION: &'static str = "As `GET /api/v1/inference`, with key, endpoint and model as labels: \
         give Prometheus a key of the project that may read as `authorization`.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::Text;
    type Path = Nothing;
    type Query = InferenceQuery;
    type Body = Nothing;
    type Response = Raw;
}
