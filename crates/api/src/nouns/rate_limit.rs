//! Rate limits: how many requests and tokens per minute, and at once, somebody may ask of models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::{ProjectRef, Ref},
    text::{IdText, Timestamp},
};

/// A rate limit in force. All that stand over a call hold at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimit {
    /// Its id.
    #[schemars(with = "IdText<kinds::RateLimit>")]
    pub id: Id<kinds::RateLimit>,
    /// Whose calls it counts, for people.
    pub owner: String,
    /// The organisation whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// The project whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// The user whose calls it counts, with all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The service account whose calls it counts, with all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The key whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// Most requests per minute; absent for no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Most tokens per minute, read and written; absent for no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Most requests in flight; absent for no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<u32>,
    /// Share of an overloaded model among the others who wait; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a rate limit is set to; it replaces the one of the same owner. Name one owner: an organisation, a
/// project, a user, a service account or a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitNew {
    /// The organisation whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// The project whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// The user whose calls it counts, with all of their keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The service account whose calls it counts, with all of its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The key whose calls it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// Most requests per minute, 0 to 100,000,000,000; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Most tokens per minute, read and written, 0 to 100,000,000,000; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Most requests in flight; no limit if absent, for a key the gateway's default of 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<u32>,
    /// Share of an overloaded model among the others who wait, 1 to 1,000; of organisations and projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Which rate limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitQuery {
    /// Only limits of this organisation and of all below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only limits of this project, and of keys and service accounts of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/rate-limits`: set a rate limit.
#[derive(Debug)]
pub struct RateLimitSet;

impl Endpoint for RateLimitSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/rate-limits";
    const ID: &'static str = "rate_limit_set";
    const SUMMARY: &'static str = "Set the rate limit of an owner";
    const DESCRIPTION: &'static str = "Replaces the limit of the same owner. An organisation's is the \
        operator's to set, a project's its organisation's administrator's, those of users, service \
        accounts and keys whoever administers them. All that stand over a call hold at once.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = RateLimitNew;
    type Response = RateLimit;
}

/// `GET /api/v1/rate-limits`: list rate limits.
#[derive(Debug)]
pub struct RateLimitList;

impl Endpoint for RateLimitList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/rate-limits";
    const ID: &'static str = "rate_limit_list";
    const SUMMARY: &'static str = "List rate limits";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = RateLimitQuery;
    type Body = Nothing;
    type Response = Page<RateLimit>;
}

/// `GET /api/v1/rate-limits/{id}`: get a rate limit.
#[derive(Debug)]
pub struct RateLimitGet;

impl Endpoint for RateLimitGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/rate-limits/{id}";
    const ID: &'static str = "rate_limit_get";
    const SUMMARY: &'static str = "Get a rate limit";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::RateLimit>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = RateLimit;
}

/// `DELETE /api/v1/rate-limits/{id}`: take a rate limit out of force; the answer is what it was.
#[derive(Debug)]
pub struct RateLimitDelete;

impl Endpoint for RateLimitDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/rate-limits/{id}";
    const ID: &'static str = "rate_limit_delete";
    const SUMMARY: &'static str = "Take a rate limit out of force";
    const DESCRIPTION: &'static str = "Answers what it was.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::RateLimit>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = RateLimit;
}
