//! Quotas: what a tenant is entitled to of a class of GPU, may borrow, and lends.

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

/// A quota in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    /// Its id.
    #[schemars(with = "IdText<kinds::Quota>")]
    pub id: Id<kinds::Quota>,
    /// Whose it is, for people: `organisation` or `organisation/project`.
    pub owner: String,
    /// The organisation that it belongs to, or whose project it belongs to.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// The project that it belongs to; absent for a quota of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// What it counts: `cpu`, or GPUs whose model contains this text.
    pub class: String,
    /// The owner's own share, in thousandths of a GPU or of a core.
    pub nominal_milli: u64,
    /// Most that may be used beyond it while others leave it idle; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowing_milli: Option<u64>,
    /// Most of it that others may use while it is idle; absent for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lending_milli: Option<u64>,
    /// Share of what is idle, relative to others who want it.
    pub weight: u32,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a quota is set to; it replaces the one of the same owner and class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaNew {
    /// The organisation whose it is; give either this or `project`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// The project whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// What it counts: `cpu`, or a model of GPU such as `H200`.
    pub class: String,
    /// The owner's own share, in thousandths of a GPU or of a core.
    pub nominal_milli: u64,
    /// Most that may be used beyond it; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowing_milli: Option<u64>,
    /// Most of it that others may use while it is idle; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lending_milli: Option<u64>,
    /// Share of what is idle, 0 to 1,000,000; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Which quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaQuery {
    /// Only quotas of this organisation and of its projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only quotas of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Only quotas of this class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/quotas`: set a quota.
#[derive(Debug)]
pub struct QuotaSet;

impl Endpoint for QuotaSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/quotas";
    const ID: &'static str = "quota_set";
    const SUMMARY: &'static str = "Set the quota of an owner for a class";
    const DESCRIPTION: &'static str = "Replaces the quota of the same owner and class. An \
        organisation's quota, and that of a project whose organisation has none for the class, is \
        the operator's to set; an administrator of the organisation shares it among its projects.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::QuotaExceeded];
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = QuotaNew;
    type Response = Quota;
}

/// `GET /api/v1/quotas`: list quotas.
#[derive(Debug)]
pub struct QuotaList;

impl Endpoint for QuotaList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/quotas";
    const ID: &'static str = "quota_list";
    const SUMMARY: &'static str = "List quotas";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = QuotaQuery;
    type Body = Nothing;
    type Response = Page<Quota>;
}

/// `GET /api/v1/quotas/{id}`: get a quota.
#[derive(Debug)]
pub struct QuotaGet;

impl Endpoint for QuotaGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/quotas/{id}";
    const ID: &'static str = "quota_get";
    const SUMMARY: &'static str = "Get a quota";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Quota>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Quota;
}

/// `DELETE /api/v1/quotas/{id}`: take a quota out of force; the answer is what it was.
#[derive(Debug)]
pub struct QuotaDelete;

impl Endpoint for QuotaDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/quotas/{id}";
    const ID: &'static str = "quota_delete";
    const SUMMARY: &'static str = "Take a quota out of force";
    const DESCRIPTION: &'static str = "Answers what it was.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Quota>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Quota;
}
