//! What an operator does to a node: suspect, cordon, uncordon, drain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::kinds;

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{common::IdPath, node::Node},
    problem::Code,
};

/// Why an operator changes a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeReason {
    /// For those who read the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an operator drains a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDrainNew {
    /// For those who read the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds for which its work may go on, at most 30 days; 0 or absent stops it at once. Then
    /// each workload has its own grace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

/// `POST /api/v1/nodes/{id}/suspect`: let a node take no gangs.
#[derive(Debug)]
pub struct NodeSuspect;

impl Endpoint for NodeSuspect {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/nodes/{id}/suspect";
    const ID: &'static str = "node_suspect";
    const SUMMARY: &'static str = "Let a node take no gangs, because its health is doubted";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Node>;
    type Query = Nothing;
    type Body = NodeReason;
    type Response = Node;
}

/// `POST /api/v1/nodes/{id}/cordon`: let a node take no more work.
#[derive(Debug)]
pub struct NodeCordon;

impl Endpoint for NodeCordon {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/nodes/{id}/cordon";
    const ID: &'static str = "node_cordon";
    const SUMMARY: &'static str = "Let a node take no more work";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Node>;
    type Query = Nothing;
    type Body = NodeReason;
    type Response = Node;
}

/// `POST /api/v1/nodes/{id}/uncordon`: let a node take work again.
#[derive(Debug)]
pub struct NodeUncordon;

impl Endpoint for NodeUncordon {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/nodes/{id}/uncordon";
    const ID: &'static str = "node_uncordon";
    const SUMMARY: &'static str = "Let a node take work again";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Node>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Node;
}

/// `POST /api/v1/nodes/{id}/drain`: stop the work of a node and let it take no more.
#[derive(Debug)]
pub struct NodeDrain;

impl Endpoint for NodeDrain {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/nodes/{id}/drain";
    const ID: &'static str = "node_drain";
    const SUMMARY: &'static str = "Stop the work of a node and let it take no more";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Node>;
    type Query = Nothing;
    type Body = NodeDrainNew;
    type Response = Node;
}
