//! Service accounts: programs that act, each with somebody who answers for it and an end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, ProjectNamedQuery},
    problem::Code,
    reference::{ProjectRef, Ref},
    text::{IdText, NameText, Timestamp},
};

/// A program's identity. It acts with keys that it owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceAccount {
    /// Its id.
    #[schemars(with = "IdText<kinds::ServiceAccount>")]
    pub id: Id<kinds::ServiceAccount>,
    /// Its organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Its project; absent for one of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// Unique in its organisation or project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Who answers for it: while they are suspended it may do nothing.
    #[schemars(with = "IdText<kinds::User>")]
    pub owner: Id<kinds::User>,
    /// From when on it may do nothing.
    pub expires_at: Timestamp,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a service account is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountNew {
    /// Its organisation; or give `project`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Who answers for it: an active user of the organisation.
    #[schemars(with = "IdText<kinds::User>")]
    pub owner: Id<kinds::User>,
    /// Seconds to its end, at most 366 days.
    pub expires_in_seconds: u64,
}

/// Another end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountEnd {
    /// Seconds to its end, at most 366 days.
    pub expires_in_seconds: u64,
}

/// Another owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountOwner {
    /// An active user of the organisation.
    #[schemars(with = "IdText<kinds::User>")]
    pub owner: Id<kinds::User>,
}

/// `POST /api/v1/service-accounts`: create a service account, which may do nothing yet.
#[derive(Debug)]
pub struct ServiceAccountCreate;

impl Endpoint for ServiceAccountCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/service-accounts";
    const ID: &'static str = "service_account_create";
    const SUMMARY: &'static str = "Create a service account, which may do nothing yet";
    const DESCRIPTION: &'static str =
        "Give roles with `binding_create` and keys with `key_create`.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken, Code::StateConflict];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ServiceAccountNew;
    type Response = ServiceAccount;
}

/// `GET /api/v1/service-accounts`: list service accounts.
#[derive(Debug)]
pub struct ServiceAccountList;

impl Endpoint for ServiceAccountList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/service-accounts";
    const ID: &'static str = "service_account_list";
    const SUMMARY: &'static str = "List service accounts";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
    type Body = Nothing;
    type Response = Page<ServiceAccount>;
}

/// `GET /api/v1/service-accounts/{id}`: get a service account.
#[derive(Debug)]
pub struct ServiceAccountGet;

impl Endpoint for ServiceAccountGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/service-accounts/{id}";
    const ID: &'static str = "service_account_get";
    const SUMMARY: &'static str = "Get a service account";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::ServiceAccount>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ServiceAccount;
}

/// `DELETE /api/v1/service-accounts/{id}`: delete a service account; its keys stop.
#[derive(Debug)]
pub struct ServiceAccountDelete;

impl Endpoint for ServiceAccountDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/service-accounts/{id}";
    const ID: &'static str = "service_account_delete";
    const SUMMARY: &'static str = "Delete a service account; its keys stop";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::ServiceAccount>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ServiceAccount;
}

/// `POST /api/v1/service-accounts/{id}/renew`: give a service account another end.
#[derive(Debug)]
pub struct ServiceAccountRenew;

impl Endpoint for ServiceAccountRenew {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/service-accounts/{id}/renew";
    const ID: &'static str = "service_account_renew";
    const SUMMARY: &'static str = "Give a service account another end";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::ServiceAccount>;
    type Query = Nothing;
    type Body = ServiceAccountEnd;
    type Response = ServiceAccount;
}

/// `POST /api/v1/service-accounts/{id}/assign`: give a service account another owner.
#[derive(Debug)]
pub struct ServiceAccountAssign;

impl Endpoint for ServiceAccountAssign {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/service-accounts/{id}/assign";
    const ID: &'static str = "service_account_assign";
    const SUMMARY: &'static str = "Give a service account another owner";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    type Path = IdPath<kinds::ServiceAccount>;
    type Query = Nothing;
    type Body = ServiceAccountOwner;
    type Response = ServiceAccount;
}
