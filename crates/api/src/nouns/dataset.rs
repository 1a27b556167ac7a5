//! Datasets and their versions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Digest, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, PageQuery, ProjectNamedQuery},
    problem::Code,
    reference::{ArtefactRef, InputRef, ProjectRef},
    text::{ClassText, DigestText, IdText, NameText, Timestamp},
};

/// How a dataset's data came to be.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DatasetOrigin {
    /// Somebody put it there.
    #[default]
    Given,
    /// What people asked models, and the answers: no training without their organisation's consent.
    Captured,
}

/// A dataset with numbered versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// Its id.
    #[schemars(with = "IdText<kinds::Dataset>")]
    pub id: Id<kinds::Dataset>,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// How sensitive it is.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
    /// How its data came to be.
    #[serde(default)]
    pub origin: DatasetOrigin,
    /// Since when its content is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// Days for which a text that the gateway captured into it stays; then its versions are erased. Nobody
    /// adds versions by hand to one that has this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u16>,
    /// The number of its newest version, 0 without any. Numbers of versions that a retention erased stay
    /// unused.
    pub n_versions: u32,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a dataset is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetNew {
    /// The project.
    pub project: ProjectRef,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// How sensitive it is.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
    /// How its data came to be; `given` if absent.
    #[serde(default)]
    pub origin: DatasetOrigin,
}

/// One version of a dataset; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetVersion {
    /// The dataset.
    #[schemars(with = "IdText<kinds::Dataset>")]
    pub dataset: Id<kinds::Dataset>,
    /// From 1.
    pub number: u32,
    /// `project/name@vN`.
    pub reference: ArtefactRef,
    /// Its files.
    #[schemars(with = "DigestText")]
    pub manifest: Digest,
    /// Files in it.
    pub n_files: u64,
    /// Their sizes together.
    #[schemars(with = "u64")]
    pub size_bytes: Bytes,
    /// What it was made from, as far as is known.
    #[serde(default)]
    pub parents: Vec<InputRef>,
    /// When the oldest text in it was captured, if the gateway captured it; its retention counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A version to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetVersionNew {
    /// A stored manifest.
    #[schemars(with = "DigestText")]
    pub manifest: Digest,
    /// Versions of datasets or models that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<InputRef>,
}

/// `POST /api/v1/datasets`: create a dataset without versions.
#[derive(Debug)]
pub struct DatasetCreate;

impl Endpoint for DatasetCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/datasets";
    const ID: &'static str = "dataset_create";
    const SUMMARY: &'static str = "Create a dataset without versions";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken, Code::ForbiddenByPolicy];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = DatasetNew;
    type Response = Dataset;
}

/// `GET /api/v1/datasets`: list datasets.
#[derive(Debug)]
pub struct DatasetList;

impl Endpoint for DatasetList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/datasets";
    const ID: &'static str = "dataset_list";
    const SUMMARY: &'static str = "List datasets";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
    type Body = Nothing;
    type Response = Page<Dataset>;
}

/// `GET /api/v1/datasets/{id}`: get a dataset.
#[derive(Debug)]
pub struct DatasetGet;

impl Endpoint for DatasetGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/datasets/{id}";
    const ID: &'static str = "dataset_get";
    const SUMMARY: &'static str = "Get a dataset";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Dataset>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Dataset;
}

/// `POST /api/v1/datasets/{id}/versions`: add a version to a dataset.
#[derive(Debug)]
pub struct DatasetVersionCreate;

impl Endpoint for DatasetVersionCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/datasets/{id}/versions";
    const ID: &'static str = "dataset_version_create";
    const SUMMARY: &'static str = "Add a version to a dataset";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::BlobMissing];
    const STATUS: u16 = 201;
    type Path = IdPath<kinds::Dataset>;
    type Query = Nothing;
    type Body = DatasetVersionNew;
    type Response = DatasetVersion;
}

/// `GET /api/v1/datasets/{id}/versions`: list the versions of a dataset.
#[derive(Debug)]
pub struct DatasetVersionList;

impl Endpoint for DatasetVersionList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/datasets/{id}/versions";
    const ID: &'static str = "dataset_version_list";
    const SUMMARY: &'static str = "List the versions of a dataset";
    const DESCRIPTION: &'static str = "The newest first.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Dataset>;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<DatasetVersion>;
}
