//! Custom roles: permissions that an organisation put together under a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::Ref,
    text::{IdText, NameText, Timestamp},
};

/// A custom role. Built-in roles need no entry: inference, viewer, member, administrator, auditor,
/// billing, teacher, student, and operator on the whole platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CustomRole")]
pub struct Role {
    /// Its id.
    #[schemars(with = "IdText<kinds::Role>")]
    pub id: Id<kinds::Role>,
    /// The organisation in which it can be given.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Groups of permissions (`read`, `work`, `infer`, `administer`, `audit`, `bill`, `teach`, `study`)
    /// and operations of this API by their `operationId`, such as `workload_create`.
    pub permissions: Vec<String>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a custom role is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleNew {
    /// The organisation in which it can be given.
    pub organisation: Ref<kinds::Organisation>,
    /// Unique there, and no name of a built-in role.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Groups of permissions and operations of this API, within what an administrator may do.
    pub permissions: Vec<String>,
}

/// Other permissions for whoever has the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolePermissions {
    /// All of them from now on.
    pub permissions: Vec<String>,
}

/// Which roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleQuery {
    /// Only those of this organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only those of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/roles`: create a custom role.
#[derive(Debug)]
pub struct RoleCreate;

impl Endpoint for RoleCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/roles";
    const ID: &'static str = "role_create";
    const SUMMARY: &'static str = "Create a custom role";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = RoleNew;
    type Response = Role;
}

/// `GET /api/v1/roles`: list custom roles.
#[derive(Debug)]
pub struct RoleList;

impl Endpoint for RoleList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/roles";
    const ID: &'static str = "role_list";
    const SUMMARY: &'static str = "List custom roles";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = RoleQuery;
    type Body = Nothing;
    type Response = Page<Role>;
}

/// `GET /api/v1/roles/{id}`: get a custom role.
#[derive(Debug)]
pub struct RoleGet;

impl Endpoint for RoleGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/roles/{id}";
    const ID: &'static str = "role_get";
    const SUMMARY: &'static str = "Get a custom role";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Role>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Role;
}

/// `PUT /api/v1/roles/{id}`: change what a custom role permits.
#[derive(Debug)]
pub struct RoleSet;

impl Endpoint for RoleSet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/roles/{id}";
    const ID: &'static str = "role_set";
    const SUMMARY: &'static str = "Change what a custom role permits";
    const DESCRIPTION: &'static str = "It changes for all who have the role.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Role>;
    type Query = Nothing;
    type Body = RolePermissions;
    type Response = Role;
}

/// `DELETE /api/v1/roles/{id}`: delete a custom role that nobody has.
#[derive(Debug)]
pub struct RoleDelete;

impl Endpoint for RoleDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/roles/{id}";
    const ID: &'static str = "role_delete";
    const SUMMARY: &'static str = "Delete a custom role that nobody has";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    type Path = IdPath<kinds::Role>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Role;
}
