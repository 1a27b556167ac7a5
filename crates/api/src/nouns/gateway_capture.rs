//! What gateways that run apart hand in of captured questions and answers. Nothing of it is kept here but for the
//! project that asked for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::{ClassText, IdText},
};

/// What is kept of the calls of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayCapture {
    /// The dataset of the key's project.
    #[schemars(with = "IdText<kinds::Dataset>")]
    pub dataset: Id<kinds::Dataset>,
    /// Of a thousand requests so many, by their ids.
    pub permille: u16,
    /// The dataset's class: nothing of a higher class is kept.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
}

/// A question with its answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayCapturedRecord {
    /// Whose key asked.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Where it goes.
    #[schemars(with = "IdText<kinds::Dataset>")]
    pub dataset: Id<kinds::Dataset>,
    /// When it was answered, in microseconds since 1970.
    pub at_unix_us: i64,
    /// A JSON object on one line, without its end.
    pub line: String,
}

impl std::fmt::Debug for GatewayCapturedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the texts.
        f.debug_struct("GatewayCapturedRecord")
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

/// Records that could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayDropped {
    /// Whose they were.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// How many, since they were told last.
    pub records: u64,
}

/// What a gateway hands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayCaptured {
    /// In the order in which they were answered.
    pub records: Vec<GatewayCapturedRecord>,
    /// What the gateway had no room for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<GatewayDropped>,
}

/// Records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayCapturedTaken {
    /// How many of them are kept: who has opted out meanwhile wants none.
    pub n_kept: u64,
}

/// `POST /api/v1/gateway/captured`: hand in captured questions and answers.
#[derive(Debug)]
pub struct GatewayCapturedSend;

impl Endpoint for GatewayCapturedSend {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/gateway/captured";
    const ID: &'static str = "gateway_captured_send";
    const SUMMARY: &'static str = "Hand in what a gateway that runs apart has captured";
    const DESCRIPTION: &'static str = "Each record goes where its project captures to at this moment, and \
        nowhere else. Handed in again after an unknown outcome, a record may be there twice, under one id.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[];
    type Path = Nothing;
    type Query = Nothing;
    type Body = GatewayCaptured;
    type Response = GatewayCapturedTaken;
}
