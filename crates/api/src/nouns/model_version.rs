//! Versions of models: content, lineage, signature and results.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Digest, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, PageQuery},
    problem::Code,
    reference::ArtefactRef,
    text::{ClassText, DigestText, IdText, Timestamp},
};

/// What a version was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The dataset that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<ArtefactRef>,
    /// The workload that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub workload: Option<Id<kinds::Workload>>,
    /// The model that it was tuned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<ArtefactRef>,
    /// Program and version that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
}

/// A result that was measured on a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// What was measured, such as `exact_match`.
    pub metric: String,
    /// Examples answered rightly.
    pub correct: u64,
    /// Examples asked; at least 1 and at least `correct`.
    pub total: u64,
    /// The examples.
    pub dataset: ArtefactRef,
    /// The workload that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub workload: Option<Id<kinds::Workload>>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A result to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationNew {
    /// What was measured, such as `exact_match`.
    pub metric: String,
    /// Examples answered rightly.
    pub correct: u64,
    /// Examples asked; at least 1 and at least `correct`.
    pub total: u64,
    /// The examples.
    pub dataset: ArtefactRef,
    /// The workload that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub workload: Option<Id<kinds::Workload>>,
}

/// One version of a model; its content never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelVersion {
    /// The model.
    #[schemars(with = "IdText<kinds::Model>")]
    pub model: Id<kinds::Model>,
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
    /// How sensitive it is: at least as much as what it was made from.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
    /// What it was made from.
    pub lineage: Lineage,
    /// The OpenSSF model signature bundle, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Results, the oldest first.
    pub evaluations: Vec<Evaluation>,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A version to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelVersionNew {
    /// A stored manifest in the Hugging Face layout.
    #[schemars(with = "DigestText")]
    pub manifest: Digest,
    /// What it was made from.
    #[serde(default)]
    pub lineage: Lineage,
    /// The OpenSSF model signature bundle, as JSON text, at most 32 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A model and one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelVersionPath {
    /// The model.
    #[schemars(with = "IdText<kinds::Model>")]
    pub id: Id<kinds::Model>,
    /// The version, from 1.
    pub number: u32,
}

/// `POST /api/v1/models/{id}/versions`: add a version to a model.
#[derive(Debug)]
pub struct ModelVersionCreate;

impl Endpoint for ModelVersionCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/models/{id}/versions";
    const ID: &'static str = "model_version_create";
    const SUMMARY: &'static str = "Add a version to a model";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::BlobMissing];
    const STATUS: u16 = 201;
    type Path = IdPath<kinds::Model>;
    type Query = Nothing;
    type Body = ModelVersionNew;
    type Response = ModelVersion;
}

/// `GET /api/v1/models/{id}/versions`: list the versions of a model.
#[derive(Debug)]
pub struct ModelVersionList;

impl Endpoint for ModelVersionList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/models/{id}/versions";
    const ID: &'static str = "model_version_list";
    const SUMMARY: &'static str = "List the versions of a model";
    const DESCRIPTION: &'static str = "The newest first.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Model>;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<ModelVersion>;
}

/// `GET /api/v1/models/{id}/versions/{number}`: get a version of a model.
#[derive(Debug)]
pub struct ModelVersionGet;

impl Endpoint for ModelVersionGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/models/{id}/versions/{number}";
    const ID: &'static str = "model_version_get";
    const SUMMARY: &'static str = "Get a version of a model";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = ModelVersionPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = ModelVersion;
}

/// `POST /api/v1/models/{id}/versions/{number}/evaluations`: record a result on a version.
#[derive(Debug)]
pub struct EvaluationCreate;

impl Endpoint for EvaluationCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/models/{id}/versions/{number}/evaluations";
    const ID: &'static str = "evaluation_create";
    const SUMMARY: &'static str = "Record a result on a version";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const STATUS: u16 = 201;
    type Path = ModelVersionPath;
    type Query = Nothing;
    type Body = EvaluationNew;
    type Response = ModelVersion;
}
