//! Bindings: a role given to a user, a group or a service account somewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::{PolicyScope, ProjectRef, Ref},
    text::{IdText, Timestamp},
};

/// A role given to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binding {
    /// Its id.
    #[schemars(with = "IdText<kinds::Binding>")]
    pub id: Id<kinds::Binding>,
    /// The name of the role.
    pub role: String,
    /// The role's id, if it is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Role>>")]
    pub role_id: Option<Id<kinds::Role>>,
    /// Who has it: this user,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// this group
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Group>>")]
    pub group: Option<Id<kinds::Group>>,
    /// or this service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// Where: `platform`, an organisation or a project, by id.
    pub scope: PolicyScope,
    /// From when on it gives nothing; absent until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What is given. Name one of user, group and service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingNew {
    /// A built-in role, or a custom role of the organisation by name or id.
    pub role: String,
    /// To this user,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// to this group of the organisation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Ref<kinds::Group>>,
    /// or to this service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// Where: `platform`, an organisation or a project.
    pub scope: PolicyScope,
    /// Seconds until it ends; absent until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
}

/// Which bindings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingQuery {
    /// Only what this user was given directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// Only what this group was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Group>>")]
    pub group: Option<Id<kinds::Group>>,
    /// Only what this service account was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// Only what was given in this organisation, its projects included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only what was given in this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/bindings`: give a role.
#[derive(Debug)]
pub struct BindingCreate;

impl Endpoint for BindingCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/bindings";
    const ID: &'static str = "binding_create";
    const SUMMARY: &'static str = "Give a role";
    const DESCRIPTION: &'static str = "Nobody gives more than they have.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = BindingNew;
    type Response = Binding;
}

/// `GET /api/v1/bindings`: list roles given.
#[derive(Debug)]
pub struct BindingList;

impl Endpoint for BindingList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/bindings";
    const ID: &'static str = "binding_list";
    const SUMMARY: &'static str = "List roles given";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = BindingQuery;
    type Body = Nothing;
    type Response = Page<Binding>;
}

/// `GET /api/v1/bindings/{id}`: get one role given.
#[derive(Debug)]
pub struct BindingGet;

impl Endpoint for BindingGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/bindings/{id}";
    const ID: &'static str = "binding_get";
    const SUMMARY: &'static str = "Get one role given";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Binding>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Binding;
}

/// `DELETE /api/v1/bindings/{id}`: take a role back.
#[derive(Debug)]
pub struct BindingDelete;

impl Endpoint for BindingDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/bindings/{id}";
    const ID: &'static str = "binding_delete";
    const SUMMARY: &'static str = "Take a role back";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Binding>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Binding;
}
