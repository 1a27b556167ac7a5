//! Models; their versions are in `model_version`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, ProjectNamedQuery},
    problem::Code,
    reference::ProjectRef,
    text::{IdText, NameText, Timestamp},
};

/// A model with numbered versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// Its id.
    #[schemars(with = "IdText<kinds::Model>")]
    pub id: Id<kinds::Model>,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// How many versions it has; also the newest number.
    pub n_versions: u32,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a model is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelNew {
    /// The project.
    pub project: ProjectRef,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
}

/// `POST /api/v1/models`: create a model without versions.
#[derive(Debug)]
pub struct ModelCreate;

impl Endpoint for ModelCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/models";
    const ID: &'static str = "model_create";
    const SUMMARY: &'static str = "Create a model without versions";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ModelNew;
    type Response = Model;
}

/// `GET /api/v1/models`: list models.
#[derive(Debug)]
pub struct ModelList;

impl Endpoint for ModelList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/models";
    const ID: &'static str = "model_list";
    const SUMMARY: &'static str = "List models";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
    type Body = Nothing;
    type Response = Page<Model>;
}

/// `GET /api/v1/models/{id}`: get a model.
#[derive(Debug)]
pub struct ModelGet;

impl Endpoint for ModelGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/models/{id}";
    const ID: &'static str = "model_get";
    const SUMMARY: &'static str = "Get a model";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Model>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Model;
}
