//! Sovereignty policies as Cedar text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, NamedQuery, Page},
    problem::Code,
    reference::PolicyScope,
    text::{DigestText, IdText, NameText, Timestamp},
};

/// A named set of Cedar policies in force for a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Its id.
    #[schemars(with = "IdText<kinds::Policy>")]
    pub id: Id<kinds::Policy>,
    /// Where it applies: `platform`, an organisation's id or a project's id.
    pub scope: PolicyScope,
    /// Unique in its scope.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Cedar policies.
    pub text: String,
    /// SHA-256 of the text; decisions record the digests of what they used.
    #[schemars(with = "DigestText")]
    pub digest: Digest,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A policy to put in force: it replaces the one of the same scope and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyNew {
    /// Where it applies: `platform`, an organisation or a project.
    pub scope: PolicyScope,
    /// Unique in its scope.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Cedar policies, at most 64 KiB.
    pub text: String,
}

/// `POST /api/v1/policies`: put a policy in force.
#[derive(Debug)]
pub struct PolicySet;

impl Endpoint for PolicySet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/policies";
    const ID: &'static str = "policy_set";
    const SUMMARY: &'static str = "Put a policy in force";
    const DESCRIPTION: &'static str = "Policies of the platform need the role operator. A text that is not valid Cedar is refused.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PolicyNew;
    type Response = Policy;
}

/// `GET /api/v1/policies`: list the policies that bind the key's scope.
#[derive(Debug)]
pub struct PolicyList;

impl Endpoint for PolicyList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/policies";
    const ID: &'static str = "policy_list";
    const SUMMARY: &'static str = "List the policies that bind the key's scope";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Policy>;
}

/// `GET /api/v1/policies/{id}`: get a policy.
#[derive(Debug)]
pub struct PolicyGet;

impl Endpoint for PolicyGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/policies/{id}";
    const ID: &'static str = "policy_get";
    const SUMMARY: &'static str = "Get a policy";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Policy>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Policy;
}
