//! Consents: a tenant lets named people of the platform look at, or administer, what is its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, PageQuery},
    problem::Code,
    reference::PolicyScope,
    text::{IdText, Timestamp},
};

/// What a consent allows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConsentLevel {
    /// To read, as a viewer.
    Read,
    /// To administer, as an administrator.
    Administer,
}

/// A tenant's permission. Each request that it makes possible is an event `consent.used` before it is
/// answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// Its id.
    #[schemars(with = "IdText<kinds::Consent>")]
    pub id: Id<kinds::Consent>,
    /// What may be seen: an organisation or a project, by id.
    pub scope: PolicyScope,
    /// The people of the platform who may.
    #[schemars(with = "Vec<IdText<kinds::User>>")]
    pub users: Vec<Id<kinds::User>>,
    /// What they may.
    pub level: ConsentLevel,
    /// From when on not any more.
    pub until: Timestamp,
    /// Who of the tenant granted it: a key or a user, as the log has it.
    pub granted_by: String,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Requests that it made possible.
    pub n_used: u64,
    /// Grows with every change and every use; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was granted.
    pub created_at: Timestamp,
}

/// What a consent is granted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentNew {
    /// What may be seen: an organisation or a project.
    pub scope: PolicyScope,
    /// The people of the platform who may, 1 to 16; support tells you their ids.
    #[schemars(with = "Vec<IdText<kinds::User>>")]
    pub users: Vec<Id<kinds::User>>,
    /// What they may.
    pub level: ConsentLevel,
    /// Seconds until it ends, at most 7 days.
    pub expires_in_seconds: u64,
}

/// `POST /api/v1/consents`: let support look for a while.
#[derive(Debug)]
pub struct ConsentCreate;

impl Endpoint for ConsentCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/consents";
    const ID: &'static str = "consent_create";
    const SUMMARY: &'static str = "Let named people of the platform look for a while";
    const DESCRIPTION: &'static str = "Only somebody of the organisation itself can.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ConsentNew;
    type Response = Consent;
}

/// `GET /api/v1/consents`: list consents.
#[derive(Debug)]
pub struct ConsentList;

impl Endpoint for ConsentList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/consents";
    const ID: &'static str = "consent_list";
    const SUMMARY: &'static str = "List consents";
    const PERMISSION: Permission = Permission::Administrator;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<Consent>;
}

/// `GET /api/v1/consents/{id}`: get a consent.
#[derive(Debug)]
pub struct ConsentGet;

impl Endpoint for ConsentGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/consents/{id}";
    const ID: &'static str = "consent_get";
    const SUMMARY: &'static str = "Get a consent";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Consent>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Consent;
}

/// `DELETE /api/v1/consents/{id}`: take a consent back at once.
#[derive(Debug)]
pub struct ConsentRevoke;

impl Endpoint for ConsentRevoke {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/consents/{id}";
    const ID: &'static str = "consent_revoke";
    const SUMMARY: &'static str = "Take a consent back at once";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Consent>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Consent;
}
