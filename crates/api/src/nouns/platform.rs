//! The platform itself: health, metrics, its own description, backup.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    nouns::storage::ToQuery,
    problem::Code,
};

/// The process lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// The platform takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// `ready`.
    pub status: String,
    /// The last sequence number of the log.
    pub seq: u64,
}

/// The slug in a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlugPath {
    /// The code of a problem.
    pub slug: String,
}

/// `GET /healthz`: say that the process lives.
#[derive(Debug)]
pub struct Healthz;

impl Endpoint for Healthz {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/healthz";
    const ID: &'static str = "healthz";
    const SUMMARY: &'static str = "Say that the process lives";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Health;
}

/// `GET /readyz`: say that the platform takes requests.
#[derive(Debug)]
pub struct Readyz;

impl Endpoint for Readyz {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/readyz";
    const ID: &'static str = "readyz";
    const SUMMARY: &'static str = "Say that the platform takes requests";
    const DESCRIPTION: &'static str = "Answers unavailable, with what it waits for, until then.";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Readiness;
}

/// `GET /metrics`: metrics in the Prometheus text format.
#[derive(Debug)]
pub struct Metrics;

impl Endpoint for Metrics {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/metrics";
    const ID: &'static str = "metrics";
    const SUMMARY: &'static str = "Metrics in the Prometheus text format";
    const DESCRIPTION: &'static str = "No tenant, key or workload is a label. With few tenants totals say when one of them works, so \
         it takes a key of an operator: give it to Prometheus as `authorization`.";
    const PERMISSION: Permission = Permission::Operator;
    const RESPONSE: Content = Content::Text;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /api/v1/openapi.json`: get this document.
#[derive(Debug)]
pub struct OpenapiGet;

impl Endpoint for OpenapiGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/openapi.json";
    const ID: &'static str = "openapi_get";
    const SUMMARY: &'static str = "Get this document";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /problems/{slug}`: get the page that explains a problem.
#[derive(Debug)]
pub struct ProblemGet;

impl Endpoint for ProblemGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/problems/{slug}";
    const ID: &'static str = "problem_get";
    const SUMMARY: &'static str = "Get the page that explains a problem";
    const DESCRIPTION: &'static str = "Markdown: cause, fix, example.";
    const PERMISSION: Permission = Permission::Public;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::Text;
    type Path = SlugPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /api/v1/backup`: stream a backup of the platform.
#[derive(Debug)]
pub struct BackupGet;

impl Endpoint for BackupGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/backup";
    const ID: &'static str = "backup_get";
    const SUMMARY: &'static str = "Stream a backup of the platform";
    const DESCRIPTION: &'static str = "A consistent copy of log, checkpoints and blobs, for cocarde restore. Policy is asked whether it may \
         go to the place of storage, and the answer is in the log before the first byte.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[
        Code::NotFound,
        Code::InvalidField,
        Code::StateConflict,
        Code::ForbiddenByPolicy,
        Code::StorageFull,
    ];
    const RESPONSE: Content = Content::Tar;
    type Path = Nothing;
    type Query = ToQuery;
    type Body = Nothing;
    type Response = Raw;
}
