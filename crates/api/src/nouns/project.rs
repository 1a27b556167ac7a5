//! Projects of organisations.

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

/// A project: the unit of access, budget and billing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Its id.
    #[schemars(with = "IdText<kinds::Project>")]
    pub id: Id<kinds::Project>,
    /// Its organisation.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// Unique in the organisation.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// `organisation/project`, as job files write it.
    pub path: String,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a project is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectNew {
    /// The organisation.
    pub organisation: Ref<kinds::Organisation>,
    /// Unique in the organisation.
    #[schemars(with = "NameText")]
    pub name: Name,
}

/// Which projects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectQuery {
    /// Only projects of this organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only the project of this name.
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

/// `POST /api/v1/projects`: create a project.
#[derive(Debug)]
pub struct ProjectCreate;

impl Endpoint for ProjectCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/projects";
    const ID: &'static str = "project_create";
    const SUMMARY: &'static str = "Create a project";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ProjectNew;
    type Response = Project;
}

/// `GET /api/v1/projects`: list the projects that the key may see.
#[derive(Debug)]
pub struct ProjectList;

impl Endpoint for ProjectList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/projects";
    const ID: &'static str = "project_list";
    const SUMMARY: &'static str = "List the projects that the key may see";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = ProjectQuery;
    type Body = Nothing;
    type Response = Page<Project>;
}

/// `GET /api/v1/projects/{id}`: get a project.
#[derive(Debug)]
pub struct ProjectGet;

impl Endpoint for ProjectGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/projects/{id}";
    const ID: &'static str = "project_get";
    const SUMMARY: &'static str = "Get a project";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Project;
}
